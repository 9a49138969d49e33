#include "clients/leecher/download/download_readers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace shoal::leecher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr ChunkRange kFirst{ChunkIndex(0), 10};
constexpr ChunkRange kSecond{ChunkIndex(1), 9};

class DownloadReadersTest : public testing::Test {
 protected:
  std::unique_ptr<DownloadReader> Open(ChunkRange chunks, std::function<void()> wake = nullptr) {
    auto reader = readers_->Open(chunks, std::move(wake));
    EXPECT_TRUE(reader.ok());
    return *std::move(reader);
  }

  int changes_ = 0;
  const std::shared_ptr<DownloadReaders> readers_ = std::make_shared<DownloadReaders>([this] { ++changes_; });
};

TEST_F(DownloadReadersTest, TellsOnceOfWhatChangedUntilItIsTaken) {
  auto reader = Open(kFirst);
  reader->Need(kSecond);
  EXPECT_EQ(changes_, 1);
  const DownloadReaders::Changes changes = readers_->TakeChanges(/*all=*/false);
  ASSERT_THAT(changes.needs, SizeIs(1));
  EXPECT_EQ(changes.needs[0].chunks, kSecond);
  EXPECT_THAT(changes.gone, IsEmpty());
  EXPECT_THAT(readers_->TakeChanges(/*all=*/false).needs, IsEmpty());
  EXPECT_THAT(readers_->TakeChanges(/*all=*/true).needs, SizeIs(1));

  reader->Need(kSecond);
  EXPECT_EQ(changes_, 1) << "nothing new";
  reader->Need(kFirst);
  EXPECT_EQ(changes_, 2);
  reader.reset();
  EXPECT_THAT(readers_->TakeChanges(/*all=*/false).gone, ElementsAre(changes.needs[0].reader));
}

TEST_F(DownloadReadersTest, WakesTheOneThatIsMeant) {
  int woken = 0;
  auto reader = Open(kFirst, [&] { ++woken; });
  auto other = Open(kFirst, [] { FAIL(); });
  const ReaderId id = readers_->TakeChanges(/*all=*/false).needs[0].reader;
  readers_->Wake(id);
  EXPECT_EQ(woken, 1);
  reader.reset();
  readers_->Wake(id);
  EXPECT_EQ(woken, 1) << "it is gone";
}

TEST_F(DownloadReadersTest, AWokenReaderMayGoOnAtOnce) {
  std::unique_ptr<DownloadReader> reader;
  reader = Open(kFirst, [&] { reader->Need(kSecond); });
  readers_->Wake(readers_->TakeChanges(/*all=*/false).needs[0].reader);
  EXPECT_EQ(readers_->TakeChanges(/*all=*/false).needs[0].chunks, kSecond);
}

TEST_F(DownloadReadersTest, OneEndsAlone) {
  int woken = 0;
  const auto reader = Open(kFirst, [&] { ++woken; });
  const auto other = Open(kFirst);
  const ReaderId id = readers_->TakeChanges(/*all=*/false).needs[0].reader;
  readers_->End(id);
  readers_->End(id);
  EXPECT_TRUE(reader->ended());
  EXPECT_FALSE(other->ended());
  EXPECT_EQ(woken, 1);
  const DownloadReaders::Changes changes = readers_->TakeChanges(/*all=*/true);
  EXPECT_THAT(changes.gone, ElementsAre(id));
  EXPECT_THAT(changes.needs, SizeIs(1)) << "it needs nothing";
}

TEST_F(DownloadReadersTest, AllEnd) {
  int woken = 0;
  const auto reader = Open(kFirst, [&] { ++woken; });
  readers_->EndAll();
  EXPECT_TRUE(reader->ended());
  EXPECT_EQ(woken, 1);
  EXPECT_TRUE(Open(kFirst)->ended()) << "too late";
}

TEST_F(DownloadReadersTest, AReaderOutlivesTheDownload) {
  auto reader = Open(kFirst);
  readers_->Close();
  changes_ = 0;
  EXPECT_TRUE(reader->ended());
  reader->Need(kSecond);
  reader.reset();
  EXPECT_EQ(changes_, 0);
}

TEST_F(DownloadReadersTest, AreBounded) {
  std::vector<std::unique_ptr<DownloadReader>> open;
  for (size_t i = 0; i < DownloadReaders::kMaxReaders; ++i) open.push_back(Open(kFirst));
  EXPECT_TRUE(absl::IsResourceExhausted(readers_->Open(kFirst, nullptr).status()));
  open.pop_back();
  EXPECT_TRUE(readers_->Open(kFirst, nullptr).ok());
}

}  // namespace
}  // namespace shoal::leecher
