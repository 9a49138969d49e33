#include "shoal/tracking/client/datagram_exchange.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/clock.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/status_macros.h"
#include "shoal/net/sockaddr.h"
#include "shoal/tracking/client/refusal.h"
#include "shoal/tracking/messages/warm_up.h"

namespace shoal::tracking {
namespace {

constexpr absl::Duration kFirstWait = absl::Milliseconds(250);
// One refusal may be a tracker that is being restarted.
constexpr int kRefusalsToBelieve = 3;
// A cookie that is answered with another cookie, again and again, is no way to get on.
constexpr int kMaxCookies = 3;

uint64_t RandomSeed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

absl::Duration Now() {
  return Clock::Real().Uptime();
}

// Until `until`, or until `socket` (negative: none) is readable.
void Wait(int socket, absl::Duration until) {
  pollfd waiting{socket, POLLIN, 0};
  const auto ms = absl::ToInt64Milliseconds(absl::Ceil(until - Now(), absl::Milliseconds(1)));
  if (ms > 0) poll(&waiting, 1, static_cast<int>(std::min<int64_t>(ms, 60'000)));
}

// Without an answer, whatever the reason, the tracker can't be reached.
absl::Status Unreachable(absl::Status status) {
  const bool is_silence = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  return is_silence ? WithCause(std::move(status), ErrorCause::kTrackerUnreachable) : status;
}

}  // namespace

DatagramExchange::DatagramExchange(const TrackerUrl& url) : url_(url), random_(RandomSeed()) {}

absl::StatusOr<DatagramResponse> DatagramExchange::Ask(const Body& body, absl::Duration timeout) {
  auto response = TryAsk(body, /*cookie_is_enough=*/false, Now() + timeout);
  if (!response.ok()) return Unreachable(response.status());
  if (const auto* error = std::get_if<absl::Status>(&response->body)) {
    const absl::Status answered = WithWarmUp(
        absl::Status(error->code(), absl::StrCat("tracker ", url_.ToString(), ": ", error->message())),
        WarmUpOf(*error));
    return WithCause(answered, CauseOfAnswer(answered.code()));
  }
  return response;
}

absl::StatusOr<uint16_t> DatagramExchange::GrpcPort(absl::Duration timeout) {
  if (!grpc_port_) {
    // Any request will do: without a cookie it gets one, and nothing is done.
    const auto response =
        TryAsk(LookupRequest{.content = "cookie", .exclude = {}}, /*cookie_is_enough=*/true, Now() + timeout);
    if (!response.ok()) return Unreachable(response.status());
  }
  if (!grpc_port_ || *grpc_port_ == 0) {
    return absl::NotFoundError(absl::StrCat("tracker ", url_.ToString(), " has no gRPC listener"));
  }
  return *grpc_port_;
}

absl::StatusOr<DatagramResponse> DatagramExchange::TryAsk(const Body& body, bool cookie_is_enough,
                                                          absl::Duration deadline) {
  DatagramRequest request{random_(), {}, body};
  absl::Duration wait = kFirstWait;
  int refusals = 0;
  int cookies = 0;
  size_t other_addresses = SIZE_MAX;  // left to try; known once connected
  while (Now() < deadline) {
    SHOAL_RETURN_IF_ERROR(Connect());
    other_addresses = std::min(other_addresses, address_count_ - 1);
    request.cookie = cookie_;
    SHOAL_ASSIGN_OR_RETURN(const std::string bytes, request.Encode(kMinRequestBytes));
    // The first may fail with what became of an earlier datagram; what becomes of this one Receive will tell.
    if (send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0 && errno == ECONNREFUSED) {
      send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    const absl::Duration until = std::min(deadline, Now() + wait);
    auto response = Receive(request.transaction_id, until);
    if (absl::IsUnavailable(response.status())) {
      if (other_addresses > 0) {
        --other_addresses;
        ++next_address_;
        socket_.Close();
        continue;
      }
      if (++refusals == kRefusalsToBelieve) {
        ++next_address_;
        socket_.Close();
        return absl::UnavailableError(
            absl::StrCat("tracker ", url_.ToString(),
                         " can't be reached (nothing listens there): is it running, and are "
                         "host and port right?"));
      }
      Wait(-1, until);
    } else if (!response.ok()) {
      socket_.Close();
      return response.status();
    } else if (response->has_value()) {
      DatagramResponse& answer = **response;
      grpc_port_ = answer.grpc_port;
      answering_ip_ = connected_ip_;
      const auto* cookie = std::get_if<DatagramCookie>(&answer.body);
      if (cookie == nullptr) return std::move(answer);
      cookie_ = cookie->cookie;
      if (cookie_is_enough) return std::move(answer);
      if (++cookies > kMaxCookies) {
        return absl::UnavailableError(
            absl::StrCat("tracker ", url_.ToString(), " does not take the cookies that it gives"));
      }
      continue;
    }
    wait *= 2;
  }
  // The host's address may be another one by now, or another of its addresses may work.
  ++next_address_;
  socket_.Close();
  return absl::DeadlineExceededError(
      absl::StrCat("tracker ", url_.ToString(),
                   " did not answer in time: is it running, and do datagrams get "
                   "through to it?"));
}

absl::Status DatagramExchange::Connect() {
  if (socket_.valid()) return absl::OkStatus();
  const auto unreachable = [&](absl::string_view why) {
    return absl::UnavailableError(absl::StrCat("tracker ", url_.ToString(), " can't be reached: ", why));
  };
  const auto addresses = ResolveHost(url_.address.host);
  if (!addresses.ok()) return unreachable(addresses.status().message());
  address_count_ = addresses->size();
  int error = 0;
  for (size_t tried = 0; tried < addresses->size(); ++tried, ++next_address_) {
    const IpAddress& ip = (*addresses)[next_address_ % addresses->size()];
    const net::SocketAddress address = net::ToSocketAddress({ip, url_.address.port});
    FileDescriptor socket(::socket(address.get()->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket.valid() && connect(socket.get(), address.get(), address.size) == 0) {
      socket_ = std::move(socket);
      connected_ip_ = ip;
      return absl::OkStatus();
    }
    error = errno;
  }
  return unreachable(strerrordesc_np(error));
}

absl::StatusOr<std::optional<DatagramResponse>> DatagramExchange::Receive(uint64_t transaction_id,
                                                                          absl::Duration until) {
  std::array<uint8_t, kMaxDatagramBytes + 1> buffer;
  for (;;) {
    const ssize_t size = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size >= 0) {
      auto response = DatagramResponse::Decode({buffer.data(), static_cast<size_t>(size)});
      if (response.ok() && response->transaction_id == transaction_id)
        return std::optional<DatagramResponse>(*std::move(response));
      // A late response to an earlier request, or a sender that guesses the port.
    } else if (errno == ECONNREFUSED) {
      return absl::UnavailableError("refused");
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      return absl::InternalError(absl::StrCat("tracker ", url_.ToString(), ": ", strerrordesc_np(errno)));
    }
    if (Now() >= until) return std::optional<DatagramResponse>();
    if (size < 0) Wait(socket_.get(), until);
  }
}

}  // namespace shoal::tracking
