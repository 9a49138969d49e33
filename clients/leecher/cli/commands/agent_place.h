#pragma once

#include <string>

namespace shoal::leecher {

// Where the agent of this machine keeps its state and takes commands, without a flag: one agent per
// user, and one of the machine, which root runs. They read the environment only.

// $STATE_DIRECTORY (set by systemd), or $XDG_STATE_HOME/shoal, or ~/.local/state/shoal. Empty: there is no
// home.
std::string DefaultStateFolder();
// /run/shoal/agent.sock for root; otherwise $XDG_RUNTIME_DIR/shoal/agent.sock, or agent.sock in the state
// folder.
std::string DefaultAgentSocket();

}  // namespace shoal::leecher
