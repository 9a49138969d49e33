#include "shoal/stream/upload/upload_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/file_chunk_source.h"

namespace shoal::stream {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class UploadQueueTest : public ::testing::Test {
 protected:
  std::vector<Refuse> Add(std::vector<ChunkRange> ranges) {
    const auto refusals = queue_.Add(Request{std::move(ranges)}, *source_);
    EXPECT_TRUE(refusals.ok()) << refusals.status();
    return *refusals;
  }
  std::vector<uint32_t> Drain() {
    std::vector<uint32_t> all;
    while (const auto next = queue_.Pop()) all.push_back(next->value());
    return all;
  }

  std::shared_ptr<FileChunkSource> source_ = FileChunkSource::Make(20 * 16384, 16384);
  UploadQueue queue_{8, 1024 * 1024};
};

TEST_F(UploadQueueTest, KeepsTheOrderWithoutDuplicates) {
  EXPECT_THAT(Add({{ChunkIndex(5), 2}, {ChunkIndex(1), 1}}), IsEmpty());
  EXPECT_THAT(Add({{ChunkIndex(6), 1}, {ChunkIndex(0), 1}, {ChunkIndex(0), 1}}), IsEmpty());
  EXPECT_THAT(Drain(), ElementsAre(5, 6, 1, 0));
  EXPECT_THAT(Drain(), IsEmpty());
}

TEST_F(UploadQueueTest, RefusesChunksOverTheBound) {
  const auto refusals = Add({{ChunkIndex(0), 10}, {ChunkIndex(15), 5}});
  ASSERT_THAT(refusals, SizeIs(1));
  EXPECT_EQ(refusals[0].reason, Refuse::Reason::kTooManyRequests);
  EXPECT_THAT(refusals[0].chunks, ElementsAre(ChunkRange{ChunkIndex(8), 2}, ChunkRange{ChunkIndex(15), 5}));
  EXPECT_THAT(Drain(), SizeIs(8));
}

TEST_F(UploadQueueTest, RefusesBytesOverTheBound) {
  queue_ = UploadQueue(8, 3 * 16384 - 1);
  const auto refusals = Add({{ChunkIndex(0), 5}});
  ASSERT_THAT(refusals, SizeIs(1));
  EXPECT_EQ(refusals[0].reason, Refuse::Reason::kTooManyRequests);
  EXPECT_THAT(refusals[0].chunks, ElementsAre(ChunkRange{ChunkIndex(3), 2}));
  // Cancelled and sent chunks make room again.
  queue_.Cancel(Cancel{{{ChunkIndex(1), 1}}});
  queue_.Pop();
  EXPECT_THAT(Add({{ChunkIndex(7), 2}}), IsEmpty());
  EXPECT_THAT(Drain(), ElementsAre(2, 7, 8));
}

TEST_F(UploadQueueTest, CancelsByRangesThatOverlapInNoOrder) {
  Add({{ChunkIndex(0), 8}});
  queue_.Cancel(Cancel{{{ChunkIndex(6), 1}, {ChunkIndex(1), 1}, {ChunkIndex(1), 3}, {ChunkIndex(2), 1}}});
  EXPECT_THAT(Drain(), ElementsAre(0, 4, 5, 7));
}

TEST_F(UploadQueueTest, LooksAtABoundedNumberOfChunks) {
  source_->Hold(ChunkSet(20));
  const auto refusals = Add({{ChunkIndex(0), 20}, {ChunkIndex(0), 20}});
  ASSERT_THAT(refusals, SizeIs(2));
  EXPECT_EQ(refusals[0].reason, Refuse::Reason::kNotHeld);
  EXPECT_THAT(refusals[0].chunks, ElementsAre(ChunkRange{ChunkIndex(0), 16}));
  EXPECT_EQ(refusals[1].reason, Refuse::Reason::kTooManyRequests);
  EXPECT_THAT(refusals[1].chunks, ElementsAre(ChunkRange{ChunkIndex(16), 4}, ChunkRange{ChunkIndex(0), 20}));
}

TEST_F(UploadQueueTest, RangesPastTheContentAreAnErrorAndChangeNothing) {
  for (const ChunkRange& bad : {ChunkRange{ChunkIndex(19), 2}, ChunkRange{ChunkIndex(20), 1},
                                ChunkRange{ChunkIndex(0), 21}, ChunkRange{ChunkIndex(0xffffffff), 2}}) {
    EXPECT_EQ(queue_.Add(Request{{{ChunkIndex(1), 1}, bad}}, *source_).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_TRUE(queue_.empty());
}

TEST_F(UploadQueueTest, CancelRemoves) {
  Add({{ChunkIndex(0), 8}});
  queue_.Cancel({{{ChunkIndex(1), 3}, {ChunkIndex(7), 1}, {ChunkIndex(12), 100}}});
  EXPECT_THAT(Drain(), ElementsAre(0, 4, 5, 6));
}

TEST(RunsOfTest, JoinsAscendingNeighboursOnly) {
  EXPECT_THAT(RunsOf({}), IsEmpty());
  EXPECT_THAT(
      RunsOf({ChunkIndex(3), ChunkIndex(4), ChunkIndex(4), ChunkIndex(3), ChunkIndex(9), ChunkIndex(10)}),
      ElementsAre(ChunkRange{ChunkIndex(3), 2}, ChunkRange{ChunkIndex(4), 1}, ChunkRange{ChunkIndex(3), 1},
                  ChunkRange{ChunkIndex(9), 2}));
}

}  // namespace
}  // namespace shoal::stream
