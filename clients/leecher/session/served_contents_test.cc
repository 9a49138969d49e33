#include "clients/leecher/session/served_contents.h"

#include <fcntl.h>

#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace shoal::leecher {
namespace {

constexpr uint32_t kChunks = 4;

// Holds some chunks of a content of kChunks chunks; each lies at the offset that it was made with.
class Source final : public ChunkSource {
 public:
  explicit Source(const std::vector<ChunkIndex>& held = {}, uint64_t offset = 0)
      : held_(kChunks), offset_(offset) {
    auto manifest = Manifest::Create(Manifest::Kind::kFile, "file", kMinChunkSizeBytes,
                                     {{"file", kChunks * uint64_t{kMinChunkSizeBytes}, false}},
                                     std::vector<ChunkChecksums>(kChunks));
    EXPECT_TRUE(manifest.ok()) << manifest.status();
    manifest_ = std::make_shared<const Manifest>(*std::move(manifest));
    for (const ChunkIndex chunk : held) held_.Insert(chunk);
  }
  const std::shared_ptr<const Manifest>& manifest() const override { return manifest_; }
  ChunkSet Held() const override { return held_; }
  bool Holds(ChunkIndex chunk) const override { return held_.Contains(chunk); }
  absl::StatusOr<FileRegion> Open(ChunkIndex chunk) const override {
    if (!Holds(chunk)) return absl::NotFoundError("");
    FileRegion region;
    region.offset_bytes = offset_;
    return region;
  }

 private:
  std::shared_ptr<const Manifest> manifest_;
  ChunkSet held_;
  const uint64_t offset_;
};

TEST(ServedContentsTest, FindsAContentFromAddToRemove) {
  ServedContents contents;
  const auto source = std::make_shared<const Source>();
  const ContentId id = source->manifest()->id();
  EXPECT_EQ(contents.Find(id), nullptr);
  const auto added = contents.Add(source);
  EXPECT_EQ(contents.Find(id), added);
  EXPECT_EQ(added->manifest()->id(), id);
  EXPECT_EQ(contents.Find(ContentId()), nullptr);
  EXPECT_EQ(contents.size(), 1u);
  EXPECT_TRUE(contents.Remove(source));
  EXPECT_FALSE(contents.Remove(source));
  EXPECT_EQ(contents.Find(id), nullptr);
  EXPECT_EQ(contents.size(), 0u);
}

TEST(ServedContentsTest, AContentHasTheChunksOfAllItsSources) {
  ServedContents contents;
  const auto first = std::make_shared<const Source>(std::vector{ChunkIndex(0), ChunkIndex(1)}, 100);
  const auto second = std::make_shared<const Source>(std::vector{ChunkIndex(1), ChunkIndex(2)}, 200);
  const auto content = contents.Add(first);
  EXPECT_EQ(contents.Add(second), content);
  EXPECT_EQ(contents.size(), 1u);

  EXPECT_EQ(content->Held().Ranges(), (std::vector<ChunkRange>{{ChunkIndex(0), 3}}));
  EXPECT_TRUE(content->Holds(ChunkIndex(2)));
  EXPECT_FALSE(content->Holds(ChunkIndex(3)));
  EXPECT_EQ(content->Open(ChunkIndex(1))->offset_bytes, 100u);
  EXPECT_EQ(content->Open(ChunkIndex(2))->offset_bytes, 200u);
  EXPECT_EQ(content->Open(ChunkIndex(3)).status().code(), absl::StatusCode::kNotFound);
}

TEST(ServedContentsTest, AContentIsServedUntilItsLastSourceIsRemoved) {
  ServedContents contents;
  const auto first = std::make_shared<const Source>(std::vector{ChunkIndex(0), ChunkIndex(1)}, 100);
  const auto second = std::make_shared<const Source>(std::vector{ChunkIndex(1), ChunkIndex(2)}, 200);
  const auto content = contents.Add(first);
  contents.Add(second);
  contents.Add(second);  // no effect

  EXPECT_FALSE(contents.Remove(first));
  EXPECT_EQ(contents.Find(first->manifest()->id()), content);
  EXPECT_EQ(content->Held().Ranges(), (std::vector<ChunkRange>{{ChunkIndex(1), 2}}));
  EXPECT_EQ(content->Open(ChunkIndex(1))->offset_bytes, 200u);
  EXPECT_EQ(content->Open(ChunkIndex(0)).status().code(), absl::StatusCode::kNotFound);

  EXPECT_TRUE(contents.Remove(second));
  EXPECT_EQ(contents.Find(first->manifest()->id()), nullptr);
  // A connection that still holds it is told that nothing is held.
  EXPECT_TRUE(content->Held().empty());
  EXPECT_EQ(content->Open(ChunkIndex(1)).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace shoal::leecher
