#include "services/tracker/udp/datagram_cookie.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <random>

#include "shoal/base/byte_order.h"
#include "shoal/tracking/messages/datagram.h"

namespace shoal::tracker {
namespace {

constexpr int64_t kCookieEpochSeconds = 60;

}  // namespace

SipHashKey DatagramCookies::RandomKey() {
  std::random_device random;
  SipHashKey key;
  for (size_t i = 0; i < key.size(); i += 4) StoreBig(static_cast<uint32_t>(random()), key.data() + i);
  return key;
}

std::string DatagramCookies::Make(const Endpoint& source) const {
  const auto hash = Hash(source, Epoch());
  static_assert(std::tuple_size_v<decltype(hash)> == tracking::kCookieBytes);
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

bool DatagramCookies::Check(const Endpoint& source, const std::string& cookie) const {
  if (cookie.size() != tracking::kCookieBytes) return false;
  const uint64_t epoch = Epoch();
  const auto current = Hash(source, epoch);
  const auto previous = Hash(source, epoch - 1);
  const bool is_current = CRYPTO_memcmp(cookie.data(), current.data(), tracking::kCookieBytes) == 0;
  const bool is_previous = CRYPTO_memcmp(cookie.data(), previous.data(), tracking::kCookieBytes) == 0;
  return is_current || is_previous;
}

uint64_t DatagramCookies::Epoch() const {
  return static_cast<uint64_t>(absl::ToInt64Seconds(clock_->Uptime()) / kCookieEpochSeconds);
}

std::array<uint8_t, 16> DatagramCookies::Hash(const Endpoint& source, uint64_t epoch) const {
  std::array<uint8_t, 26> message;
  std::copy(source.ip.bytes().begin(), source.ip.bytes().end(), message.begin());
  StoreBig(source.port, message.data() + 16);
  StoreBig(epoch, message.data() + 18);
  return SipHash128(key_, message);
}

}  // namespace shoal::tracker
