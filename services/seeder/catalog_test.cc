#include "services/seeder/catalog.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "services/seeder/folder/entry_scan.h"
#include "tests/support/recording_listener.h"
#include "tests/support/temporary_folder.h"

namespace shoal::seeder {
namespace {

using ::testing::ElementsAre;
using Comparison = FileStamp::Comparison;

class CatalogTest : public ::testing::Test {
 protected:
  RecordingListener::Record Record() {
    return listener_.Wait([](const auto&) { return true; });
  }
  ContentId Publish(const std::string& entry) {
    auto built = BuildManifest(share_.Path(entry), {});
    EXPECT_TRUE(built.ok()) << built.status();
    const ContentId id = built->manifest.id();
    catalog_.Publish(entry, *std::move(built), /*from_cache=*/false,
                     [this](const absl::Status& why) { stale_.push_back(why); });
    return id;
  }

  const TemporaryFolder share_;
  RecordingListener listener_;
  Catalog catalog_{&listener_};
  std::vector<absl::Status> stale_;
};

TEST_F(CatalogTest, FindsAContentUntilItIsWithdrawn) {
  share_.Write("a", "bytes");
  EXPECT_EQ(catalog_.VersionOf("a"), nullptr);
  const ContentId id = Publish("a");
  ASSERT_NE(catalog_.Find(id), nullptr);
  EXPECT_EQ(catalog_.Find(id)->manifest()->name(), "a");
  ASSERT_NE(catalog_.VersionOf("a"), nullptr);
  EXPECT_EQ(catalog_.VersionOf("a")->fingerprint, ScanEntry(share_.Path("a"))->fingerprint);
  EXPECT_TRUE(catalog_.Withdraw("a", "test"));
  EXPECT_FALSE(catalog_.Withdraw("a", "test"));
  EXPECT_EQ(catalog_.Find(id), nullptr);
  EXPECT_THAT(Record().events, ElementsAre("published a", "withdrawn a"));
}

TEST_F(CatalogTest, ANewVersionReplacesTheOld) {
  share_.Write("a", "one");
  const ContentId one = Publish("a");
  share_.Write("a", "another");
  const ContentId two = Publish("a");
  EXPECT_EQ(catalog_.Find(one), nullptr);
  EXPECT_NE(catalog_.Find(two), nullptr);
  EXPECT_EQ(catalog_.size(), 1u);
  EXPECT_THAT(Record().events, ElementsAre("published a", "withdrawn a", "published a"));
}

TEST_F(CatalogTest, TheSameVersionAgainCausesNoEvent) {
  share_.Write("a", "one");
  const ContentId id = Publish("a");
  const auto source = catalog_.Find(id);
  Publish("a");
  EXPECT_EQ(catalog_.Find(id), source);
  EXPECT_THAT(Record().events, ElementsAre("published a"));
}

TEST_F(CatalogTest, EqualBytesUnderTwoNamesAreTwoContents) {
  share_.Write("a", "same");
  share_.Write("b", "same");
  EXPECT_NE(Publish("a"), Publish("b"));
  EXPECT_THAT(catalog_.entries(), ElementsAre("a", "b"));
}

TEST_F(CatalogTest, ReportsWhichFilesChanged) {
  share_.Write("file", "x");
  share_.Write("many/a", "1");
  share_.Write("many/a-b", "2");
  share_.Write("many/sub/c", "3");
  Publish("file");
  Publish("many");
  const auto unchanged = [&](const char* entry, const char* path) {
    EXPECT_EQ(catalog_.Compare(entry, path), Comparison::kSame) << entry << " " << path;
  };
  unchanged("file", "");
  unchanged("many", "");
  unchanged("many", "a");
  unchanged("many", "sub");
  unchanged("many", "sub/c");
  unchanged("many", "new");  // was never part of it
  unchanged("unpublished", "");

  share_.Write("file", "longer");
  EXPECT_EQ(catalog_.Compare("file", ""), Comparison::kOther);
  std::filesystem::remove_all(share_.Path("many/sub"));
  EXPECT_EQ(catalog_.Compare("many", "sub/c"), Comparison::kOther);
  EXPECT_EQ(catalog_.Compare("many", "sub"), Comparison::kOther);
  unchanged("many", "a");
  std::filesystem::remove_all(share_.Path("many"));
  EXPECT_EQ(catalog_.Compare("many", ""), Comparison::kOther);
}

// A length of a file and the number of its chunks.
struct Shape {
  const char* name;
  size_t length;
  uint32_t chunks;
};

TEST_F(CatalogTest, ServesFilesOfEveryShape) {
  const uint32_t chunk_bytes = ChunkSizeFor(1);  // of a content as small as these
  const std::vector<Shape> shapes = {{"empty", 0, 0},
                                     {"one byte", 1, 1},
                                     {"exactly one chunk", chunk_bytes, 1},
                                     {"a byte more", chunk_bytes + 1, 2},
                                     {"a byte less than three", size_t{3} * chunk_bytes - 1, 3},
                                     {"Ünïcödé 漢字 🐟", 1000, 1}};
  for (const Shape& shape : shapes) {
    SCOPED_TRACE(shape.name);
    const std::string bytes = SampleBytes(shape.length, shape.length);
    share_.Write(shape.name, bytes);
    const auto source = catalog_.Find(Publish(shape.name));
    ASSERT_NE(source, nullptr);
    ASSERT_EQ(source->manifest()->chunk_count(), shape.chunks);
    EXPECT_EQ(source->manifest()->name(), shape.name);
    std::string read;
    for (uint32_t i = 0; i < shape.chunks; ++i) {
      const auto region = source->Open(ChunkIndex(i));
      ASSERT_TRUE(region.ok()) << region.status();
      std::string chunk(region->length_bytes, '\0');
      ASSERT_EQ(
          ::pread(region->file->get(), chunk.data(), chunk.size(), static_cast<off_t>(region->offset_bytes)),
          static_cast<ssize_t>(chunk.size()));
      read += chunk;
    }
    EXPECT_EQ(read, bytes);
    EXPECT_EQ(Record().published.at(shape.name)->opened_bytes(), shape.length);
  }
}

TEST_F(CatalogTest, ServesVeryLongNames) {
  const std::string name(255, 'n');
  share_.Write(name, "x");
  EXPECT_NE(catalog_.Find(Publish(name)), nullptr);
}

TEST_F(CatalogTest, ReportsAStaleFileOnce) {
  share_.Write("a", "one");
  const auto source = catalog_.Find(Publish("a"));
  share_.Write("a", "another");
  EXPECT_TRUE(absl::IsFailedPrecondition(source->Open(ChunkIndex(0)).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(source->Open(ChunkIndex(0)).status()));
  ASSERT_EQ(stale_.size(), 1u);
  EXPECT_TRUE(absl::IsFailedPrecondition(stale_[0])) << stale_[0];
}

TEST_F(CatalogTest, ReportsAFileThatCanNotBeReadAsStale) {
  share_.Write("a", "one");
  const auto source = catalog_.Find(Publish("a"));
  std::filesystem::remove(share_.Path("a"));
  // Opening it fails, and no stamp can be compared.
  std::filesystem::create_symlink("a", share_.Path("a"));
  EXPECT_FALSE(source->Open(ChunkIndex(0)).ok());
  ASSERT_EQ(stale_.size(), 1u);
  EXPECT_FALSE(absl::IsResourceExhausted(stale_[0])) << stale_[0];
}

TEST_F(CatalogTest, ALinkedFileIsDoubtfulAndItsVersionIsRenewed) {
  share_.Write("a", "one");
  const ContentId id = Publish("a");
  const auto source = catalog_.Find(id);
  const Sha256Digest before = catalog_.VersionOf("a")->fingerprint;
  listener_.WaitForEvent("published a");
  // Repeated until the step of the file system's time stamps is over.
  while (catalog_.Compare("a", "") == Comparison::kSame) {
    std::filesystem::create_hard_link(share_.Path("a"), share_.Path("b"));
    std::filesystem::remove(share_.Path("b"));
  }
  EXPECT_EQ(catalog_.Compare("a", ""), Comparison::kDoubtful);
  EXPECT_EQ(Publish("a"), id);
  EXPECT_EQ(catalog_.Find(id), source);
  EXPECT_EQ(catalog_.Compare("a", ""), Comparison::kSame);
  EXPECT_NE(catalog_.VersionOf("a")->fingerprint, before);
  EXPECT_TRUE(source->Open(ChunkIndex(0)).ok());
  EXPECT_THAT(Record().events, ElementsAre("published a"));
}

}  // namespace
}  // namespace shoal::seeder
