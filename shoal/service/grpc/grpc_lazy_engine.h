#pragma once

#include <functional>
#include <memory>
#include <utility>

#include <grpc/event_engine/event_engine.h>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/base/mutex.h"

namespace shoal::service {

// An event engine of gRPC that is made when gRPC first gives it something to do. gRPC makes one with the
// first channel or server, and this version does little with it: a program that makes plain calls never
// needs its four threads.
//
// Forwards everything to the engine that it makes. Thread-safe.
class GrpcLazyEngine : public grpc_event_engine::experimental::EventEngine {
 public:
  using Make = std::function<std::shared_ptr<EventEngine>()>;

  // Has gRPC use such an engine in this process, which makes gRPC's own. Called once, from main, before the
  // first channel or server.
  static void Install();

  // `make` is called once, or never.
  explicit GrpcLazyEngine(Make make) : make_(std::move(make)) {}

  absl::StatusOr<std::unique_ptr<Listener>> CreateListener(
      Listener::AcceptCallback on_accept, absl::AnyInvocable<void(absl::Status)> on_shutdown,
      const grpc_event_engine::experimental::EndpointConfig& config,
      std::unique_ptr<grpc_event_engine::experimental::MemoryAllocatorFactory> memory) override;
  ConnectionHandle Connect(OnConnectCallback on_connect, const ResolvedAddress& address,
                           const grpc_event_engine::experimental::EndpointConfig& config,
                           grpc_event_engine::experimental::MemoryAllocator memory,
                           Duration timeout) override;
  bool CancelConnect(ConnectionHandle handle) override;
  bool IsWorkerThread() override;
  std::unique_ptr<DNSResolver> GetDNSResolver(const DNSResolver::ResolverOptions& options) override;
  void Run(Closure* closure) override;
  void Run(absl::AnyInvocable<void()> closure) override;
  TaskHandle RunAfter(Duration when, Closure* closure) override;
  TaskHandle RunAfter(Duration when, absl::AnyInvocable<void()> closure) override;
  bool Cancel(TaskHandle handle) override;

 private:
  // The engine lives as long as this object.
  EventEngine& engine();

  const Make make_;
  Mutex mutex_;
  std::shared_ptr<EventEngine> engine_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::service
