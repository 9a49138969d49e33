#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace shoal {

using ByteView = std::span<const uint8_t>;

inline ByteView AsBytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Big-endian (network order) integers in byte buffers. No bounds are checked here: the caller has made sure
// that sizeof(Integer) bytes are there.
template <std::unsigned_integral Integer>
constexpr Integer LoadBig(const uint8_t* from) {
  Integer value = 0;
  for (size_t i = 0; i < sizeof(Integer); ++i) value = static_cast<Integer>((value << 8) | from[i]);
  return value;
}

template <std::unsigned_integral Integer>
constexpr void StoreBig(Integer value, uint8_t* to) {
  for (size_t i = 0; i < sizeof(Integer); ++i) {
    to[i] = static_cast<uint8_t>(value >> (8 * (sizeof(Integer) - 1 - i)));
  }
}

template <std::unsigned_integral Integer>
void AppendBig(Integer value, std::string* to) {
  uint8_t bytes[sizeof(Integer)];
  StoreBig(value, bytes);
  to->append(reinterpret_cast<const char*>(bytes), sizeof(Integer));
}

// Reads forward over bytes from outside and never past their end: a read that does not fit makes the reader
// bad and yields zero, so that a decoder reads all it wants and asks ok() once.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : bytes_(bytes) {}

  template <std::unsigned_integral Integer>
  Integer ReadBig() {
    const ByteView bytes = ReadBytes(sizeof(Integer));
    return bytes.empty() ? Integer{0} : LoadBig<Integer>(bytes.data());
  }

  // A view into the input, or an empty one when fewer than `size` bytes are left.
  ByteView ReadBytes(size_t size) {
    if (size > bytes_.size()) {
      ok_ = false;
      bytes_ = {};
      return {};
    }
    const ByteView taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }

  std::string ReadString(size_t size) {
    const ByteView bytes = ReadBytes(size);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  size_t remaining() const { return bytes_.size(); }
  bool ok() const { return ok_; }

 private:
  ByteView bytes_;
  bool ok_ = true;
};

}  // namespace shoal
