#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"

namespace shoal::leecher {

// Some bytes of a file. Never empty, and within the file.
struct ByteRange {
  uint64_t first = 0;
  uint64_t length_bytes = 0;

  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// The meaning of a Range header (RFC 9110, section 14.2) for a file of a given length.
struct RequestedRanges {
  // Larger requests are served as if there were no Range header.
  static constexpr size_t kMaxRanges = 16;

  enum class Kind {
    kWhole,          // there is no header, or one that is to be ignored: the whole file
    kRanges,         // `ranges`, 1 to kMaxRanges
    kUnsatisfiable,  // nothing of it is within the file: 416
  };
  Kind kind = Kind::kWhole;
  // In the order of the request; when some overlap: joined, and in ascending order, so that no byte is sent
  // twice.
  std::vector<ByteRange> ranges;

  // Ignores what is not understood, as the RFC asks: another unit, bad syntax, more than kMaxRanges. Ranges
  // that begin past the end are left out. Pure.
  static RequestedRanges Parse(absl::string_view header, uint64_t file_length_bytes);
};

}  // namespace shoal::leecher
