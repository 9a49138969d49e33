#pragma once

#include <functional>
#include <memory>
#include <string>

#include "clients/leecher/agent/agent.h"
#include "shoal/service/grpc/grpc_methods.h"

namespace shoal::leecher {

// The service shoal.leecher.v1.DownloadsService over an Agent, as functions of bytes: parses, validates,
// converts. The agent makes all decisions. It does not know whether gRPC or HTTP carries the bytes, nor who
// may call.
//
// Thread safety: thread-safe; methods run on all threads of all servers at the same time. Most return at
// once, or after one write to the disk; ListAvailable may take a second.
class DownloadsService {
 public:
  static constexpr char kName[] = "shoal.leecher.v1.DownloadsService";

  // Requires: the agent outlives this, and this outlives the servers that it is added to.
  DownloadsService(Agent* agent, std::string version);
  ~DownloadsService();

  void AddTo(service::GrpcMethods* methods);
  // Ends all present and future Watch streams with UNAVAILABLE: they would hold up a server that drains.
  void EndWatches();

 private:
  class Watches;
  class ChangeStream;

  Agent* const agent_;
  const std::string version_;
  const std::shared_ptr<Watches> watches_;
};

}  // namespace shoal::leecher
