#include "shoal/tracking/client/tracker_url.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::tracking {
namespace {

using ::testing::HasSubstr;

TEST(TrackerUrlTest, AcceptsTheThreeForms) {
  const struct {
    const char* text;
    const char* canonical;
  } cases[] = {
      {"grpc://tracker:50051", "grpc://tracker:50051"},         {"udp://tracker:6969", "udp://tracker:6969"},
      {"tracker.example:1", "grpc://tracker.example:1"},        {"192.0.2.7:65535", "grpc://192.0.2.7:65535"},
      {"udp://[2001:db8::1]:6969", "udp://[2001:db8::1]:6969"}, {" UDP://a:1/ ", "udp://a:1"},
  };
  for (const auto& c : cases) {
    const auto url = TrackerUrl::Parse(c.text);
    ASSERT_TRUE(url.ok()) << c.text << ": " << url.status();
    EXPECT_EQ(url->ToString(), c.canonical);
    EXPECT_EQ(*TrackerUrl::Parse(url->ToString()), *url);
  }
}

TEST(TrackerUrlTest, RejectsOtherTextAndNamesTheForms) {
  for (const char* text :
       {"", "tracker", "grpc://tracker", "http://tracker:80", "udp://tracker:0", "tracker:65536",
        "udp://tracker:6969/announce", "tracker:x", "://a:1", "grpc://:50051"}) {
    const auto url = TrackerUrl::Parse(text);
    ASSERT_FALSE(url.ok()) << text;
    EXPECT_EQ(url.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(url.status().message()), HasSubstr("udp://HOST:PORT")) << text;
  }
}

TEST(TrackerUrlTest, ListsAreSeparatedByCommas) {
  const auto urls = TrackerUrl::ParseList("a:1, udp://b:2,");
  ASSERT_TRUE(urls.ok()) << urls.status();
  ASSERT_EQ(urls->size(), 2u);
  EXPECT_EQ((*urls)[1].ToString(), "udp://b:2");
  EXPECT_FALSE(TrackerUrl::ParseList(" ,").ok());
  EXPECT_FALSE(TrackerUrl::ParseList("a:1,b").ok());
}

}  // namespace
}  // namespace shoal::tracking
