#include "services/tracker/access/ticket_issuer.h"

#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/base/manual_clock.h"
#include "shoal/tracking/tickets/ticket.h"
#include "tests/support/temporary_folder.h"

namespace shoal::tracker {
namespace {

class TicketIssuerTest : public ::testing::Test {
 protected:
  TicketIssuerTest() {
    WriteKey("first");
    auto opened = TicketIssuer::Open(OptionsWith(Path()));
    EXPECT_TRUE(opened.ok()) << opened.status();
    issuer_ = *std::move(opened);
  }

  std::string Path() const { return folder_.Path("key.pem"); }

  TicketIssuer::Options OptionsWith(const std::string& key_file) const {
    TicketIssuer::Options options;
    options.key_file = key_file;
    options.lifetime = absl::Minutes(10);
    options.max_remembered = 8;
    options.clock = &clock_;
    return options;
  }

  void WriteKey(const std::string& from) {
    std::remove(Path().c_str());
    std::string seed = from;
    seed.resize(32, '.');
    ASSERT_TRUE(SigningKey::FromSeed(AsBytes(seed))->Write(Path()).ok());
  }

  static ContentId ContentOf(uint8_t n) {
    std::array<uint8_t, 32> bytes{};
    bytes.fill(n);
    return ContentId(bytes);
  }

  static tracking::Ticket Read(const std::string& encoded) {
    const auto ticket = tracking::Ticket::Decode(AsBytes(encoded));
    EXPECT_TRUE(ticket.ok()) << ticket.status();
    return ticket.ok() ? *ticket : tracking::Ticket();
  }

  TemporaryFolder folder_;
  ManualClock clock_;
  std::unique_ptr<TicketIssuer> issuer_;
  const PeerId peer_ = RandomPeerId();
};

TEST_F(TicketIssuerTest, SignsForAPeerAndAContent) {
  const tracking::Ticket ticket = Read(issuer_->Issue(ContentOf(1), "name", peer_));
  EXPECT_EQ(ticket.issuer, issuer_->public_key());
  EXPECT_EQ(ticket.content, ContentOf(1));
  EXPECT_EQ(ticket.peer, peer_);
  EXPECT_EQ(ticket.expiry, clock_.Now() + absl::Minutes(10));
  EXPECT_TRUE(ticket.Verifies());
}

TEST_F(TicketIssuerTest, WithoutAKeyThereAreNone) {
  const TicketIssuer none;
  EXPECT_FALSE(none.issues());
  EXPECT_EQ(none.Issue(ContentOf(1), "name", peer_), "");
  EXPECT_EQ(none.public_key(), std::nullopt);
}

TEST_F(TicketIssuerTest, HandsATicketOutAgainForHalfOfItsLifetime) {
  const std::string first = issuer_->Issue(ContentOf(1), "name", peer_);
  clock_.Advance(absl::Minutes(5));
  EXPECT_EQ(issuer_->Issue(ContentOf(1), "name", peer_), first);
  EXPECT_NE(issuer_->Issue(ContentOf(2), "name", peer_), first);
  EXPECT_NE(issuer_->Issue(ContentOf(1), "other", peer_), first);
  EXPECT_NE(issuer_->Issue(ContentOf(1), "name", RandomPeerId()), first);
  clock_.Advance(absl::Seconds(1));
  const tracking::Ticket later = Read(issuer_->Issue(ContentOf(1), "name", peer_));
  EXPECT_EQ(later.expiry, clock_.Now() + absl::Minutes(10));
  EXPECT_TRUE(later.Verifies());
}

TEST_F(TicketIssuerTest, ANewKeySignsFromItsReloadOn) {
  const auto first_key = issuer_->public_key();
  const std::string before = issuer_->Issue(ContentOf(1), "name", peer_);
  ASSERT_TRUE(issuer_->Reload().ok());
  EXPECT_EQ(issuer_->Issue(ContentOf(1), "name", peer_), before) << "the key is the same";
  WriteKey("second");
  ASSERT_TRUE(issuer_->Reload().ok());
  EXPECT_NE(issuer_->public_key(), first_key);
  const tracking::Ticket after = Read(issuer_->Issue(ContentOf(1), "name", peer_));
  EXPECT_EQ(after.issuer, issuer_->public_key());
  EXPECT_TRUE(after.Verifies());
  folder_.Write("key.pem", "nonsense");
  EXPECT_FALSE(issuer_->Reload().ok());
  EXPECT_EQ(Read(issuer_->Issue(ContentOf(1), "name", peer_)), after);
}

TEST_F(TicketIssuerTest, NeedsAKeyToOpen) {
  EXPECT_FALSE(TicketIssuer::Open(OptionsWith(folder_.Path("nothing"))).ok());
  EXPECT_FALSE(TicketIssuer::Open(OptionsWith(folder_.Write("text", "nonsense"))).ok());
}

TEST_F(TicketIssuerTest, RemembersWhatIsAskedForAgain) {
  const std::string asked_for = issuer_->Issue(ContentOf(1), "name", peer_);
  const std::string forgotten = issuer_->Issue(ContentOf(2), "name", peer_);
  clock_.Advance(absl::Minutes(1));
  for (uint8_t n = 3; n < 30; ++n) {
    issuer_->Issue(ContentOf(n), "name", peer_);
    EXPECT_EQ(issuer_->Issue(ContentOf(1), "name", peer_), asked_for) << int{n};
  }
  EXPECT_NE(issuer_->Issue(ContentOf(2), "name", peer_), forgotten);
}

}  // namespace
}  // namespace shoal::tracker
