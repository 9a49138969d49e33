#include "services/tracker/udp/datagram_server.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/status_macros.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/listener.h"
#include "shoal/net/sockaddr.h"

namespace shoal::tracker {
namespace {

constexpr size_t kBatch = 64;
constexpr uint32_t kMostSocketsByDefault = 4;
// A thread that is never idle checks this often, in batches, whether to stop.
constexpr int kBatchesBetweenWaits = 64;
// The system truncates larger datagrams, and they are dropped: no dialect has any. An odd number of cache
// lines, so that the heads of a batch do not all map to the same few sets of the cache.
constexpr size_t kMaxReceivedBytes = 25 * 64;
// The senders of a large swarm come in bursts. Without privilege the system caps this at its own limit.
constexpr int kSocketBufferBytes = 4 << 20;

absl::Status BindError(const Endpoint& endpoint) {
  return net::ListenError("udp " + endpoint.ToString(), errno);
}

void GrowBuffer(int fd, int option, int forced_option) {
  if (::setsockopt(fd, SOL_SOCKET, forced_option, &kSocketBufferBytes, sizeof(kSocketBufferBytes)) == 0)
    return;
  ::setsockopt(fd, SOL_SOCKET, option, &kSocketBufferBytes, sizeof(kSocketBufferBytes));
}

// Whether more than half of the receive buffer is in use.
bool HalfFull(int fd) {
  std::array<uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t length = sizeof(memory);
  if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory.data(), &length) != 0) return false;
  return memory[SK_MEMINFO_RMEM_ALLOC] > memory[SK_MEMINFO_RCVBUF] / 2;
}

// Returns: a socket that is bound to `address`, which the error calls `endpoint`. With `share`, one more for
// a port that this process has already.
absl::StatusOr<FileDescriptor> BindAt(const net::SocketAddress& address, const Endpoint& endpoint,
                                      std::span<const sock_filter> filter, bool share) {
  const int family = address.get()->sa_family;
  FileDescriptor fd(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  const int off = 0;
  if (!fd.valid()) return BindError(endpoint);
  if (family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  // Without it the local address of a datagram stays unknown.
  if (family == AF_INET6) {
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
  } else {
    ::setsockopt(fd.get(), IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
  }
  GrowBuffer(fd.get(), SO_RCVBUF, SO_RCVBUFFORCE);
  GrowBuffer(fd.get(), SO_SNDBUF, SO_SNDBUFFORCE);
  // Attached before binding, so that nothing unfiltered gets in.
  if (!filter.empty()) {
    const sock_fprog program{static_cast<unsigned short>(filter.size()),
                             const_cast<sock_filter*>(filter.data())};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
  }
  if (share && ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
    return BindError(endpoint);
  if (::bind(fd.get(), address.get(), address.size) != 0) return BindError(endpoint);
  // The first socket is bound without sharing, so that a port of another process is an error; only then is it
  // opened to this process's others.
  if (!share && ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
    return BindError(endpoint);
  return fd;
}

// As BindAt; an unspecified address takes both families.
absl::StatusOr<FileDescriptor> Bind(const Endpoint& endpoint, std::span<const sock_filter> filter,
                                    bool share) {
  if (!endpoint.ip.is_unspecified()) return BindAt(net::ToSocketAddress(endpoint), endpoint, filter, share);
  auto both = BindAt(net::ToV6SocketAddress({IpAddress(), endpoint.port}), endpoint, filter, share);
  const bool no_v6 = errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL;
  if (both.ok() || !no_v6) return both;
  return BindAt(net::ToSocketAddress({IpAddress::V4({0, 0, 0, 0}), endpoint.port}), endpoint, filter, share);
}

// The control message with the local address of a datagram, as it was received and as it is sent back.
struct LocalAddress {
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(in6_pktinfo))> bytes;
  static_assert(sizeof(in6_pktinfo) >= sizeof(in_pktinfo));

  // Reads the address from a received message, and prepares the control message for the response, which is to
  // leave from that address. Returns: the address; unspecified when the system did not tell.
  static IpAddress Take(msghdr* message) {
    cmsghdr* const head = CMSG_FIRSTHDR(message);
    sockaddr_storage storage{};
    if (head != nullptr && head->cmsg_level == IPPROTO_IPV6 && head->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(head), sizeof(info));
      // The route decides on the interface, except where an address is valid on one interface only.
      if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) info.ipi6_ifindex = 0;
      std::memcpy(CMSG_DATA(head), &info, sizeof(info));
      auto* const v6 = reinterpret_cast<sockaddr_in6*>(&storage);
      v6->sin6_family = AF_INET6;
      v6->sin6_addr = info.ipi6_addr;
    } else if (head != nullptr && head->cmsg_level == IPPROTO_IP && head->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(head), sizeof(info));
      auto* const v4 = reinterpret_cast<sockaddr_in*>(&storage);
      v4->sin_family = AF_INET;
      v4->sin_addr = info.ipi_addr;
      info.ipi_ifindex = 0;
      info.ipi_spec_dst = info.ipi_addr;
      std::memcpy(CMSG_DATA(head), &info, sizeof(info));
    } else {
      message->msg_controllen = 0;
      return IpAddress();
    }
    message->msg_controllen = CMSG_ALIGN(head->cmsg_len);
    return net::FromSocketAddress(storage).ip;
  }
};

// The buffers of one thread's batches, allocated once.
struct Batch {
  Batch() {
    for (size_t i = 0; i < kBatch; ++i) {
      in_vectors[i] = {buffers[i].data(), buffers[i].size()};
      in[i] = {};
      in[i].msg_hdr.msg_iov = &in_vectors[i];
      in[i].msg_hdr.msg_iovlen = 1;
      in[i].msg_hdr.msg_name = &sources[i];
      out[i] = {};
      out[i].msg_hdr.msg_iov = &out_vectors[i];
      out[i].msg_hdr.msg_iovlen = 1;
    }
  }

  std::array<std::array<uint8_t, kMaxReceivedBytes>, kBatch> buffers;
  std::array<std::array<uint8_t, DatagramServer::kMaxResponseBytes>, kBatch> rooms;
  std::array<sockaddr_storage, kBatch> sources;
  std::array<LocalAddress, kBatch> locals;
  std::array<iovec, kBatch> in_vectors;
  std::array<iovec, kBatch> out_vectors;
  std::array<mmsghdr, kBatch> in;
  std::array<mmsghdr, kBatch> out;
  std::array<IncomingDatagram, kBatch> datagrams;
};

class ThreadedDatagramServer final : public DatagramServer {
 public:
  ThreadedDatagramServer(Options options, const DatagramHandler* handler, std::vector<FileDescriptor> sockets,
                         FileDescriptor stop, uint16_t port)
      : options_(std::move(options)),
        handler_(handler),
        sockets_(std::move(sockets)),
        stop_(std::move(stop)),
        port_(port) {
    for (const FileDescriptor& socket : sockets_)
      threads_.emplace_back([this, fd = socket.get()] { Serve(fd); });
  }
  ~ThreadedDatagramServer() override { Stop(); }

  uint16_t port() const override { return port_; }

  void Stop() override {
    const uint64_t one = 1;
    // Never read, so that it wakes every thread. The write fails only after 2^64 writes.
    [[maybe_unused]] const ssize_t written = ::write(stop_.get(), &one, sizeof(one));
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
    sockets_.clear();
  }

 private:
  void Serve(int fd) {
    const auto batch = std::make_unique<Batch>();
    for (;;) {
      // While datagrams arrive faster than they are answered there is nothing to wait for.
      for (int batches = 0; batches < kBatchesBetweenWaits && AnswerBatch(fd, batch.get()) == kBatch;
           ++batches) {
      }
      std::array<pollfd, 2> waiting = {{{fd, POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
      if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
      if (waiting[1].revents != 0) return;
    }
  }

  // Returns: the number of datagrams received.
  size_t AnswerBatch(int fd, Batch* batch) {
    for (size_t i = 0; i < kBatch; ++i) {
      msghdr& message = batch->in[i].msg_hdr;
      message.msg_namelen = sizeof(sockaddr_storage);
      message.msg_control = batch->locals[i].bytes.data();
      message.msg_controllen = batch->locals[i].bytes.size();
    }
    const int received = ::recvmmsg(fd, batch->in.data(), kBatch, MSG_DONTWAIT, nullptr);
    // An error here is about an earlier response (a closed port): the socket remains usable.
    if (received <= 0) return 0;
    const auto count = static_cast<size_t>(received);
    for (size_t i = 0; i < count; ++i) {
      mmsghdr& message = batch->in[i];
      const bool whole = (message.msg_hdr.msg_flags & MSG_TRUNC) == 0;
      batch->datagrams[i] = {whole ? ByteView(batch->buffers[i].data(), message.msg_len) : ByteView(),
                             net::FromSocketAddress(batch->sources[i]), batch->rooms[i],
                             LocalAddress::Take(&message.msg_hdr)};
    }
    handler_->Answer(std::span(batch->datagrams).first(count), count == kBatch && HalfFull(fd));
    size_t responses = 0;
    for (size_t i = 0; i < count; ++i) {
      if (batch->datagrams[i].response_bytes == 0) continue;
      msghdr& out = batch->out[responses++].msg_hdr;
      *out.msg_iov = {batch->rooms[i].data(), batch->datagrams[i].response_bytes};
      out.msg_name = &batch->sources[i];
      out.msg_namelen = batch->in[i].msg_hdr.msg_namelen;
      out.msg_control = batch->in[i].msg_hdr.msg_control;
      out.msg_controllen = batch->in[i].msg_hdr.msg_controllen;
    }
    Send(fd, batch, responses);
    return count;
  }

  void Send(int fd, Batch* batch, size_t responses) {
    uint64_t unsendable = 0;
    for (size_t sent = 0; sent < responses;) {
      const int count =
          ::sendmmsg(fd, batch->out.data() + sent, static_cast<unsigned>(responses - sent), MSG_DONTWAIT);
      if (count > 0) {
        sent += static_cast<size_t>(count);
      } else if (errno != EINTR) {
        // The first one can't be sent: the client will retry, and the others must not suffer.
        ++unsendable;
        ++sent;
      }
    }
    if (unsendable > 0 && options_.on_unsendable) options_.on_unsendable(unsendable);
  }

  const Options options_;
  const DatagramHandler* const handler_;
  std::vector<FileDescriptor> sockets_;
  const FileDescriptor stop_;  // an eventfd
  const uint16_t port_;
  std::vector<std::thread> threads_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<DatagramServer>> DatagramServer::Start(const Options& options,
                                                                      const DatagramHandler* handler) {
  std::vector<FileDescriptor> sockets;
  SHOAL_ASSIGN_OR_RETURN(FileDescriptor first, Bind(options.listen, options.filter, false));
  const uint16_t port = net::LocalPort(first.get());
  sockets.push_back(std::move(first));
  const uint32_t wanted =
      options.sockets > 0 ? options.sockets : std::min(net::UsableCores(), kMostSocketsByDefault);
  while (sockets.size() < wanted) {
    SHOAL_ASSIGN_OR_RETURN(FileDescriptor next, Bind({options.listen.ip, port}, options.filter, true));
    sockets.push_back(std::move(next));
  }
  FileDescriptor stop(::eventfd(0, EFD_CLOEXEC));
  if (!stop.valid()) return ErrnoStatus(errno, "eventfd");
  return std::make_unique<ThreadedDatagramServer>(options, handler, std::move(sockets), std::move(stop),
                                                  port);
}

}  // namespace shoal::tracker
