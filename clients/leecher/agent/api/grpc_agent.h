#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace shoal::leecher {

// A client of the control API of the agent on this machine. Requests and responses are the JSON of
// protos/shoal/leecher/v1/downloads.proto, which is what commands show.
//
// Thread safety: thread-safe. Calls block.
class AgentClient {
 public:
  virtual ~AgentClient() = default;

  // Calls a unary method of DownloadsService, such as "List". Errors: those of the method; UNAVAILABLE, with
  // the path and what helps, when no agent listens there.
  virtual absl::StatusOr<std::string> Call(const std::string& method, const std::string& json) = 0;
  // Reads Watch until `on_message` returns false, or the stream ends with an error. While no message comes,
  // an empty one is passed every `look_every`.
  virtual absl::Status Watch(const std::string& json, absl::Duration look_every,
                             const std::function<bool(const std::string& json)>& on_message) = 0;
};

// The agent that listens at a socket in the file system.
std::unique_ptr<AgentClient> ConnectToAgent(const std::string& unix_socket, absl::Duration timeout);

}  // namespace shoal::leecher
