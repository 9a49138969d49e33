#include "shoal/base/units.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "absl/status/status.h"

namespace shoal {
namespace {

TEST(ParseBytes, AcceptsBinaryAndDecimalUnits) {
  EXPECT_EQ(*ParseBytes("4096"), 4096u);
  EXPECT_EQ(*ParseBytes("0"), 0u);
  EXPECT_EQ(*ParseBytes("7 B"), 7u);
  EXPECT_EQ(*ParseBytes("512KiB"), 512u * 1024);
  EXPECT_EQ(*ParseBytes("512kib"), 512u * 1024);
  EXPECT_EQ(*ParseBytes("1.5 GiB"), 1'610'612'736u);
  EXPECT_EQ(*ParseBytes("10MB"), 10'000'000u);
  EXPECT_EQ(*ParseBytes(" 2m "), 2u * 1024 * 1024);
  EXPECT_EQ(*ParseBytes("18446744073709551615"), UINT64_MAX);
}

TEST(ParseBytes, RefusesOtherForms) {
  for (const char* text : {"", "B", "KiB", "-1", "+1", "1.5", "1..5K", "1.K", ".5K", "1 KiBs", "1Kib/s",
                           "0x10", "nan", "1e3", "18446744073709551616", "16EiB", "one"}) {
    EXPECT_EQ(ParseBytes(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ParseRate, AcceptsBytesAndBits) {
  EXPECT_EQ(*ParseRate("4096"), 4096u);
  EXPECT_EQ(*ParseRate("12MiB"), 12u * 1024 * 1024);
  EXPECT_EQ(*ParseRate("1.5 KiB/s"), 1536u);
  EXPECT_EQ(*ParseRate("20Mbit"), 2'500'000u);
  EXPECT_EQ(*ParseRate("8 kbit/s"), 1000u);
  EXPECT_EQ(*ParseRate("1gbit/s"), 125'000'000u);
  EXPECT_EQ(*ParseRate("none"), UINT64_MAX);
}

TEST(ParseRate, RefusesOtherForms) {
  for (const char* text : {"", "0", "0MiB/s", "7bit", "fast", "/s", "1MiB/m", "-1", "1 Mibit"}) {
    EXPECT_EQ(ParseRate(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ParseRate, ASmallNumberNeedsAUnit) {
  EXPECT_FALSE(ParseRate("10").ok());
  EXPECT_FALSE(ParseRate("1023").ok());
  EXPECT_EQ(*ParseRate("1024"), 1024u);
  EXPECT_EQ(*ParseRate("10B"), 10u);
}

TEST(ParseDuration, AcceptsSumsAndForever) {
  EXPECT_EQ(*ParseDuration("30s"), absl::Seconds(30));
  EXPECT_EQ(*ParseDuration("1h30m"), absl::Minutes(90));
  EXPECT_EQ(*ParseDuration("250ms"), absl::Milliseconds(250));
  EXPECT_EQ(*ParseDuration("1.5s"), absl::Milliseconds(1500));
  EXPECT_EQ(*ParseDuration("0"), absl::ZeroDuration());
  EXPECT_EQ(*ParseDuration("2d"), absl::Hours(48));
  EXPECT_EQ(*ParseDuration("1d12h"), absl::Hours(36));
  EXPECT_EQ(*ParseDuration("forever"), absl::InfiniteDuration());
  EXPECT_EQ(*ParseDuration("Forever"), absl::InfiniteDuration());
}

TEST(ParseDuration, RefusesOtherForms) {
  for (const char* text :
       {"", "30", "-5s", "+5s", "inf", "s", "five", "d", "-1d", "1.5d", "99999999999d", "1h2d"}) {
    EXPECT_EQ(ParseDuration(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(FormatBytes, HasThreeDigits) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1024), "1.00 KiB");
  EXPECT_EQ(FormatBytes(4096), "4.00 KiB");
  EXPECT_EQ(FormatBytes(12'595), "12.3 KiB");
  EXPECT_EQ(FormatBytes(1'460'288'880), "1.36 GiB");
  EXPECT_EQ(FormatBytes(1024 * 1024 - 1), "1.00 MiB");
  EXPECT_EQ(FormatBytes(UINT64_MAX), "16.0 EiB");
}

TEST(FormatRate, IsBytesPerSecond) {
  EXPECT_EQ(FormatRate(12.34 * 1024 * 1024), "12.3 MiB/s");
  EXPECT_EQ(FormatRate(0), "0 B/s");
  EXPECT_EQ(FormatRate(-1), "0 B/s");
}

TEST(FormatDuration, HasTwoUnitsAtMost) {
  EXPECT_EQ(shoal::FormatDuration(absl::Milliseconds(400)), "0.4s");
  EXPECT_EQ(shoal::FormatDuration(absl::Seconds(12)), "12s");
  EXPECT_EQ(shoal::FormatDuration(absl::Seconds(187)), "3m07s");
  EXPECT_EQ(shoal::FormatDuration(absl::Minutes(125)), "2h05m");
  EXPECT_EQ(shoal::FormatDuration(absl::Hours(99)), "4d03h");
  EXPECT_EQ(shoal::FormatDuration(absl::Milliseconds(59'700)), "1m00s");
  EXPECT_EQ(shoal::FormatDuration(absl::InfiniteDuration()), "forever");
  EXPECT_EQ(shoal::FormatDuration(-absl::Seconds(1)), "0.0s");
}

}  // namespace
}  // namespace shoal
