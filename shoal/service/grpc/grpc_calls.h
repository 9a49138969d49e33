#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <thread>
#include <vector>

#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/grpcpp.h"
#include "shoal/base/mutex.h"
#include "shoal/service/grpc/grpc_connections.h"
#include "shoal/service/grpc/grpc_methods.h"

namespace shoal::service {

// Takes the calls of a server and dispatches them to GrpcMethods, on threads of its own, each with its own
// completion queue. Messages stay bytes.
//
// Calls whose message does not come are bounded: when too many wait for theirs, the connection that has most
// of them is ended. (gRPC's own bound of the streams of a connection holds only once the client has
// acknowledged it.)
//
// It does not use gRPC's callback API, whose threads (at least two on any machine) pass each event on to
// another thread: docs/adr/0018 has the figures.
//
// Thread safety: Start and Stop are called on one thread.
class GrpcCalls {
 public:
  // Adds itself to `builder`. `methods` and `connections` must outlive it.
  GrpcCalls(const GrpcMethods* methods, GrpcConnections* connections, uint32_t threads,
            grpc::ServerBuilder* builder);
  ~GrpcCalls();

  // Called once the server runs.
  void Start();
  // Called after the server was shut down. Waits for the calls that it cancelled. Idempotent.
  void Stop();

 private:
  class Call;

  // A completion queue, and the calls that arrived by it and wait for their first message. Used on its
  // thread.
  struct Queue {
    std::unique_ptr<grpc::ServerCompletionQueue> completions;
    std::list<Call*> waiting;
    size_t look_at = 0;  // EndFlood is due when so many wait
  };

  // Registers a call object for the next incoming call.
  void Arm(Queue* queue);
  void Run(Queue* queue);
  // Ends the connection that has most of the waiting calls.
  void EndFlood(Queue* queue);
  void OnCallGone();

  const GrpcMethods* const methods_;
  GrpcConnections* const connections_;
  grpc::AsyncGenericService service_;
  std::vector<std::unique_ptr<Queue>> queues_;
  std::vector<std::thread> threads_;
  bool stopped_ = false;
  Mutex mutex_;
  CondVar none_left_;
  size_t calls_ ABSL_GUARDED_BY(mutex_) = 0;  // armed ones included
};

}  // namespace shoal::service
