#include "clients/leecher/download/discovery/content_finder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace shoal::leecher {
namespace {

constexpr absl::Duration kStart = absl::Seconds(1000);
constexpr absl::Duration kPatience = absl::Seconds(10);
using Verdict = ContentFinder::Verdict;

ContentId IdOf(uint8_t n) {
  std::array<uint8_t, 32> bytes{};
  bytes[0] = n;
  return ContentId(bytes);
}

absl::StatusOr<tracking::LookupResponse> Knows(std::vector<uint8_t> contents) {
  tracking::LookupResponse response;
  for (const uint8_t n : contents) {
    tracking::ContentStatus content;
    content.summary.id = IdOf(n);
    content.first_seen = absl::FromUnixSeconds(n);
    content.seeders = n;
    response.contents.push_back(content);
  }
  if (contents.size() == 1) response.peers.emplace_back();
  return response;
}
const absl::StatusOr<tracking::LookupResponse> kUnknown = absl::NotFoundError("unknown");
const absl::StatusOr<tracking::LookupResponse> kAway = absl::UnavailableError("away");

struct Heard {
  size_t tracker;
  absl::StatusOr<tracking::LookupResponse> response;
};

struct Case {
  const char* what;
  bool by_name;
  size_t trackers;
  std::vector<Heard> heard;
  absl::Duration after;
  Verdict expected;
};

TEST(ContentFinder, Decides) {
  const absl::Duration soon = absl::Milliseconds(1);
  const absl::Duration a_moment = absl::Seconds(1);
  const Case cases[] = {
      {"nothing heard", true, 1, {}, soon, Verdict::kOpen},
      {"a name that one tracker knows", true, 1, {{0, Knows({1})}}, soon, Verdict::kFound},
      {"a name, one tracker still silent", true, 2, {{0, Knows({1})}}, soon, Verdict::kOpen},
      {"a name, one tracker silent for long", true, 2, {{0, Knows({1})}}, a_moment, Verdict::kFound},
      {"an id does not wait for the others", false, 2, {{0, Knows({1})}}, soon, Verdict::kFound},
      {"both trackers mean the same", true, 2, {{0, Knows({1})}, {1, Knows({1})}}, soon, Verdict::kFound},
      {"two contents at one tracker", true, 1, {{0, Knows({1, 2})}}, soon, Verdict::kAmbiguous},
      {"two contents at two trackers",
       true,
       2,
       {{0, Knows({1})}, {1, Knows({2})}},
       soon,
       Verdict::kAmbiguous},
      {"one knows it, one does not", true, 2, {{0, kUnknown}, {1, Knows({1})}}, soon, Verdict::kFound},
      {"one knows it, one is away", true, 2, {{0, kAway}, {1, Knows({1})}}, soon, Verdict::kFound},
      {"nobody knows it", true, 2, {{0, kUnknown}, {1, kUnknown}}, soon, Verdict::kNotFound},
      {"an id that nobody knows", false, 1, {{0, kUnknown}}, soon, Verdict::kNotFound},
      {"one does not know it, one is silent", false, 2, {{0, kUnknown}}, soon, Verdict::kOpen},
      {"one does not know it, one is away", false, 2, {{0, kUnknown}, {1, kAway}}, soon, Verdict::kNotFound},
      {"all away", false, 2, {{0, kAway}, {1, kAway}}, soon, Verdict::kOpen},
      {"all away for long", false, 2, {{0, kAway}, {1, kAway}}, kPatience, Verdict::kUnreachable},
      {"all silent for long", false, 1, {}, kPatience, Verdict::kUnreachable},
      {"away first, back in time", false, 1, {{0, kAway}, {0, Knows({1})}}, soon, Verdict::kFound},
      {"an empty answer is as none", true, 1, {{0, Knows({})}}, soon, Verdict::kNotFound},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.what);
    ContentFinder finder(
        test.by_name ? tracking::ContentKey(std::string("name")) : tracking::ContentKey(IdOf(1)),
        test.trackers, kPatience, kStart);
    for (const Heard& heard : test.heard) finder.Answer(heard.tracker, heard.response, kStart);
    EXPECT_EQ(finder.Decide(kStart + test.after), test.expected);
  }
}

TEST(ContentFinder, GathersPeersAndCandidates) {
  ContentFinder finder(tracking::ContentKey(std::string("name")), 3, kPatience, kStart);
  finder.Answer(0, Knows({1}), kStart);
  finder.Answer(1, Knows({1}), kStart);
  EXPECT_EQ(finder.peers().size(), 2u);
  finder.Answer(2, Knows({1, 5}), kStart);
  ASSERT_EQ(finder.candidates().size(), 2u);
  EXPECT_EQ(finder.candidates()[0].summary.id, IdOf(5)) << "the newest first";
}

}  // namespace
}  // namespace shoal::leecher
