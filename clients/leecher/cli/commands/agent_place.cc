#include "clients/leecher/cli/commands/agent_place.h"

#include <unistd.h>

#include <cstdlib>

namespace shoal::leecher {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string DefaultStateFolder() {
  if (std::string folder = Variable("STATE_DIRECTORY"); !folder.empty()) return folder;
  if (const std::string folder = Variable("XDG_STATE_HOME"); !folder.empty()) return folder + "/shoal";
  if (const std::string home = Variable("HOME"); !home.empty()) return home + "/.local/state/shoal";
  return "";
}

std::string DefaultAgentSocket() {
  if (geteuid() == 0) return "/run/shoal/agent.sock";
  if (const std::string folder = Variable("XDG_RUNTIME_DIR"); !folder.empty()) {
    return folder + "/shoal/agent.sock";
  }
  const std::string state = DefaultStateFolder();
  return state.empty() ? "" : state + "/agent.sock";
}

}  // namespace shoal::leecher
