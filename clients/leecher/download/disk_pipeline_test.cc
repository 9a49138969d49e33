#include "clients/leecher/download/storage/disk_pipeline.h"

#include <gtest/gtest.h>

#include <cstring>
#include <latch>

#include "clients/leecher/download/test_swarm.h"
#include "shoal/content/manifest/checksum.h"

namespace shoal::leecher {
namespace {

class DiskPipelineTest : public testing::Test {
 protected:
  void SetUp() override {
    const TestContent content = Publish(folder_.Write("in/file", bytes_));
    ChunkStore::Options options;
    options.output_folder = folder_.Path("out");
    store_ = *ChunkStore::Open(content.manifest, options);
    pool_ = ChunkBufferPool::Create(kMinChunkSizeBytes, 4 * kMinChunkSizeBytes);
  }

  ChunkBuffer BufferWith(const char* bytes) {
    ChunkBuffer buffer = pool_->TryAcquire(kMinChunkSizeBytes);
    std::memcpy(buffer.bytes().data(), bytes, kMinChunkSizeBytes);
    return buffer;
  }

  TestFolder folder_;
  const std::string bytes_ = RandomBytes(2 * kMinChunkSizeBytes, 1);
  const uint32_t crc32_ = Crc32(AsBytes(bytes_).first(kMinChunkSizeBytes));  // of the first chunk
  std::shared_ptr<ChunkStore> store_;
  std::shared_ptr<ChunkBufferPool> pool_;
};

TEST_F(DiskPipelineTest, StoresWhatIsRightAndRefusesTheRest) {
  std::atomic<int> stored{0};
  std::atomic<int> corrupt{0};
  {
    DiskPipeline disk(2);
    const auto done = [&](absl::StatusOr<ChunkStore::PutResult> result) {
      EXPECT_TRUE(result.ok());
      ++(*result == ChunkStore::PutResult::kStored ? stored : corrupt);
    };
    disk.Put(store_, ChunkIndex(0), BufferWith(bytes_.data()), crc32_, done);
    disk.Put(store_, ChunkIndex(1), BufferWith(bytes_.data()), crc32_, done);  // the other chunk's bytes
  }
  EXPECT_EQ(stored, 1);
  EXPECT_EQ(corrupt, 1);
  EXPECT_TRUE(store_->Holds(ChunkIndex(0)));
  EXPECT_FALSE(store_->Holds(ChunkIndex(1)));
}

TEST_F(DiskPipelineTest, GivesTheBufferBackBeforeItSaysSo) {
  DiskPipeline disk(1);
  Mutex mutex;
  CondVar told;
  std::optional<size_t> lent;
  disk.Put(store_, ChunkIndex(0), BufferWith(bytes_.data()), crc32_,
           [&](absl::StatusOr<ChunkStore::PutResult>) {
             MutexLock lock(&mutex);
             lent = pool_->lent_bytes();
             told.NotifyAll();
           });
  MutexLock lock(&mutex);
  while (!lent.has_value()) told.Wait(&mutex);
  EXPECT_EQ(*lent, 0u);
}

// Of two threads one is held up at a chunk, while a test looks at what the other one does.
class DiskPipelineWaitingTest : public DiskPipelineTest {
 protected:
  void HoldUp(DiskPipeline& disk) {
    disk.Put(store_, ChunkIndex(0), BufferWith(bytes_.data()), crc32_,
             [this](const absl::StatusOr<ChunkStore::PutResult>&) {
               held_up_.count_down();
               go_on_.wait();
             });
    held_up_.wait();
  }
  void PutAnother(DiskPipeline& disk, std::latch& done) {
    disk.Put(store_, ChunkIndex(0), BufferWith(bytes_.data()), crc32_,
             [&done](const absl::StatusOr<ChunkStore::PutResult>& result) {
               EXPECT_EQ(*result, ChunkStore::PutResult::kAlreadyHeld);
               done.count_down();
             });
  }

  std::latch held_up_{1};
  std::latch go_on_{1};
};

TEST_F(DiskPipelineWaitingTest, TwoChunksDoNotWaitForTheThreadThatIsAtOne) {
  std::latch done(2);
  DiskPipeline disk(2);
  HoldUp(disk);
  PutAnother(disk, done);
  PutAnother(disk, done);
  done.wait();
  go_on_.count_down();
}

TEST_F(DiskPipelineWaitingTest, OtherWorkDoesNotWaitForTheThreadThatIsAtAChunk) {
  std::latch done(1);
  DiskPipeline disk(2);
  HoldUp(disk);
  disk.Run([&] { done.count_down(); });
  done.wait();
  go_on_.count_down();
}

TEST_F(DiskPipelineWaitingTest, AChunkAloneIsDoneWhenTheThreadThatIsAtOneIsFree) {
  std::latch done(1);
  DiskPipeline disk(2);
  HoldUp(disk);
  PutAnother(disk, done);
  EXPECT_FALSE(done.try_wait());
  go_on_.count_down();
  done.wait();
}

TEST_F(DiskPipelineTest, OtherWorkLeavesAThreadForChunks) {
  std::latch begun(1);
  std::latch go_on(1);
  std::latch stored(1);
  DiskPipeline disk(2);
  for (int i = 0; i < 5; ++i) {
    disk.Run([&, i] {
      if (i == 0) begun.count_down();
      go_on.wait();
    });
  }
  begun.wait();
  disk.Put(store_, ChunkIndex(0), BufferWith(bytes_.data()), crc32_,
           [&](const absl::StatusOr<ChunkStore::PutResult>&) { stored.count_down(); });
  stored.wait();
  go_on.count_down();
}

TEST_F(DiskPipelineTest, DoesAllThatItWasGivenBeforeItEnds) {
  std::atomic<int> done{0};
  {
    DiskPipeline disk(3);
    for (int i = 0; i < 1000; ++i) disk.Run([&] { ++done; });
  }
  EXPECT_EQ(done, 1000);
}

}  // namespace
}  // namespace shoal::leecher
