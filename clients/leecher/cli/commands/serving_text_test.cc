#include "clients/leecher/cli/commands/serving_text.h"

#include "gtest/gtest.h"

namespace shoal::leecher {
namespace {

TEST(ServingTextTest, SaysWhoTakesWhat) {
  ServingStatus serving{.port = 7,
                        .contents = 1,
                        .peers = 3,
                        .sent_bytes = 3 << 20,
                        .sent_chunks = 6,
                        .rate_bytes_per_second = 1 << 20,
                        .trackers_told = 2,
                        .trackers = 2};
  EXPECT_EQ(ServingText(serving, std::nullopt), "3 peers, 3.00 MiB sent, 1.00 MiB/s");
  serving.trackers_told = 1;
  EXPECT_EQ(ServingText(serving, absl::Seconds(12)),
            "3 peers, 3.00 MiB sent, 1.00 MiB/s, 1 of 2 trackers told, 12s left");
  EXPECT_EQ(ServedText(serving, absl::Seconds(187)), "served for 3m07s: 3.00 MiB in 6 chunks");
}

}  // namespace
}  // namespace shoal::leecher
