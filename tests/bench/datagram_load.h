#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "services/tracker/tables/random_source.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/file_descriptor.h"

namespace shoal::tracker {

// The protocol of a DatagramLoad: makes its requests and checks their responses. A request carries a tag that
// its response repeats. Thread safety: one thread.
class DatagramDialect {
 public:
  static constexpr size_t kMaxBytes = 2048;

  virtual ~DatagramDialect() = default;

  // Makes the request by which a socket gets the proof of its address. TakeProof takes the response.
  virtual size_t WriteGreeting(uint32_t tag, uint8_t* to) = 0;
  // Returns false if this is no such response, or a wrong one.
  virtual bool TakeProof(uint32_t socket, ByteView response) = 0;
  // Makes request `number`. `filling` requests register the peers that all others refer to.
  virtual size_t WriteRequest(uint32_t socket, uint32_t tag, uint32_t number, bool filling, uint8_t* to) = 0;
  // Returns the tag of a response; 0 if it has none.
  virtual uint32_t TagOf(ByteView response) const = 0;
  virtual bool Right(uint32_t number, bool filling, ByteView response) = 0;
};

// Requests in flight over some sockets of this machine's loopback, closed loop or at a rate, on one thread.
// One system call moves up to 64 datagrams. A request without a response after half a second is lost.
class DatagramLoad {
 public:
  struct Options {
    uint16_t port = 6969;
    uint32_t sockets = 8;
    uint32_t window = 256;  // requests in flight, over all sockets; at most 65,535
    double greetings = 0;   // the share of requests that are greetings, as new clients send
  };
  struct Result {
    double seconds = 0;
    uint64_t sent = 0;
    uint64_t responses = 0;
    uint64_t lost = 0;
    uint64_t wrong = 0;
    std::vector<double> micros;  // of each response, ascending
    double Percentile(double p) const;
  };
  // Exits the program when there is no answer. Requires: the dialect outlives this.
  DatagramLoad(const Options& options, DatagramDialect* dialect);
  ~DatagramLoad();

  // Sends each of `count` once, and again when its response was lost.
  void Fill(uint32_t count);
  // Sends requests about the peers that `next` returns, for `seconds`: `per_second` of them, or (0) as many
  // as possible.
  Result Run(double seconds, double per_second, absl::FunctionRef<uint32_t()> next);

 private:
  using Clock = std::chrono::steady_clock;
  enum class Kind : uint8_t { kGreeting, kFilling, kTimed };
  struct Slot {
    bool busy = false;
    Kind kind = Kind::kGreeting;
    uint32_t tag = 0;
    uint32_t number = 0;
    Clock::time_point sent;
  };
  struct Socket {
    FileDescriptor fd;
    std::vector<uint32_t> free;  // slots
  };
  struct Batch;

  // Returns a connected socket with buffers for bursts.
  static FileDescriptor Connected(uint16_t port);
  void Greet();
  // Takes free slots of each socket in turn for up to `count` requests, and sends them. Returns how many.
  uint64_t Send(uint64_t count, absl::FunctionRef<void(Slot*)> fill_in);
  void Receive(int wait_milliseconds);
  void ReceiveFrom(uint32_t socket);
  void Judge(uint32_t socket, ByteView response, Clock::time_point now);
  void TakeLost();
  bool Idle() const;

  const Options options_;
  DatagramDialect* const dialect_;
  RandomSource random_{1};
  std::vector<Socket> sockets_;
  std::vector<Slot> slots_;
  std::unique_ptr<Batch> batch_;
  std::vector<uint32_t> again_;  // lost while filling
  Clock::time_point look_again_{};
  Result result_;
};

}  // namespace shoal::tracker
