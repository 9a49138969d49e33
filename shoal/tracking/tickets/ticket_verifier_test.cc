#include "shoal/tracking/tickets/ticket_verifier.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/base/manual_clock.h"

namespace shoal::tracking {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TicketVerifierTest : public ::testing::Test {
 protected:
  static SigningKey KeyOf(char n) { return *SigningKey::FromSeed(AsBytes(std::string(32, n))); }

  TicketVerifierTest() {
    std::array<uint8_t, 32> content{};
    content.fill(1);
    content_ = ContentId(content);
  }

  TicketVerifier Pinned(const std::vector<SigningKey>& keys) {
    TicketVerifier::Options options;
    options.clock = &clock_;
    for (const SigningKey& key : keys) EXPECT_TRUE(options.issuers.Add(key.public_key()).ok());
    return TicketVerifier(std::move(options));
  }

  std::string Made(const SigningKey& key, absl::Duration left = absl::Minutes(10)) {
    return Ticket::Make(key, content_, "name", peer_, clock_.Now() + left).Encode();
  }

  std::string WhyNot(const TicketVerifier& verifier, const std::string& tickets) {
    const absl::Status checked = verifier.Check(AsBytes(tickets), content_, "name", peer_);
    if (!checked.ok()) {
      EXPECT_TRUE(absl::IsPermissionDenied(checked)) << checked;
    }
    return std::string(checked.message());
  }

  ManualClock clock_;
  const SigningKey key_ = KeyOf('a');
  const SigningKey other_key_ = KeyOf('b');
  ContentId content_;
  const PeerId peer_ = RandomPeerId();
};

TEST_F(TicketVerifierTest, ATicketIsForOnePeerAndContent) {
  const TicketVerifier verifier = Pinned({key_});
  const std::string ticket = Made(key_);
  EXPECT_EQ(WhyNot(verifier, ticket), "");
  EXPECT_THAT(std::string(verifier.Check(AsBytes(ticket), content_, "name", RandomPeerId()).message()),
              HasSubstr("for another peer"));
  EXPECT_THAT(std::string(verifier.Check(AsBytes(ticket), ContentId(), "name", peer_).message()),
              HasSubstr("for another content"));
  EXPECT_THAT(std::string(verifier.Check(AsBytes(ticket), content_, "other", peer_).message()),
              HasSubstr("a name that it does not have"));
  EXPECT_EQ(verifier.Check(AsBytes(ticket), content_, std::nullopt, peer_), absl::OkStatus());
}

TEST_F(TicketVerifierTest, SaysWhatIsMissing) {
  const TicketVerifier verifier = Pinned({key_});
  EXPECT_THAT(WhyNot(verifier, ""), HasSubstr("--tracker-token-file"));
  EXPECT_THAT(WhyNot(verifier, Made(other_key_)),
              HasSubstr("of another tracker (" + other_key_.public_key().ToText()));
  EXPECT_THAT(WhyNot(verifier, "nonsense"), HasSubstr("no ticket"));
  EXPECT_THAT(WhyNot(verifier, std::string(Ticket::kEncodedBytes, 'x')), HasSubstr("no ticket"));
  std::string forged = Made(key_);
  forged.back() = static_cast<char>(forged.back() ^ 1);
  EXPECT_THAT(WhyNot(verifier, forged), HasSubstr("signature"));
}

TEST_F(TicketVerifierTest, ClocksMayDifferByAMinute) {
  const TicketVerifier verifier = Pinned({key_});
  const std::string ticket = Made(key_, absl::Seconds(10));
  clock_.Advance(absl::Seconds(69));
  EXPECT_EQ(WhyNot(verifier, ticket), "");
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(WhyNot(verifier, ticket), HasSubstr("expired 1m ago"));
}

TEST_F(TicketVerifierTest, OneOfSeveralIsEnough) {
  const TicketVerifier verifier = Pinned({key_});
  const std::string nonsense(Ticket::kEncodedBytes, 'x');
  const std::string expired = Made(key_, -absl::Hours(1));
  EXPECT_EQ(WhyNot(verifier, nonsense + Made(other_key_) + expired + Made(key_)), "");
  std::string many;
  for (size_t i = 0; i < TicketVerifier::kMaxTickets; ++i) many += Made(key_);
  EXPECT_EQ(WhyNot(verifier, many), "");
  EXPECT_THAT(WhyNot(verifier, many + Made(key_)), HasSubstr("no ticket"));
}

// A stranger can't have several signatures verified by one Hello.
TEST_F(TicketVerifierTest, TheFirstOneThatCouldCountDecides) {
  const TicketVerifier verifier = Pinned({key_});
  std::string forged = Made(key_);
  forged.back() = static_cast<char>(forged.back() ^ 1);
  EXPECT_THAT(WhyNot(verifier, forged + Made(key_)), HasSubstr("signature"));
}

TEST_F(TicketVerifierTest, LearnsTheKeysOfTrackers) {
  std::vector<std::string> told;
  TicketVerifier::Options options;
  options.clock = &clock_;
  options.on_learned = [&](const std::string& tracker, const std::optional<PublicKey>& key) {
    told.push_back(tracker + (key.has_value() ? " has " + key->ToText().substr(8, 4) : " has none"));
  };
  TicketVerifier verifier(std::move(options));
  const absl::Status early = verifier.Check(AsBytes(Made(key_)), content_, "name", peer_);
  EXPECT_TRUE(absl::IsUnavailable(early)) << early;
  verifier.Learn("one", key_.public_key());
  verifier.Learn("one", key_.public_key());
  verifier.Learn("two", std::nullopt);
  EXPECT_EQ(WhyNot(verifier, Made(key_)), "");
  EXPECT_THAT(WhyNot(verifier, Made(other_key_)), HasSubstr("another tracker"));
  // A new key revokes the old one.
  verifier.Learn("one", other_key_.public_key());
  EXPECT_EQ(WhyNot(verifier, Made(other_key_)), "");
  EXPECT_THAT(WhyNot(verifier, Made(key_)), HasSubstr("another tracker"));
  verifier.Learn("one", std::nullopt);
  EXPECT_TRUE(absl::IsUnavailable(verifier.Check(AsBytes(Made(other_key_)), content_, "name", peer_)));
  EXPECT_THAT(told, ElementsAre("one has " + key_.public_key().ToText().substr(8, 4), "two has none",
                                "one has " + other_key_.public_key().ToText().substr(8, 4), "one has none"));
}

TEST_F(TicketVerifierTest, APinnedKeyIsNotReplaced) {
  TicketVerifier verifier = Pinned({key_});
  verifier.Learn("a tracker", other_key_.public_key());
  EXPECT_EQ(WhyNot(verifier, Made(key_)), "");
  EXPECT_THAT(WhyNot(verifier, Made(other_key_)), HasSubstr("another tracker"));
}

}  // namespace
}  // namespace shoal::tracking
