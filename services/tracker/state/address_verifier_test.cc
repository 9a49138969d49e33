#include "services/tracker/state/address_verifier.h"

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/test_requests.h"
#include "shoal/base/manual_clock.h"

namespace shoal::tracker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Endpoint At(const std::string& text) {
  return *Endpoint::Parse(text);
}

class AddressVerifierTest : public ::testing::Test {
 protected:
  struct Dialled {
    Endpoint endpoint;
    PeerId peer;
    std::function<void(absl::Status)> done;
  };

  void Restart(const AddressVerifier::Options& options) {
    verifier_.emplace(
        options, &registry_,
        [this](const Endpoint& endpoint, const PeerId& peer, const ContentId&,
               std::function<void(absl::Status)> done) {
          dialled_.push_back({endpoint, peer, std::move(done)});
        },
        [this](const Endpoint& endpoint, const PeerId&, const IpAddress&, const absl::Status&) {
          failed_.push_back(endpoint);
        },
        &clock_);
  }
  AddressVerifierTest() { Restart({}); }

  void Register(uint32_t peer, const std::string& source, std::vector<std::string> claimed,
                uint32_t content = 1) {
    tracking::RegisterRequest request = TestSeeder(peer, TestContent(content));
    request.endpoint = At(claimed[0]);
    for (size_t i = 1; i < claimed.size(); ++i) request.other_endpoints.push_back(At(claimed[i]));
    const auto registered =
        verifier_->Register({*IpAddress::Parse(source), IpAddress()}, addresses_, request);
    EXPECT_TRUE(registered.ok()) << registered.status();
  }
  // The addresses that others get for the only peer of the content.
  std::vector<Endpoint> HandedOut(uint32_t content = 1) {
    const auto found = registry_.Lookup({TestContentId(content), std::nullopt, 10});
    EXPECT_TRUE(found.ok()) << found.status();
    EXPECT_THAT(found->peers, SizeIs(1));
    std::vector<Endpoint> endpoints = {found->peers[0].endpoint};
    const std::vector<Endpoint>& others = found->peers[0].other_endpoints;
    endpoints.insert(endpoints.end(), others.begin(), others.end());
    return endpoints;
  }
  std::vector<Endpoint> Targets() const {
    std::vector<Endpoint> targets;
    for (const Dialled& one : dialled_) targets.push_back(one.endpoint);
    return targets;
  }
  void Answer(const absl::Status& outcome) {
    ASSERT_FALSE(dialled_.empty());
    const Dialled first = std::move(dialled_.front());
    dialled_.pop_front();
    first.done(outcome);
  }
  void Pass(absl::Duration time) {
    clock_.Advance(time);
    verifier_->Advance();
  }

  static Registry::Options LongLeases() {
    Registry::Options options;
    options.lease = absl::Minutes(10);
    return options;
  }
  static absl::Status Unreachable() { return absl::UnavailableError("connection refused"); }

  ManualClock clock_;
  Registry registry_{LongLeases(), &clock_};
  const PeerAddresses addresses_{{*IpAddress::Parse("127.0.0.1"), *IpAddress::Parse("10.1.0.1")}};
  std::deque<Dialled> dialled_;
  std::vector<Endpoint> failed_;
  std::optional<AddressVerifier> verifier_;
};

TEST_F(AddressVerifierTest, AnAddressAtWhichThePeerIsSeenNeedsNoAnswer) {
  Register(1, "10.1.0.7", {"0.0.0.0:7000"});
  Register(2, "10.1.0.7", {"10.1.0.7:7001", "127.0.0.1:7002"}, 2);
  EXPECT_THAT(HandedOut(1), ElementsAre(At("10.1.0.7:7000")));
  EXPECT_THAT(HandedOut(2), ElementsAre(At("10.1.0.7:7001"), At("10.1.0.7:7002")));
  EXPECT_THAT(Targets(), IsEmpty());
}

TEST_F(AddressVerifierTest, APeerOnTheTrackersMachineMayClaimEachAddressOfIt) {
  Register(1, "127.0.0.1", {"10.1.0.1:7000"});
  EXPECT_THAT(HandedOut(), ElementsAre(At("10.1.0.1:7000")));
  EXPECT_THAT(Targets(), IsEmpty());
}

TEST_F(AddressVerifierTest, AStrangersAddressIsNotHandedOutUntilThePeerAnswersThere) {
  Register(1, "10.1.0.7", {"203.0.113.5:9000"});
  EXPECT_THAT(HandedOut(), ElementsAre(At("10.1.0.7:9000")));
  EXPECT_THAT(Targets(), ElementsAre(At("203.0.113.5:9000")));
  Answer(absl::OkStatus());
  EXPECT_THAT(HandedOut(), ElementsAre(At("203.0.113.5:9000")));
  EXPECT_EQ(verifier_->waiting(), 0u);
}

TEST_F(AddressVerifierTest, TheSourcePaysForNewContentsWhateverItClaims) {
  RegistryLimits limits;
  limits.new_contents_burst = 1;
  registry_.SetLimits(limits);
  Register(1, "10.1.0.7", {"203.0.113.5:9000"}, 1);
  for (const char* claimed : {"203.0.113.6:9000", "127.0.0.1:9000", "10.1.0.1:9000", "10.1.0.7:9000"}) {
    tracking::RegisterRequest request = TestSeeder(1, TestContent(2));
    request.endpoint = At(claimed);
    const auto refused =
        verifier_->Register({*IpAddress::Parse("10.1.0.7"), IpAddress()}, addresses_, request);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted) << claimed;
  }
  Register(2, "10.1.0.8", {"10.1.0.7:9000"}, 2);
}

TEST_F(AddressVerifierTest, AllLeasesOfThePeerGetTheAddress) {
  Register(1, "10.1.0.7", {"10.2.0.7:7000"}, 1);
  Register(1, "10.1.0.7", {"10.2.0.7:7000"}, 2);
  EXPECT_THAT(Targets(), ElementsAre(At("10.2.0.7:7000"))) << "once for both";
  Answer(absl::OkStatus());
  EXPECT_THAT(HandedOut(1), ElementsAre(At("10.2.0.7:7000")));
  EXPECT_THAT(HandedOut(2), ElementsAre(At("10.2.0.7:7000")));
  Register(1, "10.1.0.7", {"10.2.0.7:7000"}, 3);
  EXPECT_THAT(HandedOut(3), ElementsAre(At("10.2.0.7:7000"))) << "remembered";
  EXPECT_THAT(Targets(), IsEmpty());
}

TEST_F(AddressVerifierTest, TheOrderOfTheRegistrationIsKept) {
  Register(1, "10.1.0.7", {"10.2.0.7:7000", "10.1.0.7:7000", "10.3.0.7:7000"});
  EXPECT_THAT(HandedOut(), ElementsAre(At("10.1.0.7:7000")));
  ASSERT_THAT(dialled_, SizeIs(2));
  std::swap(dialled_[0], dialled_[1]);
  Answer(absl::OkStatus());
  EXPECT_THAT(HandedOut(), ElementsAre(At("10.1.0.7:7000"), At("10.3.0.7:7000")));
  Answer(absl::OkStatus());
  EXPECT_THAT(HandedOut(), ElementsAre(At("10.2.0.7:7000"), At("10.1.0.7:7000"), At("10.3.0.7:7000")));
}

TEST_F(AddressVerifierTest, WhatIsVerifiedForOnePeerIsNotForAnother) {
  Register(1, "10.1.0.7", {"10.2.0.7:7000"}, 1);
  Answer(absl::OkStatus());
  Register(2, "10.1.0.8", {"10.2.0.7:7000"}, 2);
  EXPECT_THAT(HandedOut(2), ElementsAre(At("10.1.0.8:7000")));
}

TEST_F(AddressVerifierTest, WhatIsDialledInVainIsDialledAgainAfterGrowingPausesAndGivenUp) {
  Register(1, "10.1.0.7", {"203.0.113.5:9000"});
  absl::Duration pause = absl::Seconds(5);
  for (int tries = 1; tries < 6; ++tries) {
    Answer(Unreachable());
    Pass(pause - absl::Milliseconds(1));
    EXPECT_THAT(Targets(), IsEmpty()) << tries;
    Pass(absl::Milliseconds(1));
    EXPECT_THAT(Targets(), SizeIs(1)) << tries;
    pause *= 2;
  }
  Answer(Unreachable());
  EXPECT_EQ(verifier_->waiting(), 0u);
  EXPECT_THAT(failed_, ElementsAre(At("203.0.113.5:9000"))) << "told once";
  EXPECT_THAT(HandedOut(), ElementsAre(At("10.1.0.7:9000")));
}

TEST_F(AddressVerifierTest, APeerThatComesUpLaterIsFound) {
  Register(1, "10.1.0.7", {"10.2.0.7:7000"});
  Answer(Unreachable());
  Pass(absl::Seconds(5));
  Answer(absl::OkStatus());
  EXPECT_THAT(HandedOut(), ElementsAre(At("10.2.0.7:7000")));
}

TEST_F(AddressVerifierTest, AVictimIsDialledAFewTimesAMinuteHoweverManyClaimIt) {
  uint32_t dials = 0;
  for (uint32_t peer = 1; peer <= 40; ++peer) {
    Register(peer, "10.1.0." + std::to_string(peer), {"203.0.113.5:" + std::to_string(1000 + peer)}, peer);
    for (; !dialled_.empty(); ++dials) Answer(Unreachable());
  }
  EXPECT_EQ(dials, AddressVerifier::Options().max_failures_per_target);
  Pass(absl::Minutes(1));
  EXPECT_THAT(Targets(), testing::Not(IsEmpty()));
}

TEST_F(AddressVerifierTest, AStrangerCantKeepAPeersAddressFromBeingTried) {
  uint32_t dials = 0;
  for (uint32_t peer = 1; peer <= 40; ++peer) {
    Register(peer, "10.1.0.66", {"203.0.113.5:" + std::to_string(1000 + peer)}, peer);
    for (; !dialled_.empty(); ++dials) Answer(Unreachable());
  }
  EXPECT_EQ(dials, AddressVerifier::Options().max_failures_per_target_and_source);
  Register(50, "10.1.0.7", {"203.0.113.5:7000"}, 50);
  EXPECT_THAT(Targets(), ElementsAre(At("203.0.113.5:7000")));
}

TEST_F(AddressVerifierTest, OneSourceCantMakeTheTrackerScanANetwork) {
  uint32_t dials = 0;
  for (uint32_t peer = 1; peer <= 100; ++peer) {
    Register(peer, "10.1.0.7", {"203.0.113." + std::to_string(peer) + ":80"}, peer);
    for (; !dialled_.empty(); ++dials) Answer(Unreachable());
  }
  EXPECT_EQ(dials, AddressVerifier::Options().max_failures_per_source);
  Register(200, "10.1.0.8", {"198.51.100.1:80"}, 200);
  EXPECT_THAT(Targets(), ElementsAre(At("198.51.100.1:80"))) << "others' claims go on";
}

TEST_F(AddressVerifierTest, ProbesAndClaimsAreBounded) {
  AddressVerifier::Options options;
  options.max_probes = 2;
  options.max_claims_per_source = 3;
  Restart(options);
  for (uint32_t peer = 1; peer <= 5; ++peer)
    Register(peer, "10.1.0.7", {"10.2.0." + std::to_string(peer) + ":7000"}, peer);
  EXPECT_THAT(Targets(), SizeIs(2));
  EXPECT_EQ(verifier_->waiting(), 3u);
  Answer(absl::OkStatus());
  EXPECT_THAT(Targets(), SizeIs(2)) << "the next takes its place";
}

TEST_F(AddressVerifierTest, ANewRegistrationWithoutTheAddressWithdrawsTheClaim) {
  Register(1, "10.1.0.7", {"10.2.0.7:7000"});
  Register(1, "10.1.0.7", {"10.3.0.7:7000"});
  EXPECT_THAT(Targets(), ElementsAre(At("10.2.0.7:7000"), At("10.3.0.7:7000")));
  Answer(absl::OkStatus());
  EXPECT_THAT(HandedOut(), ElementsAre(At("10.1.0.7:7000")));
  Answer(absl::OkStatus());
  EXPECT_THAT(HandedOut(), ElementsAre(At("10.3.0.7:7000")));
}

TEST_F(AddressVerifierTest, AddressesOfNobodyAreNeitherDialledNorHandedOut) {
  Register(1, "10.1.0.7", {"224.0.0.1:7000", "[ff02::1]:7000", "255.255.255.255:7000"});
  EXPECT_THAT(HandedOut(), ElementsAre(At("10.1.0.7:7000")));
  EXPECT_THAT(Targets(), IsEmpty());
}

TEST_F(AddressVerifierTest, ATrustingTrackerHandsOutWhatIsClaimed) {
  AddressVerifier::Options options;
  options.trusts_claims = true;
  Restart(options);
  Register(1, "10.1.0.7", {"203.0.113.5:9000"});
  EXPECT_THAT(HandedOut(), ElementsAre(At("203.0.113.5:9000")));
  EXPECT_THAT(Targets(), IsEmpty());
}

}  // namespace
}  // namespace shoal::tracker
