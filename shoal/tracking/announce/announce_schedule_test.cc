#include "shoal/tracking/announce/announce_schedule.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/base/manual_clock.h"
#include "shoal/tracking/messages/sample_messages.h"

namespace shoal::tracking {
namespace {

using Verdict = AnnounceSchedule::Verdict;

ContentId Numbered(uint32_t n) {
  std::array<uint8_t, 32> bytes{};
  StoreBig(n + 1, bytes.data());
  return ContentId(bytes);
}

class AnnounceScheduleTest : public ::testing::Test {
 protected:
  absl::Duration now() const { return clock_.Uptime(); }

  template <typename Action>
  Action Next() {
    const AnnounceSchedule::Action action = schedule_.Next(now());
    const auto* wanted = std::get_if<Action>(&action);
    EXPECT_NE(wanted, nullptr) << "got action " << action.index();
    return wanted == nullptr ? Action{} : *wanted;
  }

  absl::Duration NextWait() { return Next<AnnounceSchedule::Wait>().until - now(); }

  // Of a schedule that registers one at a time.
  ContentId NextContent() {
    const auto next = Next<AnnounceSchedule::Register>();
    EXPECT_EQ(next.contents.size(), 1u);
    return next.contents.empty() ? ContentId() : next.contents[0];
  }

  Verdict Register(absl::StatusOr<RegisterResponse> response) {
    return schedule_.OnRegister({std::move(response)}, now()).at(0);
  }
  Verdict Register(uint64_t lease) { return Register(Granted(lease)); }
  static RegisterResponse Granted(uint64_t lease) {
    return {LeaseId(lease), absl::Seconds(30), absl::Seconds(10), {}};
  }
  static HeartbeatResponse Renewed(std::vector<LeaseId> register_again = {}) {
    return {absl::Seconds(30), absl::Seconds(10), std::move(register_again)};
  }

  // Offers contents 0 .. count-1 and registers them with leases 1 .. count.
  void OfferAndRegister(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      schedule_.Offer(Numbered(i));
      EXPECT_EQ(NextContent(), Numbered(i));
      EXPECT_EQ(Register(i + 1), Verdict::kTaken);
    }
  }

  ManualClock clock_;
  AnnounceSchedule schedule_{1, 1};
};

TEST_F(AnnounceScheduleTest, WithNothingOfferedItWaitsForever) {
  EXPECT_EQ(NextWait(), absl::InfiniteDuration());
  EXPECT_TRUE(schedule_.all_registered());
}

TEST_F(AnnounceScheduleTest, RegistersThenSendsAHeartbeatEachInterval) {
  schedule_.Offer(Numbered(0));
  EXPECT_FALSE(schedule_.all_registered());
  EXPECT_EQ(NextContent(), Numbered(0));
  EXPECT_FALSE(schedule_.all_registered());
  EXPECT_EQ(Register(7), Verdict::kTaken);
  EXPECT_TRUE(schedule_.all_registered());
  EXPECT_TRUE(schedule_.has_leases());

  EXPECT_EQ(NextWait(), absl::Seconds(10));
  clock_.Advance(absl::Seconds(10));
  for (int round = 0; round < 5; ++round) {
    const auto beat = Next<AnnounceSchedule::Heartbeat>();
    ASSERT_EQ(beat.leases.size(), 1u);
    EXPECT_EQ(beat.leases[0], std::make_pair(Numbered(0), LeaseId(7)));
    schedule_.OnHeartbeat(Renewed(), now());
    const absl::Duration wait = NextWait();
    EXPECT_GE(wait, absl::Seconds(8));
    EXPECT_LE(wait, absl::Seconds(10));
    clock_.Advance(wait);
  }
}

TEST_F(AnnounceScheduleTest, OneHeartbeatCarriesAllLeases) {
  OfferAndRegister(100);
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(Next<AnnounceSchedule::Heartbeat>().leases.size(), 100u);
  schedule_.OnHeartbeat(Renewed(), now());
  EXPECT_GT(NextWait(), absl::Seconds(7));
}

TEST_F(AnnounceScheduleTest, MoreLeasesThanAMessageHoldsAreSeveralMessages) {
  OfferAndRegister(2 * AnnounceSchedule::kMaxLeasesPerBeat + 1);
  clock_.Advance(absl::Seconds(10));
  size_t named = 0;
  for (int i = 0; i < 3; ++i) {
    named += Next<AnnounceSchedule::Heartbeat>().leases.size();
    schedule_.OnHeartbeat(Renewed(), now());
  }
  EXPECT_EQ(named, 2 * AnnounceSchedule::kMaxLeasesPerBeat + 1);
  EXPECT_GT(NextWait(), absl::ZeroDuration());
}

TEST_F(AnnounceScheduleTest, TenThousandRegistrationsStarveNoHeartbeat) {
  constexpr uint32_t kContents = 10'000;
  for (uint32_t i = 0; i < kContents; ++i) schedule_.Offer(Numbered(i));
  uint32_t registered = 0;
  absl::Duration last_beat = now();
  while (!schedule_.all_registered()) {
    const auto action = schedule_.Next(now());
    clock_.Advance(absl::Milliseconds(10));  // what each call takes
    if (std::holds_alternative<AnnounceSchedule::Register>(action)) {
      Register(++registered);
    } else {
      ASSERT_TRUE(std::holds_alternative<AnnounceSchedule::Heartbeat>(action));
      schedule_.OnHeartbeat(Renewed(), now());
      last_beat = now();
    }
    ASSERT_LE(now() - last_beat, absl::Seconds(11));
  }
  EXPECT_EQ(registered, kContents);
}

TEST_F(AnnounceScheduleTest, HeartbeatsThatTakeLongerThanTheirIntervalStarveNoRegistration) {
  OfferAndRegister(1);
  for (uint32_t i = 1; i < 1000; ++i) schedule_.Offer(Numbered(i));
  int heartbeats = 0;
  for (uint64_t lease = 2; !schedule_.all_registered();) {
    const auto action = schedule_.Next(now());
    if (std::holds_alternative<AnnounceSchedule::Heartbeat>(action)) {
      ASSERT_LT(++heartbeats, 10);
      clock_.Advance(absl::Seconds(15));
      schedule_.OnHeartbeat(Renewed(), now());
    } else {
      ASSERT_TRUE(std::holds_alternative<AnnounceSchedule::Register>(action));
      clock_.Advance(absl::Milliseconds(20));
      EXPECT_EQ(Register(lease++), Verdict::kTaken);
    }
  }
  EXPECT_GT(heartbeats, 0);
}

TEST_F(AnnounceScheduleTest, UnknownLeasesAreRegisteredAgain) {
  OfferAndRegister(3);
  clock_.Advance(absl::Seconds(10));
  Next<AnnounceSchedule::Heartbeat>();
  schedule_.OnHeartbeat(Renewed({LeaseId(2), LeaseId(99)}), now());
  EXPECT_FALSE(schedule_.all_registered());
  EXPECT_EQ(NextContent(), Numbered(1));
  EXPECT_EQ(Register(22), Verdict::kTaken);
  EXPECT_TRUE(schedule_.all_registered());
}

TEST_F(AnnounceScheduleTest, ARestartedTrackerGetsEveryRegistrationAfterItsFirstHeartbeat) {
  OfferAndRegister(3);
  clock_.Advance(absl::Seconds(10));
  Next<AnnounceSchedule::Heartbeat>();
  schedule_.OnHeartbeat(Renewed({LeaseId(1), LeaseId(2), LeaseId(3)}), now());
  for (uint64_t lease = 11; lease <= 13; ++lease) {
    Next<AnnounceSchedule::Register>();
    EXPECT_EQ(Register(lease), Verdict::kTaken);
  }
  EXPECT_TRUE(schedule_.all_registered());
  EXPECT_EQ(NextWait(), absl::Seconds(10));
}

TEST_F(AnnounceScheduleTest, BacksOffWithJitterAndALimitWhileTheTrackerIsUnreachable) {
  schedule_.Offer(Numbered(0));
  absl::Duration whole = absl::Seconds(1);
  for (int i = 0; i < 10; ++i) {
    Next<AnnounceSchedule::Register>();
    EXPECT_EQ(Register(absl::UnavailableError("away")), Verdict::kUnreachable);
    EXPECT_EQ(schedule_.reachable().code(), absl::StatusCode::kUnavailable);
    const absl::Duration wait = NextWait();
    EXPECT_GE(wait, whole / 2) << i;
    EXPECT_LE(wait, whole) << i;
    clock_.Advance(wait);
    whole = std::min(2 * whole, absl::Seconds(30));
  }
  Next<AnnounceSchedule::Register>();
  EXPECT_EQ(Register(1), Verdict::kTaken);
  EXPECT_TRUE(schedule_.reachable().ok());
}

TEST_F(AnnounceScheduleTest, AnUnreachableTrackerIsTriedEachHeartbeatInterval) {
  OfferAndRegister(1);
  clock_.Advance(absl::Seconds(10));
  for (int i = 0; i < 10; ++i) {
    Next<AnnounceSchedule::Heartbeat>();
    schedule_.OnHeartbeat(absl::DeadlineExceededError("silence"), now());
    const absl::Duration wait = NextWait();
    EXPECT_LE(wait, absl::Seconds(10));
    clock_.Advance(wait);
  }
  EXPECT_EQ(Next<AnnounceSchedule::Heartbeat>().leases.size(), 1u);
}

TEST_F(AnnounceScheduleTest, ARejectedContentWaitsForANewOffer) {
  for (const absl::Status& why :
       {absl::AlreadyExistsError("another length"), absl::InvalidArgumentError("name")}) {
    schedule_.Offer(Numbered(0));
    Next<AnnounceSchedule::Register>();
    EXPECT_EQ(Register(why), Verdict::kRejected);
    EXPECT_TRUE(schedule_.reachable().ok());
    EXPECT_TRUE(schedule_.all_registered());
    EXPECT_EQ(NextWait(), absl::InfiniteDuration());
  }
}

TEST_F(AnnounceScheduleTest, AContentThatATokenIsNotForIsOfferedAgain) {
  schedule_.Offer(Numbered(0));
  Next<AnnounceSchedule::Register>();
  EXPECT_EQ(Register(absl::PermissionDeniedError("this token lacks the right publish")), Verdict::kPutOff);
  clock_.Advance(NextWait());
  Next<AnnounceSchedule::Register>();
  EXPECT_EQ(Register(1), Verdict::kTaken);
}

TEST_F(AnnounceScheduleTest, APostponedContentDelaysNoOther) {
  schedule_.Offer(Numbered(0));
  schedule_.Offer(Numbered(1));
  Next<AnnounceSchedule::Register>();
  EXPECT_EQ(Register(absl::ResourceExhaustedError("too many contents")), Verdict::kPutOff);
  EXPECT_EQ(NextContent(), Numbered(1));
  EXPECT_EQ(Register(1), Verdict::kTaken);
  EXPECT_FALSE(schedule_.all_registered());

  const absl::Duration wait = NextWait();
  EXPECT_LE(wait, absl::Seconds(1));
  clock_.Advance(wait);
  EXPECT_EQ(NextContent(), Numbered(0));
  EXPECT_EQ(Register(absl::PermissionDeniedError("the name is reserved")), Verdict::kPutOffAgain);
  EXPECT_TRUE(schedule_.reachable().ok());
  clock_.Advance(NextWait());
  Next<AnnounceSchedule::Register>();
  EXPECT_EQ(Register(2), Verdict::kTaken);
  EXPECT_TRUE(schedule_.all_registered());
}

TEST_F(AnnounceScheduleTest, WithdrawEndsTheLease) {
  OfferAndRegister(2);
  schedule_.Withdraw(Numbered(0));
  EXPECT_EQ(Next<AnnounceSchedule::Leave>().leases, std::vector<LeaseId>{LeaseId(1)});
  schedule_.OnLeave(absl::OkStatus(), now());
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(Next<AnnounceSchedule::Heartbeat>().leases.size(), 1u);
}

TEST_F(AnnounceScheduleTest, AWithdrawnLeaseCountsUntilTheTrackerIsNotified) {
  OfferAndRegister(1);
  schedule_.Withdraw(Numbered(0));
  EXPECT_TRUE(schedule_.has_leases());
  Next<AnnounceSchedule::Leave>();
  schedule_.OnLeave(absl::OkStatus(), now());
  EXPECT_FALSE(schedule_.has_leases());
}

TEST_F(AnnounceScheduleTest, WithdrawBeforeRegistrationSendsNothing) {
  schedule_.Offer(Numbered(0));
  schedule_.Withdraw(Numbered(0));
  schedule_.Withdraw(Numbered(1));
  EXPECT_TRUE(schedule_.all_registered());
  EXPECT_EQ(NextWait(), absl::InfiniteDuration());
}

TEST_F(AnnounceScheduleTest, WithdrawDuringRegistrationEndsTheNewLease) {
  schedule_.Offer(Numbered(0));
  Next<AnnounceSchedule::Register>();
  schedule_.Withdraw(Numbered(0));
  EXPECT_EQ(Register(7), Verdict::kStale);
  EXPECT_EQ(Next<AnnounceSchedule::Leave>().leases, std::vector<LeaseId>{LeaseId(7)});
}

TEST_F(AnnounceScheduleTest, ANewOfferDuringRegistrationRegistersAgain) {
  schedule_.Offer(Numbered(0));
  Next<AnnounceSchedule::Register>();
  schedule_.Offer(Numbered(0));
  EXPECT_EQ(Register(7), Verdict::kStale);
  EXPECT_FALSE(schedule_.all_registered());
  Next<AnnounceSchedule::Register>();
  EXPECT_EQ(Register(7), Verdict::kTaken);
  EXPECT_TRUE(schedule_.all_registered());
  EXPECT_EQ(NextWait(), absl::Seconds(10));
}

TEST_F(AnnounceScheduleTest, AChangeDuringRegistrationRegistersAgain) {
  schedule_.Offer(Numbered(0));
  Next<AnnounceSchedule::Register>();
  schedule_.RegisterAgain(Numbered(0));
  EXPECT_EQ(Register(7), Verdict::kStale);
  EXPECT_EQ(NextContent(), Numbered(0));
  EXPECT_EQ(Register(7), Verdict::kTaken);
  EXPECT_TRUE(schedule_.all_registered());
}

TEST_F(AnnounceScheduleTest, TheOldLeaseEndsBeforeTheNewOneBegins) {
  OfferAndRegister(1);
  schedule_.Withdraw(Numbered(0));
  schedule_.Offer(Numbered(0));
  Next<AnnounceSchedule::Leave>();
  schedule_.OnLeave(absl::OkStatus(), now());
  EXPECT_EQ(NextContent(), Numbered(0));
}

TEST_F(AnnounceScheduleTest, ARejectedHeartbeatRegistersAllItsLeasesAgain) {
  OfferAndRegister(2);
  clock_.Advance(absl::Seconds(10));
  Next<AnnounceSchedule::Heartbeat>();
  schedule_.OnHeartbeat(absl::InvalidArgumentError("leases[1].gained"), now());
  Next<AnnounceSchedule::Register>();
  EXPECT_EQ(Register(3), Verdict::kTaken);
  Next<AnnounceSchedule::Register>();
  EXPECT_EQ(Register(absl::InvalidArgumentError("held")), Verdict::kRejected);
}

TEST_F(AnnounceScheduleTest, AZeroIntervalDoesNotMakeAClientSpin) {
  schedule_.Offer(Numbered(0));
  Next<AnnounceSchedule::Register>();
  Register(RegisterResponse{LeaseId(1), absl::Nanoseconds(2), absl::Nanoseconds(1), {}});
  EXPECT_GE(NextWait(), absl::Milliseconds(100));
}

class ManyAtOnceTest : public AnnounceScheduleTest {
 protected:
  ManyAtOnceTest() {
    for (uint32_t i = 0; i < 5; ++i) many_.Offer(Numbered(i));
  }

  std::vector<ContentId> NextMany() {
    const AnnounceSchedule::Action action = many_.Next(now());
    const auto* next = std::get_if<AnnounceSchedule::Register>(&action);
    return next == nullptr ? std::vector<ContentId>() : next->contents;
  }

  AnnounceSchedule many_{1, 3};
};

TEST_F(ManyAtOnceTest, RegistersSeveralAndEachHasItsOwnVerdict) {
  EXPECT_THAT(NextMany(), ::testing::ElementsAre(Numbered(0), Numbered(1), Numbered(2)));
  many_.Withdraw(Numbered(2));
  EXPECT_THAT(many_.OnRegister(
                  {Granted(1), absl::AlreadyExistsError("other"), absl::AbortedError("withdrawn")}, now()),
              ::testing::ElementsAre(Verdict::kTaken, Verdict::kRejected, Verdict::kStale));
  EXPECT_THAT(NextMany(), ::testing::ElementsAre(Numbered(3), Numbered(4)));
  EXPECT_THAT(many_.OnRegister({absl::ResourceExhaustedError("full"), Granted(5)}, now()),
              ::testing::ElementsAre(Verdict::kPutOff, Verdict::kTaken));
  EXPECT_FALSE(many_.all_registered());
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(NextMany(), ::testing::ElementsAre(Numbered(3)));
}

TEST_F(ManyAtOnceTest, AnUnreachableTrackerCountsAsOneFailure) {
  const absl::Status away = absl::UnavailableError("away");
  NextMany();
  EXPECT_THAT(many_.OnRegister({away, away, away}, now()), ::testing::Each(Verdict::kUnreachable));
  EXPECT_THAT(NextMany(), ::testing::IsEmpty());
  clock_.Advance(absl::Seconds(1));  // the first backoff, and not the third
  EXPECT_THAT(NextMany(), ::testing::ElementsAre(Numbered(3), Numbered(4), Numbered(0)));
}

}  // namespace
}  // namespace shoal::tracking
