#include "shoal/content/manifest/ids.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace shoal {
namespace {

// The value of a hex digit, or -1.
int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

template <typename Tag, size_t kSize>
absl::StatusOr<ByteId<Tag, kSize>> ByteId<Tag, kSize>::FromBytes(ByteView bytes) {
  if (bytes.size() != kSize) {
    return absl::InvalidArgumentError(absl::StrCat("an id has ", kSize, " bytes, not ", bytes.size()));
  }
  ByteId id;
  std::copy(bytes.begin(), bytes.end(), id.bytes_.begin());
  return id;
}

template <typename Tag, size_t kSize>
absl::StatusOr<ByteId<Tag, kSize>> ByteId<Tag, kSize>::FromHex(absl::string_view hex) {
  ByteId id;
  bool valid = hex.size() == 2 * kSize;
  for (size_t i = 0; valid && i < kSize; ++i) {
    const int high = HexDigit(hex[2 * i]);
    const int low = HexDigit(hex[2 * i + 1]);
    valid = high >= 0 && low >= 0;
    id.bytes_[i] = static_cast<uint8_t>(high * 16 + low);
  }
  if (!valid)
    return absl::InvalidArgumentError(absl::StrCat("an id is written as ", 2 * kSize, " hex digits"));
  return id;
}

template <typename Tag, size_t kSize>
std::string ByteId<Tag, kSize>::ToHex() const {
  return absl::BytesToHexString(ToString());
}

template class ByteId<struct ContentIdTag, 32>;
template class ByteId<struct PeerIdTag, 16>;
template class ByteId<struct PeerSecretTag, 32>;
template class ByteId<struct InfoHashTag, 20>;
template class ByteId<struct SignatureBytesTag, 64>;

void FillRandom(std::span<uint8_t> bytes) {
  // So few bytes are returned whole or not at all. Only a signal before the kernel's pool is ready
  // interrupts.
  while (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    if (errno != EINTR) std::abort();
  }
}

PeerId RandomPeerId() {
  std::array<uint8_t, PeerId::kSizeBytes> bytes;
  FillRandom(bytes);
  return PeerId(bytes);
}

}  // namespace shoal
