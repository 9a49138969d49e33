#include "clients/leecher/agent/content/byte_ranges.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace shoal::leecher {
namespace {

using Kind = RequestedRanges::Kind;

struct RangeCase {
  const char* header;
  uint64_t length_bytes;
  Kind kind;
  std::vector<ByteRange> ranges;
};

TEST(RequestedRanges, Parse) {
  const RangeCase cases[] = {
      // One range.
      {"bytes=0-0", 100, Kind::kRanges, {{0, 1}}},
      {"bytes=0-99", 100, Kind::kRanges, {{0, 100}}},
      {"bytes=10-19", 100, Kind::kRanges, {{10, 10}}},
      {"bytes=10-", 100, Kind::kRanges, {{10, 90}}},
      {"bytes=99-", 100, Kind::kRanges, {{99, 1}}},
      {"bytes=90-1000", 100, Kind::kRanges, {{90, 10}}},
      {"bytes=-1", 100, Kind::kRanges, {{99, 1}}},
      {"bytes=-1000", 100, Kind::kRanges, {{0, 100}}},
      {"Bytes=10-19", 100, Kind::kRanges, {{10, 10}}},
      {"  bytes= 10-19 ", 100, Kind::kRanges, {{10, 10}}},
      {"bytes=0010-0019", 100, Kind::kRanges, {{10, 10}}},
      {"bytes=1-99999999999999999999999999", 100, Kind::kRanges, {{1, 99}}},
      {"bytes=0-18446744073709551615", UINT64_MAX, Kind::kRanges, {{0, UINT64_MAX}}},
      {"bytes=-18446744073709551615", UINT64_MAX, Kind::kRanges, {{0, UINT64_MAX}}},
      // Several.
      {"bytes=0-1,5-6", 100, Kind::kRanges, {{0, 2}, {5, 2}}},
      {"bytes=50-59, 0-9 ,-5", 100, Kind::kRanges, {{50, 10}, {0, 10}, {95, 5}}},
      {"bytes=0-9,10-19", 100, Kind::kRanges, {{0, 10}, {10, 10}}},
      {"bytes=50-59,0-9,5-14", 100, Kind::kRanges, {{0, 15}, {50, 10}}},
      {"bytes=0-,10-19,-5", 100, Kind::kRanges, {{0, 100}}},
      {"bytes=0-0,100-", 100, Kind::kRanges, {{0, 1}}},
      {"bytes=,0-0,,", 100, Kind::kRanges, {{0, 1}}},
      // Nothing of the file.
      {"bytes=100-", 100, Kind::kUnsatisfiable, {}},
      {"bytes=100-200,300-", 100, Kind::kUnsatisfiable, {}},
      {"bytes=-0", 100, Kind::kUnsatisfiable, {}},
      {"bytes=0-", 0, Kind::kUnsatisfiable, {}},
      {"bytes=-5", 0, Kind::kUnsatisfiable, {}},
      {"bytes=99999999999999999999999999-", 100, Kind::kUnsatisfiable, {}},
      // Ignored.
      {"", 100, Kind::kWhole, {}},
      {"bytes", 100, Kind::kWhole, {}},
      {"bytes=", 100, Kind::kWhole, {}},
      {"bytes=,", 100, Kind::kWhole, {}},
      {"bytes=-", 100, Kind::kWhole, {}},
      {"bytes=5", 100, Kind::kWhole, {}},
      {"bytes=9-5", 100, Kind::kWhole, {}},
      {"bytes=a-b", 100, Kind::kWhole, {}},
      {"bytes=1-2-3", 100, Kind::kWhole, {}},
      {"bytes=+1-2", 100, Kind::kWhole, {}},
      {"bytes=--5", 100, Kind::kWhole, {}},
      {"bytes=0-1,x", 100, Kind::kWhole, {}},
      {"bytes 0-1", 100, Kind::kWhole, {}},
      {"chunks=0-1", 100, Kind::kWhole, {}},
  };
  for (const RangeCase& test : cases) {
    SCOPED_TRACE(test.header);
    const RequestedRanges requested = RequestedRanges::Parse(test.header, test.length_bytes);
    EXPECT_EQ(requested.kind, test.kind);
    EXPECT_EQ(requested.ranges, test.ranges);
  }
}

TEST(RequestedRanges, AreBounded) {
  std::string header = "bytes=0-0";
  for (size_t i = 1; i < RequestedRanges::kMaxRanges; ++i) {
    header += "," + std::to_string(2 * i) + "-" + std::to_string(2 * i);
  }
  EXPECT_EQ(RequestedRanges::Parse(header, 100).ranges.size(), RequestedRanges::kMaxRanges);
  EXPECT_EQ(RequestedRanges::Parse(header + ",99-99", 100).kind, Kind::kWhole);
  EXPECT_EQ(RequestedRanges::Parse(header + ",1000-", 100).kind, Kind::kWhole)
      << "those past the end count too";
}

}  // namespace
}  // namespace shoal::leecher
