#include "clients/leecher/session/served_contents.h"

#include <utility>

#include "gtest/gtest.h"

namespace shoal::leecher {
namespace {

class Source final : public ChunkSource {
 public:
  Source() {
    auto manifest =
        Manifest::Create(Manifest::Kind::kFile, "empty", kDefaultChunkSizeBytes, {{"empty", 0, false}}, {});
    EXPECT_TRUE(manifest.ok()) << manifest.status();
    manifest_ = std::make_shared<const Manifest>(*std::move(manifest));
  }
  const std::shared_ptr<const Manifest>& manifest() const override { return manifest_; }
  ChunkSet Held() const override { return ChunkSet::All(0); }
  bool Holds(ChunkIndex) const override { return false; }
  absl::StatusOr<FileRegion> Open(ChunkIndex) const override { return absl::NotFoundError(""); }

 private:
  std::shared_ptr<const Manifest> manifest_;
};

TEST(ServedContentsTest, FindsWhatWasAddedUntilItIsRemoved) {
  ServedContents contents;
  const auto source = std::make_shared<const Source>();
  const ContentId id = source->manifest()->id();
  EXPECT_EQ(contents.Find(id), nullptr);
  contents.Add(source);
  EXPECT_EQ(contents.Find(id), source);
  EXPECT_EQ(contents.Find(ContentId()), nullptr);
  EXPECT_EQ(contents.size(), 1u);
  EXPECT_TRUE(contents.Remove(id));
  EXPECT_FALSE(contents.Remove(id));
  EXPECT_EQ(contents.Find(id), nullptr);
}

}  // namespace
}  // namespace shoal::leecher
