#include "shoal/content/publish/hashed_content.h"

#include <string>

#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/publish/manifest_builder.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

HashedContent Sample() {
  const TemporaryFolder folder;
  folder.Write("many/a", SampleBytes(20'000, 1));
  folder.Write("many/b", "");
  ManifestBuilderOptions options;
  options.chunk_size_bytes = kMinChunkSizeBytes;
  auto built = BuildManifest(folder.Path("many"), options);
  EXPECT_TRUE(built.ok()) << built.status();
  return {"many", built->manifest, built->stamps};
}

// Appends a valid checksum, so that the decoder reaches the fields.
std::string Sealed(std::string body) {
  const Sha256Digest digest = Sha256::Of(AsBytes(body));
  body.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return body;
}

TEST(HashedContent, DecodesToWhatWasEncoded) {
  const HashedContent entry = Sample();
  const auto decoded = HashedContent::Decode(AsBytes(entry.Encode()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->entry, entry.entry);
  EXPECT_EQ(decoded->manifest.id(), entry.manifest.id());
  EXPECT_EQ(decoded->stamps, entry.stamps);
}

TEST(HashedContent, DetectsEachDamagedByte) {
  const std::string bytes = Sample().Encode();
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x20);
    EXPECT_FALSE(HashedContent::Decode(AsBytes(damaged)).ok()) << i;
  }
}

TEST(HashedContent, RefusesEachTruncation) {
  const std::string bytes = Sample().Encode();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(HashedContent::Decode(AsBytes(bytes).first(size)).ok()) << size;
  }
}

TEST(HashedContent, RefusesLengthsPastTheEndDespiteAValidChecksum) {
  const std::string bytes = Sample().Encode();
  const std::string body = bytes.substr(0, bytes.size() - sizeof(Sha256Digest));
  ASSERT_TRUE(HashedContent::Decode(AsBytes(Sealed(body))).ok());
  for (size_t i = 0; i + 4 <= body.size(); ++i) {
    std::string damaged = body;
    damaged.replace(i, 4, "\xff\xff\xff\xff");
    const auto decoded = HashedContent::Decode(AsBytes(Sealed(damaged)));
    if (decoded.ok()) {
      EXPECT_EQ(decoded->manifest.files().size(), decoded->stamps.size());
    }
  }
  EXPECT_FALSE(HashedContent::Decode(AsBytes(Sealed(body + "x"))).ok());
}

TEST(HashedContent, RefusesAnotherVersion) {
  const std::string bytes = Sample().Encode();
  std::string body = bytes.substr(0, bytes.size() - sizeof(Sha256Digest));
  body[7] = 1;
  EXPECT_TRUE(absl::IsInvalidArgument(HashedContent::Decode(AsBytes(Sealed(body))).status()));
}

}  // namespace

}  // namespace shoal
