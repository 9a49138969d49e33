#include "services/tracker/udp/siphash.h"

#include <bit>
#include <cstring>

namespace shoal::tracker {
namespace {

// SipHash reads its input, and writes its result, little-endian.
uint64_t LoadLittle(const uint8_t* from, size_t size) {
  uint64_t value = 0;
  if (std::endian::native == std::endian::little && size > 0) {
    std::memcpy(&value, from, size);  // one load for the whole words
    return value;
  }
  for (size_t i = 0; i < size; ++i) value |= uint64_t{from[i]} << (8 * i);
  return value;
}

void StoreLittle(uint64_t value, uint8_t* to) {
  for (size_t i = 0; i < 8; ++i) to[i] = static_cast<uint8_t>(value >> (8 * i));
}

struct State {
  explicit State(const SipHashKey& key) {
    const uint64_t k0 = LoadLittle(key.data(), 8);
    const uint64_t k1 = LoadLittle(key.data() + 8, 8);
    v0 = k0 ^ 0x736f6d6570736575;
    v1 = k1 ^ 0x646f72616e646f6d;
    v2 = k0 ^ 0x6c7967656e657261;
    v3 = k1 ^ 0x7465646279746573;
  }

  void Round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void Mix(uint64_t word) {
    v3 ^= word;
    Round();
    Round();
    v0 ^= word;
  }
  void Absorb(ByteView message) {
    const uint64_t length = message.size();
    for (; message.size() >= 8; message = message.subspan(8)) Mix(LoadLittle(message.data(), 8));
    Mix(LoadLittle(message.data(), message.size()) | length << 56);
  }
  uint64_t Finish() {
    for (int i = 0; i < 4; ++i) Round();
    return v0 ^ v1 ^ v2 ^ v3;
  }

  uint64_t v0, v1, v2, v3;
};

}  // namespace

std::array<uint8_t, 16> SipHash128(const SipHashKey& key, ByteView message) {
  State state(key);
  state.v1 ^= 0xee;
  state.Absorb(message);
  std::array<uint8_t, 16> hash;
  state.v2 ^= 0xee;
  StoreLittle(state.Finish(), hash.data());
  state.v1 ^= 0xdd;
  StoreLittle(state.Finish(), hash.data() + 8);
  return hash;
}

uint64_t SipHash64(const SipHashKey& key, ByteView message) {
  State state(key);
  state.Absorb(message);
  state.v2 ^= 0xff;
  return state.Finish();
}

}  // namespace shoal::tracker
