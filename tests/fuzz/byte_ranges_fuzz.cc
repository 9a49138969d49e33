// A Range header: what it means is within the file, is bounded, and repeats no byte. A list of entity tags: a
// tag that a list names is in it.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "clients/leecher/agent/content/byte_ranges.h"
#include "clients/leecher/agent/content/file_headers.h"

// The first eight bytes: the length of the file. The rest: the header.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using shoal::leecher::ByteRange;
  using shoal::leecher::RequestedRanges;
  uint64_t length_bytes = 0;
  if (size < sizeof(length_bytes)) return 0;
  std::memcpy(&length_bytes, data, sizeof(length_bytes));
  const std::string header(reinterpret_cast<const char*>(data) + sizeof(length_bytes),
                           size - sizeof(length_bytes));

  RequestedRanges requested = RequestedRanges::Parse(header, length_bytes);
  if (requested.ranges.empty() != (requested.kind != RequestedRanges::Kind::kRanges)) std::abort();
  if (requested.ranges.size() > RequestedRanges::kMaxRanges) std::abort();
  std::sort(requested.ranges.begin(), requested.ranges.end(),
            [](const ByteRange& a, const ByteRange& b) { return a.first < b.first; });
  uint64_t end = 0;
  for (const ByteRange& range : requested.ranges) {
    if (range.length_bytes == 0 || range.first < end || range.first >= length_bytes) std::abort();
    if (range.length_bytes > length_bytes - range.first) std::abort();
    end = range.first + range.length_bytes;
  }

  if (shoal::leecher::NamesEntityTag(header, "\"1\"") && header.find("\"1\"") == std::string::npos &&
      header.find('*') == std::string::npos) {
    std::abort();
  }
  return 0;
}
