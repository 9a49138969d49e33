#include "tests/bench/datagram_load.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "shoal/base/endpoint.h"
#include "shoal/net/sockaddr.h"

namespace shoal::tracker {
namespace {

constexpr size_t kBatch = 64;
constexpr auto kPatience = std::chrono::milliseconds(500);
constexpr int kGreetingAttempts = 20;

}  // namespace

struct DatagramLoad::Batch {
  Batch() {
    for (size_t i = 0; i < kBatch; ++i) {
      vectors[i].iov_base = buffers[i].data();
      messages[i] = {};
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }
  // An odd number of cache lines apart: otherwise they share a few sets of the cache.
  std::array<std::array<uint8_t, DatagramDialect::kMaxBytes + 64>, kBatch> buffers;
  std::array<iovec, kBatch> vectors;
  std::array<mmsghdr, kBatch> messages;
};

double DatagramLoad::Result::Percentile(double p) const {
  return micros.empty() ? 0 : micros[static_cast<size_t>(p * static_cast<double>(micros.size() - 1))];
}

DatagramLoad::DatagramLoad(const Options& options, DatagramDialect* dialect)
    : options_(options), dialect_(dialect), slots_(options.window), batch_(std::make_unique<Batch>()) {
  for (uint32_t i = 0; i < options.sockets; ++i) sockets_.push_back({Connected(options.port), {}});
  for (uint32_t i = options.window; i-- > 0;) sockets_[i % options.sockets].free.push_back(i);
  Greet();
}

DatagramLoad::~DatagramLoad() = default;

FileDescriptor DatagramLoad::Connected(uint16_t port) {
  FileDescriptor fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const net::SocketAddress to = net::ToSocketAddress({IpAddress::V4({127, 0, 0, 1}), port});
  const int bytes = 4 << 20;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  if (::connect(fd.get(), to.get(), to.size) != 0) {
    std::perror("socket");
    std::exit(2);
  }
  return fd;
}

void DatagramLoad::Greet() {
  for (uint32_t socket = 0; socket < sockets_.size(); ++socket) {
    const int fd = sockets_[socket].fd.get();
    std::array<uint8_t, DatagramDialect::kMaxBytes> bytes;
    bool greeted = false;
    for (int attempt = 0; attempt < kGreetingAttempts && !greeted; ++attempt) {
      if (::send(fd, bytes.data(), dialect_->WriteGreeting(1, bytes.data()), 0) < 0) continue;
      pollfd waiting{fd, POLLIN, 0};
      if (::poll(&waiting, 1, 500) != 1) continue;
      const ssize_t size = ::recv(fd, bytes.data(), bytes.size(), 0);
      greeted = size > 0 && dialect_->TakeProof(socket, {bytes.data(), static_cast<size_t>(size)});
    }
    if (greeted) continue;
    std::fprintf(stderr, "no answer from 127.0.0.1:%u\n", options_.port);
    std::exit(2);
  }
}

void DatagramLoad::Fill(uint32_t count) {
  uint32_t next = 0;
  while (next < count || !again_.empty() || !Idle()) {
    Send(count - next + again_.size(), [&](Slot* slot) {
      slot->kind = Kind::kFilling;
      if (next < count) {
        slot->number = next++;
      } else {
        slot->number = again_.back();
        again_.pop_back();
      }
    });
    Receive(1);
    TakeLost();
  }
}

DatagramLoad::Result DatagramLoad::Run(double seconds, double per_second,
                                       absl::FunctionRef<uint32_t()> next) {
  result_ = {};
  const auto began = Clock::now();
  const auto fill_in = [&](Slot* slot) {
    slot->kind = random_.Below(1000) < options_.greetings * 1000 ? Kind::kGreeting : Kind::kTimed;
    slot->number = next();
  };
  double elapsed = 0;
  while (elapsed < seconds) {
    const uint64_t due =
        per_second <= 0 ? result_.sent + options_.window : static_cast<uint64_t>(elapsed * per_second);
    if (due > result_.sent) result_.sent += Send(due - result_.sent, fill_in);
    // At a rate, the time of the next one decides, and it is near.
    Receive(per_second <= 0 ? 1 : 0);
    TakeLost();
    elapsed = std::chrono::duration<double>(Clock::now() - began).count();
  }
  result_.seconds = elapsed;
  std::sort(result_.micros.begin(), result_.micros.end());
  return std::exchange(result_, {});
}

uint64_t DatagramLoad::Send(uint64_t count, absl::FunctionRef<void(Slot*)> fill_in) {
  uint64_t sent = 0;
  for (uint32_t number = 0; number < sockets_.size() && sent < count; ++number) {
    Socket& socket = sockets_[number];
    while (!socket.free.empty() && sent < count) {
      size_t batch = 0;
      const auto now = Clock::now();
      for (; batch < kBatch && sent < count && !socket.free.empty(); ++batch, ++sent) {
        const uint32_t index = socket.free.back();
        socket.free.pop_back();
        Slot& slot = slots_[index];
        fill_in(&slot);
        slot.busy = true;
        slot.sent = now;
        slot.tag = static_cast<uint32_t>(random_.Next() | 1) << 16 | index;
        uint8_t* const to = batch_->buffers[batch].data();
        batch_->vectors[batch].iov_len =
            slot.kind == Kind::kGreeting
                ? dialect_->WriteGreeting(slot.tag, to)
                : dialect_->WriteRequest(number, slot.tag, slot.number, slot.kind == Kind::kFilling, to);
      }
      // A datagram that the system does not take counts as lost, by its timeout.
      [[maybe_unused]] const int taken =
          ::sendmmsg(socket.fd.get(), batch_->messages.data(), static_cast<unsigned>(batch), 0);
    }
  }
  return sent;
}

void DatagramLoad::Receive(int wait_milliseconds) {
  std::vector<pollfd> waiting(sockets_.size());
  for (size_t i = 0; i < waiting.size(); ++i) waiting[i] = {sockets_[i].fd.get(), POLLIN, 0};
  if (::poll(waiting.data(), waiting.size(), wait_milliseconds) <= 0) return;
  for (uint32_t i = 0; i < waiting.size(); ++i) {
    if (waiting[i].revents != 0) ReceiveFrom(i);
  }
}

void DatagramLoad::ReceiveFrom(uint32_t socket) {
  for (size_t i = 0; i < kBatch; ++i) batch_->vectors[i].iov_len = DatagramDialect::kMaxBytes;
  const int received =
      ::recvmmsg(sockets_[socket].fd.get(), batch_->messages.data(), kBatch, MSG_DONTWAIT, nullptr);
  const auto now = Clock::now();
  for (int i = 0; i < received; ++i) {
    const auto at = static_cast<size_t>(i);
    Judge(socket, {batch_->buffers[at].data(), batch_->messages[at].msg_len}, now);
  }
}

void DatagramLoad::Judge(uint32_t socket, ByteView response, Clock::time_point now) {
  const uint32_t tag = dialect_->TagOf(response);
  const uint32_t index = tag & 0xffff;
  if (index >= slots_.size() || !slots_[index].busy || slots_[index].tag != tag) return;  // too late
  Slot& slot = slots_[index];
  slot.busy = false;
  sockets_[socket].free.push_back(index);
  const bool right = slot.kind == Kind::kGreeting
                         ? dialect_->TakeProof(socket, response)
                         : dialect_->Right(slot.number, slot.kind == Kind::kFilling, response);
  if (!right) ++result_.wrong;
  if (slot.kind == Kind::kFilling) return;
  ++result_.responses;
  result_.micros.push_back(std::chrono::duration<double, std::micro>(now - slot.sent).count());
}

void DatagramLoad::TakeLost() {
  const auto now = Clock::now();
  if (now < look_again_) return;
  look_again_ = now + std::chrono::milliseconds(20);
  for (uint32_t index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    if (!slot.busy || now - slot.sent < kPatience) continue;
    slot.busy = false;
    sockets_[index % sockets_.size()].free.push_back(index);
    if (slot.kind == Kind::kFilling) again_.push_back(slot.number);
    ++result_.lost;
  }
}

bool DatagramLoad::Idle() const {
  return std::none_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.busy; });
}

}  // namespace shoal::tracker
