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

// What a load of datagrams says, and how it judges what comes back: one protocol's part of a DatagramLoad.
// A request carries a tag, by which its reply is known. One thread.
class DatagramDialect {
 public:
  static constexpr size_t kMaxBytes = 2048;

  virtual ~DatagramDialect() = default;

  // The request by which a socket gets what proves its address; a reply to it is for TakeProof.
  virtual size_t WriteGreeting(uint32_t tag, uint8_t* to) = 0;
  // False: this is no such reply, or a wrong one.
  virtual bool TakeProof(uint32_t socket, ByteView response) = 0;
  // Request `number`; the `filling` ones make the peers known that all others are about.
  virtual size_t WriteRequest(uint32_t socket, uint32_t tag, uint32_t number, bool filling, uint8_t* to) = 0;
  // The tag of a reply; 0: it has none.
  virtual uint32_t TagOf(ByteView response) const = 0;
  virtual bool Right(uint32_t number, bool filling, ByteView response) = 0;
};

// Requests in flight over some sockets of this machine's loopback, closed loop or at a rate, on one thread.
// Datagrams go and come up to 64 a system call. One that has no reply after half a second is lost.
class DatagramLoad {
 public:
  struct Options {
    uint16_t port = 6969;
    uint32_t sockets = 8;
    uint32_t window = 256;  // requests in flight, over all sockets; at most 65,535
    double greetings = 0;   // this share of the requests are greetings, as clients that come anew send
  };
  struct Result {
    double seconds = 0;
    uint64_t sent = 0;
    uint64_t responses = 0;
    uint64_t lost = 0;
    uint64_t wrong = 0;
    std::vector<double> micros;  // of each reply, ascending
    double Percentile(double p) const;
  };
  // Ends the program when nobody answers. The dialect must outlive it.
  DatagramLoad(const Options& options, DatagramDialect* dialect);
  ~DatagramLoad();

  // Each of `count` once, again when its reply was lost.
  void Fill(uint32_t count);
  // For so long, `per_second` of them or (0) as many as go, about whom `next` says.
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

  // A connected one, with room for bursts.
  static FileDescriptor Connected(uint16_t port);
  void Greet();
  // Takes free slots of each socket in turn for up to `count` requests, and sends them; says how many.
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
