#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "tests/bench/grpc_rivals.h"

namespace shoal::tracker {

// Returns a channel with a connection of its own for each number.
std::shared_ptr<grpc::Channel> Connect(const Server& server, int number);

grpc::ByteBuffer Bytes(const google::protobuf::Message& message);

template <typename Message>
Message Parse(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) Die("an empty response");
  std::string bytes;
  for (const grpc::Slice& slice : slices)
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  Message message;
  if (!message.ParseFromString(bytes)) Die("a response that does not parse");
  return message;
}

// Keeps a number of calls in flight until told to stop. Calls `next` for each request.
class Load {
 public:
  struct Call {
    std::string method;
    grpc::ByteBuffer request;
    std::function<void(const grpc::ByteBuffer&)> check;
  };
  using Next = std::function<Call(uint64_t number)>;

  Load(const Server& server, int channels, Next next) : next_(std::move(next)) {
    for (int i = 0; i < channels; ++i)
      stubs_.push_back(std::make_unique<grpc::GenericStub>(Connect(server, i)));
  }

  void Begin() { Send(); }
  // Waits for the calls in flight.
  void End() {
    stopping_ = true;
    while (in_flight_ > 0) absl::SleepFor(absl::Milliseconds(1));
  }
  uint64_t done() const { return done_; }
  uint64_t in_flight() const { return in_flight_; }
  void Send();
  void KeepGoing() { keep_going_ = true; }

 private:
  const Next next_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::atomic<bool> keep_going_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> started_{0};
  std::atomic<uint64_t> done_{0};
  std::atomic<uint64_t> in_flight_{0};
};

struct Measured {
  double calls_per_second = 0;
  double cpu_us_per_call = 0;
};

Measured Run(const Server& server, int channels, int in_flight, absl::Duration length,
             const Load::Next& next);

}  // namespace shoal::tracker
