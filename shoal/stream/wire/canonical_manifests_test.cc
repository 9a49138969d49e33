#include "shoal/stream/wire/canonical_manifests.h"

#include <gtest/gtest.h>

#include "tests/support/file_chunk_source.h"

namespace shoal::stream {
namespace {

TEST(CanonicalManifestsTest, EncodesOnceWhileSomebodyHoldsTheBytes) {
  CanonicalManifests manifests;
  const auto manifest = FileChunkSource::Make(100'000, 16384)->manifest();
  const auto bytes = manifests.BytesOf(manifest);
  EXPECT_EQ(*bytes, manifest->Encode());
  EXPECT_EQ(manifests.BytesOf(manifest), bytes);
  EXPECT_EQ(manifests.LengthOf(manifest), bytes->size());
}

TEST(CanonicalManifestsTest, LetsGoOfBytesAndManifests) {
  CanonicalManifests manifests;
  auto manifest = FileChunkSource::Make(100'000, 16384)->manifest();
  const std::weak_ptr<const std::string> bytes = manifests.BytesOf(manifest);
  EXPECT_TRUE(bytes.expired());
  EXPECT_EQ(manifests.LengthOf(manifest), manifest->Encode().size());
  const std::weak_ptr<const Manifest> weak = manifest;
  manifest.reset();
  EXPECT_TRUE(weak.expired());
}

TEST(CanonicalManifestsTest, ManyManifestsComeAndGo) {
  CanonicalManifests manifests;
  for (uint32_t i = 1; i < 200; ++i) {
    const auto manifest = FileChunkSource::Make(i, 16384, i)->manifest();
    EXPECT_EQ(*manifests.BytesOf(manifest), manifest->Encode()) << i;
  }
}

}  // namespace
}  // namespace shoal::stream
