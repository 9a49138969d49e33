#pragma once

#include <string>

namespace shoal::leecher {

// The default paths of the agent's state folder and control socket, if no flag names them. Each user has one
// agent; root's agent is the one of the machine. The functions read only the environment.

// $STATE_DIRECTORY (set by systemd), or $XDG_STATE_HOME/shoal, or ~/.local/state/shoal. Empty: there is no
// home.
std::string DefaultStateFolder();
// /run/shoal/agent.sock for root; otherwise $XDG_RUNTIME_DIR/shoal/agent.sock, or agent.sock in the state
// folder.
std::string DefaultAgentSocket();

}  // namespace shoal::leecher
