#include "shoal/stream/upload/upload_turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::stream {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kChunk = 512 * 1024;

absl::Duration At(double seconds) {
  return absl::Seconds(seconds);
}

std::vector<Uploader> Join(UploadTurns& turns, size_t count) {
  std::vector<Uploader> uploaders;
  while (uploaders.size() < count) uploaders.push_back(turns.Join());
  return uploaders;
}

TEST(UploadTurnsTest, ABoundedNumberSendsAndTheRestFollowInOrder) {
  UploadTurns turns(2);
  const auto u = Join(turns, 4);
  EXPECT_TRUE(turns.Ask(u[0], kChunk, At(0)));
  EXPECT_TRUE(turns.Ask(u[1], kChunk, At(0)));
  EXPECT_FALSE(turns.Ask(u[2], kChunk, At(0)));
  EXPECT_FALSE(turns.Ask(u[3], kChunk, At(0)));
  EXPECT_EQ(turns.sending(), 2);
  EXPECT_EQ(turns.waiting(), 2);

  EXPECT_THAT(turns.Done(u[0], At(1)), ElementsAre(u[2]));
  // An uploader that has sent goes to the end of the queue.
  EXPECT_FALSE(turns.Ask(u[0], kChunk, At(1)));
  EXPECT_THAT(turns.Done(u[1], At(1)), ElementsAre(u[3]));
  EXPECT_THAT(turns.Done(u[2], At(2)), ElementsAre(u[0]));
}

TEST(UploadTurnsTest, AskingAgainReportsWhetherTheTurnHasCome) {
  UploadTurns turns(1);
  const auto u = Join(turns, 2);
  EXPECT_TRUE(turns.Ask(u[0], kChunk, At(0)));
  EXPECT_TRUE(turns.Ask(u[0], kChunk, At(0)));
  EXPECT_FALSE(turns.Ask(u[1], kChunk, At(0)));
  EXPECT_FALSE(turns.Ask(u[1], kChunk, At(0)));
  EXPECT_EQ(turns.waiting(), 1);
  EXPECT_THAT(turns.Done(u[0], At(1)), ElementsAre(u[1]));
  EXPECT_TRUE(turns.Ask(u[1], kChunk, At(1)));
}

TEST(UploadTurnsTest, LeavingOrHavingNothingLeftMakesRoom) {
  UploadTurns turns(1);
  const auto u = Join(turns, 4);
  EXPECT_TRUE(turns.Ask(u[0], kChunk, At(0)));
  for (size_t i = 1; i < 4; ++i) EXPECT_FALSE(turns.Ask(u[i], kChunk, At(0)));
  EXPECT_THAT(turns.Leave(u[1], At(0)), IsEmpty());
  EXPECT_THAT(turns.Done(u[2], At(0)), IsEmpty());
  EXPECT_THAT(turns.Leave(u[0], At(0)), ElementsAre(u[3]));
}

// Three slots. One peer takes nothing; the others take chunk after chunk.
TEST(UploadTurnsTest, AnOvertakenUploaderStopsCountingUntilItKeepsUp) {
  UploadTurns turns(3);
  const auto u = Join(turns, 5);
  EXPECT_TRUE(turns.Ask(u[0], kChunk, At(0)));  // the slow one
  EXPECT_TRUE(turns.Ask(u[1], kChunk, At(0)));
  EXPECT_TRUE(turns.Ask(u[2], kChunk, At(0)));
  EXPECT_FALSE(turns.Ask(u[3], kChunk, At(0)));
  EXPECT_FALSE(turns.Ask(u[4], kChunk, At(0)));
  // Each of the two other slots passes four chunks.
  const std::vector<Uploader> line = {u[1], u[2], u[3], u[4]};
  for (size_t i = 0; i < 7; ++i) {
    EXPECT_THAT(turns.Done(line[i % 4], At(1)), ElementsAre(line[(i + 2) % 4])) << i;
    EXPECT_FALSE(turns.Ask(line[i % 4], kChunk, At(1)));
  }
  EXPECT_THAT(turns.Done(line[7 % 4], At(1)), ElementsAre(line[9 % 4], line[10 % 4]));
  EXPECT_EQ(turns.sending(), 3);

  // Its next turn neither counts nor waits.
  EXPECT_THAT(turns.Done(u[0], At(2)), IsEmpty());
  EXPECT_TRUE(turns.Ask(u[0], kChunk, At(2)));
  EXPECT_EQ(turns.sending(), 3);
  // It takes that chunk as fast as the others take theirs, so the turn after it counts.
  turns.Done(u[0], At(3));
  EXPECT_FALSE(turns.Ask(u[0], kChunk, At(3)));
}

TEST(UploadTurnsTest, UnequalSharesOfALinkAreNotSlowness) {
  UploadTurns turns(2);
  const auto u = Join(turns, 3);
  EXPECT_TRUE(turns.Ask(u[0], kChunk, At(0)));
  EXPECT_TRUE(turns.Ask(u[1], kChunk, At(0)));
  for (int i = 1; i <= 3; ++i) {
    turns.Done(u[1], At(i));
    EXPECT_TRUE(turns.Ask(u[1], kChunk, At(i)));
  }
  EXPECT_FALSE(turns.Ask(u[2], kChunk, At(3)));
  turns.Done(u[0], At(4));
  EXPECT_FALSE(turns.Ask(u[0], kChunk, At(4)));
}

struct PatienceCase {
  const char* name;
  int turns_before;  // that ended, each of one chunk
  double seconds_each;
  double still_patient_at;  // after the turn began
  double no_longer_at;
};

class PatienceTest : public ::testing::TestWithParam<PatienceCase> {};

// One slot, so that only time shows a slow peer.
TEST_P(PatienceTest, ATurnFarLongerThanUsualStopsCounting) {
  const PatienceCase& expected = GetParam();
  UploadTurns turns(1);
  const auto u = Join(turns, 2);
  double now = 0;
  for (int i = 0; i < expected.turns_before; ++i) {
    EXPECT_TRUE(turns.Ask(u[0], kChunk, At(now)));
    now += expected.seconds_each;
    turns.Done(u[0], At(now));
  }
  EXPECT_TRUE(turns.Ask(u[0], kChunk, At(now)));
  EXPECT_THAT(turns.Look(At(now + 1000)), IsEmpty()) << "nothing waits for it";
  EXPECT_FALSE(turns.Ask(u[1], kChunk, At(now)));
  EXPECT_THAT(turns.Look(At(now + expected.still_patient_at)), IsEmpty());
  EXPECT_THAT(turns.Look(At(now + expected.no_longer_at)), ElementsAre(u[1]));
}

INSTANTIATE_TEST_SUITE_P(Cases, PatienceTest,
                         ::testing::Values(PatienceCase{"NothingKnown", 0, 0, 4.9, 5.1},
                                           PatienceCase{"FastTurns", 40, 0.001, 1.9, 2.1},
                                           PatienceCase{"SlowLink", 10, 20, 39, 41}),
                         [](const auto& test) { return test.param.name; });

TEST(UploadTurnsTest, AFreeTurnGoesToTheSourceWithFewest) {
  UploadTurns turns(2);
  const IpAddress many = IpAddress::V4({192, 0, 2, 1});
  std::vector<Uploader> u;
  for (int i = 0; i < 5; ++i) u.push_back(turns.Join(many));
  const Uploader other = turns.Join(IpAddress::V4({192, 0, 2, 2}));
  for (const Uploader uploader : u) turns.Ask(uploader, kChunk, At(0));
  EXPECT_FALSE(turns.Ask(other, kChunk, At(0)));
  EXPECT_THAT(turns.Done(u[0], At(1)), ElementsAre(other));
  EXPECT_THAT(turns.Done(other, At(2)), ElementsAre(u[2])) << "in their order";
  EXPECT_FALSE(turns.Ask(other, kChunk, At(2)));
  EXPECT_THAT(turns.Leave(u[1], At(3)), ElementsAre(other));
}

TEST(UploadTurnsTest, ASourceOfSlowReadersTakesNoTurns) {
  UploadTurns turns(4);
  const IpAddress slow = IpAddress::V4({192, 0, 2, 1});
  std::vector<Uploader> u;
  for (int i = 0; i < 100; ++i) u.push_back(turns.Join(slow));
  for (const Uploader uploader : u) turns.Ask(uploader, kChunk, At(0));
  const Uploader honest = turns.Join(IpAddress::V4({192, 0, 2, 2}));
  EXPECT_FALSE(turns.Ask(honest, kChunk, At(1)));
  EXPECT_EQ(turns.waiting(), 97u);
  // Its first turns take too long. The others of the source are not waited for one after the other.
  EXPECT_EQ(turns.Look(At(6)).size(), 97u);
  EXPECT_EQ(turns.sending(), 1u);
  EXPECT_EQ(turns.waiting(), 0u);
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(turns.Done(honest, At(6 + 0.1 * i)), IsEmpty());
    EXPECT_TRUE(turns.Ask(honest, kChunk, At(6 + 0.1 * i)));
  }
  // After a while it may try again.
  EXPECT_THAT(turns.Done(u[99], At(60)), IsEmpty());
  EXPECT_TRUE(turns.Ask(u[99], kChunk, At(60)));
}

}  // namespace
}  // namespace shoal::stream
