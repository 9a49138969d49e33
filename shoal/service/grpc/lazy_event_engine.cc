#include "shoal/service/grpc/lazy_event_engine.h"

#include <utility>

namespace shoal::service {

using grpc_event_engine::experimental::CreateEventEngine;
using grpc_event_engine::experimental::EndpointConfig;
using grpc_event_engine::experimental::EventEngineFactoryReset;
using grpc_event_engine::experimental::MemoryAllocator;
using grpc_event_engine::experimental::MemoryAllocatorFactory;
using grpc_event_engine::experimental::SetEventEngineFactory;

void LazyEventEngine::Install() {
  SetEventEngineFactory([] {
    return std::make_unique<LazyEventEngine>([] {
      // Or this would make another one like this.
      EventEngineFactoryReset();
      return CreateEventEngine();
    });
  });
}

grpc_event_engine::experimental::EventEngine& LazyEventEngine::engine() {
  MutexLock lock(&mutex_);
  if (engine_ == nullptr) engine_ = make_();
  return *engine_;
}

absl::StatusOr<std::unique_ptr<LazyEventEngine::Listener>> LazyEventEngine::CreateListener(
    Listener::AcceptCallback on_accept, absl::AnyInvocable<void(absl::Status)> on_shutdown,
    const EndpointConfig& config, std::unique_ptr<MemoryAllocatorFactory> memory) {
  return engine().CreateListener(std::move(on_accept), std::move(on_shutdown), config, std::move(memory));
}

LazyEventEngine::ConnectionHandle LazyEventEngine::Connect(OnConnectCallback on_connect,
                                                           const ResolvedAddress& address,
                                                           const EndpointConfig& config,
                                                           MemoryAllocator memory, Duration timeout) {
  return engine().Connect(std::move(on_connect), address, config, std::move(memory), timeout);
}

bool LazyEventEngine::CancelConnect(ConnectionHandle handle) {
  return engine().CancelConnect(handle);
}

bool LazyEventEngine::IsWorkerThread() {
  MutexLock lock(&mutex_);
  return engine_ != nullptr && engine_->IsWorkerThread();
}

std::unique_ptr<LazyEventEngine::DNSResolver> LazyEventEngine::GetDNSResolver(
    const DNSResolver::ResolverOptions& options) {
  return engine().GetDNSResolver(options);
}

void LazyEventEngine::Run(Closure* closure) {
  engine().Run(closure);
}

void LazyEventEngine::Run(absl::AnyInvocable<void()> closure) {
  engine().Run(std::move(closure));
}

LazyEventEngine::TaskHandle LazyEventEngine::RunAfter(Duration when, Closure* closure) {
  return engine().RunAfter(when, closure);
}

LazyEventEngine::TaskHandle LazyEventEngine::RunAfter(Duration when, absl::AnyInvocable<void()> closure) {
  return engine().RunAfter(when, std::move(closure));
}

bool LazyEventEngine::Cancel(TaskHandle handle) {
  return engine().Cancel(handle);
}

}  // namespace shoal::service
