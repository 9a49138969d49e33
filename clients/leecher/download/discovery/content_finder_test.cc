#include "clients/leecher/download/discovery/content_finder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "shoal/tracking/messages/warm_up.h"

namespace shoal::leecher {
namespace {

constexpr absl::Duration kStart = absl::Seconds(1000);
constexpr absl::Duration kPatience = absl::Seconds(10);
constexpr absl::Duration kWarmUp = absl::Seconds(30);
// Of a person who gave no time to wait.
const FindingPatience kUsual = {
    .unknown = absl::ZeroDuration(), .warming_up = kWarmUp, .unreachable = kPatience};
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
    content.summary.name = "name";
    content.first_seen = absl::FromUnixSeconds(n);
    content.seeders = n;
    response.contents.push_back(content);
  }
  if (contents.size() == 1) response.peers.emplace_back();
  return response;
}
const absl::StatusOr<tracking::LookupResponse> kUnknown = absl::NotFoundError("unknown");
const absl::StatusOr<tracking::LookupResponse> kWarmingUp =
    tracking::WithWarmUp(absl::NotFoundError("unknown"), absl::Seconds(20));
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
      {"no tracker knows it", true, 2, {{0, kUnknown}, {1, kUnknown}}, soon, Verdict::kNotFound},
      {"an id that no tracker knows", false, 1, {{0, kUnknown}}, soon, Verdict::kNotFound},
      {"one does not know it, one is silent", false, 2, {{0, kUnknown}}, soon, Verdict::kOpen},
      {"one does not know it, one is away", false, 2, {{0, kUnknown}, {1, kAway}}, soon, Verdict::kNotFound},
      {"all away", false, 2, {{0, kAway}, {1, kAway}}, soon, Verdict::kOpen},
      {"all away for long", false, 2, {{0, kAway}, {1, kAway}}, kPatience, Verdict::kUnreachable},
      {"all silent for long", false, 1, {}, kPatience, Verdict::kUnreachable},
      {"away first, back in time", false, 1, {{0, kAway}, {0, Knows({1})}}, soon, Verdict::kFound},
      {"a tracker that has just started", true, 1, {{0, kWarmingUp}}, kPatience, Verdict::kOpen},
      {"it has had its time", true, 1, {{0, kWarmingUp}}, kWarmUp, Verdict::kNotFound},
      {"it has warmed up", true, 1, {{0, kWarmingUp}, {0, kUnknown}}, soon, Verdict::kNotFound},
      {"it knows it by now", true, 1, {{0, kWarmingUp}, {0, Knows({1})}}, soon, Verdict::kFound},
      {"one of two has just started", true, 2, {{0, kUnknown}, {1, kWarmingUp}}, soon, Verdict::kOpen},
      {"an empty answer is as none", true, 1, {{0, Knows({})}}, soon, Verdict::kNotFound},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.what);
    ContentFinder finder(
        test.by_name ? tracking::ContentKey(std::string("name")) : tracking::ContentKey(IdOf(1)),
        test.trackers, kUsual, kStart);
    for (const Heard& heard : test.heard) finder.Answer(heard.tracker, heard.response, kStart);
    EXPECT_EQ(finder.Decide(kStart + test.after), test.expected);
  }
}

TEST(ContentFinder, WithoutPatienceEachTrackerIsHeardOnce) {
  const FindingPatience none = {absl::ZeroDuration(), absl::ZeroDuration(), absl::ZeroDuration()};
  ContentFinder finder(tracking::ContentKey(IdOf(1)), 2, none, kStart);
  EXPECT_EQ(finder.Decide(kStart), Verdict::kOpen);
  finder.Answer(0, kAway, kStart);
  EXPECT_EQ(finder.Decide(kStart + kPatience), Verdict::kOpen);
  finder.Answer(1, kAway, kStart);
  EXPECT_EQ(finder.Decide(kStart), Verdict::kUnreachable);
  finder.Answer(1, kWarmingUp, kStart);
  EXPECT_EQ(finder.Decide(kStart), Verdict::kNotFound);
}

TEST(ContentFinder, WithEndlessPatienceItNeverFails) {
  const absl::Duration forever = absl::InfiniteDuration();
  ContentFinder finder(tracking::ContentKey(IdOf(1)), 2, {forever, forever, forever}, kStart);
  for (const auto& answer : {kAway, kUnknown, kWarmingUp}) {
    for (const size_t tracker : {0u, 1u}) finder.Answer(tracker, answer, kStart);
    EXPECT_EQ(finder.Decide(kStart + absl::Hours(1000)), Verdict::kOpen);
  }
  EXPECT_EQ(finder.trackers_unknowing(), 2u);
  EXPECT_EQ(finder.trackers_warming_up(), 2u);
  finder.Answer(1, Knows({1}), kStart);
  EXPECT_EQ(finder.Decide(kStart + absl::Hours(1000)), Verdict::kFound);
}

TEST(ContentFinder, GathersPeersAndCandidates) {
  ContentFinder finder(tracking::ContentKey(std::string("name")), 3, kUsual, kStart);
  finder.Answer(0, Knows({1}), kStart);
  finder.Answer(1, Knows({1}), kStart);
  EXPECT_EQ(finder.peers(0).size(), 1u);
  EXPECT_EQ(finder.peers(1).size(), 1u);
  EXPECT_TRUE(finder.peers(2).empty());
  finder.Answer(2, Knows({1, 5}), kStart);
  ASSERT_EQ(finder.candidates().size(), 2u);
  EXPECT_EQ(finder.candidates()[0].summary.id, IdOf(5)) << "the newest first";
}

// --- With trusted keys

SigningKey KeyOf(char n) {
  return *SigningKey::FromSeed(AsBytes(std::string(32, n)));
}

TrustedKeys TrustA() {
  TrustedKeys trusted;
  EXPECT_TRUE(trusted.Add(KeyOf('a').public_key()).ok());
  return trusted;
}

// As Knows, with each content signed by `key` at the second of its number.
absl::StatusOr<tracking::LookupResponse> KnowsSigned(char key, std::vector<uint8_t> contents) {
  auto response = Knows(std::move(contents));
  for (tracking::ContentStatus& content : response->contents) {
    content.signatures = {PublisherSignature::Make(KeyOf(key), content.summary.id, content.summary.name,
                                                   absl::FromUnixSeconds(content.seeders))};
  }
  return response;
}

TEST(ContentFinder, OnlyTrustedContentsCount) {
  ContentFinder finder(tracking::ContentKey(std::string("name")), 2, kUsual, kStart, TrustA());
  finder.Answer(0, KnowsSigned('x', {7}), kStart);
  finder.Answer(1, KnowsSigned('a', {3}), kStart);
  ASSERT_EQ(finder.Decide(kStart), Verdict::kFound);
  EXPECT_EQ(finder.found().id, IdOf(3));
  ASSERT_EQ(finder.signatures().size(), 1u);
  EXPECT_EQ(finder.signatures()[0].key, KeyOf('a').public_key());
  EXPECT_TRUE(finder.peers(0).empty()) << "they are of the other content";
  EXPECT_EQ(finder.peers(1).size(), 1u);
  EXPECT_FALSE(finder.Trusts(KnowsSigned('x', {7})->contents[0]));
  EXPECT_TRUE(finder.Trusts(KnowsSigned('a', {8})->contents[0]));
}

TEST(ContentFinder, ANameMeansWhatWasSignedLast) {
  ContentFinder finder(tracking::ContentKey(std::string("name")), 1, kUsual, kStart, TrustA());
  finder.Answer(0, KnowsSigned('a', {3, 5, 4}), kStart);
  ASSERT_EQ(finder.Decide(kStart), Verdict::kFound);
  EXPECT_EQ(finder.found().id, IdOf(5));
}

TEST(ContentFinder, UntrustedContentsAreReportedAfterAWhile) {
  for (const bool by_name : {true, false}) {
    const absl::Duration forever = absl::InfiniteDuration();
    const auto key = by_name ? tracking::ContentKey(std::string("name")) : tracking::ContentKey(IdOf(7));
    ContentFinder finder(key, 1, {forever, forever, forever}, kStart, TrustA());
    finder.Answer(0, KnowsSigned('x', {7}), kStart);
    EXPECT_EQ(finder.Decide(kStart), Verdict::kOpen) << "its publisher may come";
    EXPECT_EQ(finder.Decide(kStart + absl::Seconds(10)), Verdict::kUntrusted);
    EXPECT_EQ(finder.untrusted().size(), 1u);
    finder.Answer(0, KnowsSigned('a', {7}), kStart);
    EXPECT_EQ(finder.Decide(kStart), Verdict::kFound);
  }
}

TEST(ContentFinder, AnotherContentOfATrustedPublisherIsNotTaken) {
  ContentFinder by_name(tracking::ContentKey(std::string("other")), 1, kUsual, kStart, TrustA());
  by_name.Answer(0, KnowsSigned('a', {7}), kStart);
  EXPECT_EQ(by_name.Decide(kStart), Verdict::kUntrusted);
  ContentFinder by_id(tracking::ContentKey(IdOf(8)), 1, kUsual, kStart, TrustA());
  by_id.Answer(0, KnowsSigned('a', {7}), kStart);
  EXPECT_EQ(by_id.Decide(kStart), Verdict::kUntrusted);
}

TEST(ContentFinder, WithoutTrustedKeysAllSignaturesAreKept) {
  ContentFinder finder(tracking::ContentKey(std::string("name")), 2, kUsual, kStart);
  const auto first = KnowsSigned('a', {7})->contents[0].signatures[0];
  const auto second = KnowsSigned('x', {7})->contents[0].signatures[0];
  finder.Answer(0, KnowsSigned('a', {7}), kStart);
  finder.Answer(1, KnowsSigned('x', {7}), kStart);
  finder.Answer(1, KnowsSigned('x', {7}), kStart);
  ASSERT_EQ(finder.Decide(kStart), Verdict::kFound);
  EXPECT_EQ(finder.signatures(), (std::vector{first, second}));
}

TEST(ContentFinder, AForgedSignatureIsNotTrusted) {
  auto forged = KnowsSigned('x', {7});
  forged->contents[0].signatures[0].key = KeyOf('a').public_key();
  ContentFinder finder(tracking::ContentKey(IdOf(7)), 1, kUsual, kStart, TrustA());
  finder.Answer(0, forged, kStart);
  EXPECT_EQ(finder.Decide(kStart), Verdict::kUntrusted);
}

}  // namespace
}  // namespace shoal::leecher
