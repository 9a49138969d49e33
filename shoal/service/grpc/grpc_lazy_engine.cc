#include "shoal/service/grpc/grpc_lazy_engine.h"

#include <utility>

namespace shoal::service {

using grpc_event_engine::experimental::CreateEventEngine;
using grpc_event_engine::experimental::EndpointConfig;
using grpc_event_engine::experimental::EventEngineFactoryReset;
using grpc_event_engine::experimental::MemoryAllocator;
using grpc_event_engine::experimental::MemoryAllocatorFactory;
using grpc_event_engine::experimental::SetEventEngineFactory;

void GrpcLazyEngine::Install() {
  SetEventEngineFactory([] {
    return std::make_unique<GrpcLazyEngine>([] {
      // Or this would make another one like this.
      EventEngineFactoryReset();
      return CreateEventEngine();
    });
  });
}

grpc_event_engine::experimental::EventEngine& GrpcLazyEngine::engine() {
  MutexLock lock(&mutex_);
  if (engine_ == nullptr) engine_ = make_();
  return *engine_;
}

absl::StatusOr<std::unique_ptr<GrpcLazyEngine::Listener>> GrpcLazyEngine::CreateListener(
    Listener::AcceptCallback on_accept, absl::AnyInvocable<void(absl::Status)> on_shutdown,
    const EndpointConfig& config, std::unique_ptr<MemoryAllocatorFactory> memory) {
  return engine().CreateListener(std::move(on_accept), std::move(on_shutdown), config, std::move(memory));
}

GrpcLazyEngine::ConnectionHandle GrpcLazyEngine::Connect(OnConnectCallback on_connect,
                                                         const ResolvedAddress& address,
                                                         const EndpointConfig& config, MemoryAllocator memory,
                                                         Duration timeout) {
  return engine().Connect(std::move(on_connect), address, config, std::move(memory), timeout);
}

bool GrpcLazyEngine::CancelConnect(ConnectionHandle handle) {
  return engine().CancelConnect(handle);
}

bool GrpcLazyEngine::IsWorkerThread() {
  MutexLock lock(&mutex_);
  return engine_ != nullptr && engine_->IsWorkerThread();
}

std::unique_ptr<GrpcLazyEngine::DNSResolver> GrpcLazyEngine::GetDNSResolver(
    const DNSResolver::ResolverOptions& options) {
  return engine().GetDNSResolver(options);
}

void GrpcLazyEngine::Run(Closure* closure) {
  engine().Run(closure);
}

void GrpcLazyEngine::Run(absl::AnyInvocable<void()> closure) {
  engine().Run(std::move(closure));
}

GrpcLazyEngine::TaskHandle GrpcLazyEngine::RunAfter(Duration when, Closure* closure) {
  return engine().RunAfter(when, closure);
}

GrpcLazyEngine::TaskHandle GrpcLazyEngine::RunAfter(Duration when, absl::AnyInvocable<void()> closure) {
  return engine().RunAfter(when, std::move(closure));
}

bool GrpcLazyEngine::Cancel(TaskHandle handle) {
  return engine().Cancel(handle);
}

}  // namespace shoal::service
