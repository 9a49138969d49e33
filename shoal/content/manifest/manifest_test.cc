#include "shoal/content/manifest/manifest.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/support/file_chunk_source.h"
#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

constexpr uint32_t kChunk = kMinChunkSizeBytes;

std::vector<ChunkChecksums> Checksums(size_t count) {
  return std::vector<ChunkChecksums>(count);
}

absl::StatusOr<Manifest> Folder(std::vector<FileEntry> files, size_t checksums,
                                uint32_t chunk_size = kChunk) {
  return Manifest::Create(Manifest::Kind::kFolder, "name", chunk_size, std::move(files),
                          Checksums(checksums));
}

void ExpectInvalid(const absl::StatusOr<Manifest>& manifest, absl::string_view why) {
  EXPECT_EQ(manifest.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(manifest.status().message().find(why), absl::string_view::npos) << manifest.status();
}

SampleContent Sample() {
  return SampleContent::OfFolder("fish", {{"bin/run", SampleBytes(kChunk + 1, 1), true},
                                          {"empty", "", false},
                                          {"pond/carp", SampleBytes(2 * kChunk, 2), false},
                                          {"pond/void", "", false},
                                          {"z", "z", false}});
}

TEST(Manifest, KnowsWhereEachChunkLies) {
  const SampleContent sample = Sample();
  const Manifest manifest = *sample.manifest();
  ASSERT_EQ(manifest.chunk_count(), 5u);
  EXPECT_EQ(manifest.length_bytes(), 3u * kChunk + 2);
  EXPECT_EQ(manifest.mean_chunk_bytes(), (3u * kChunk + 2) / 5);
  EXPECT_EQ(manifest.PlaceOf(ChunkIndex(0)), (ChunkPlace{FileIndex(0), 0, kChunk}));
  EXPECT_EQ(manifest.PlaceOf(ChunkIndex(1)), (ChunkPlace{FileIndex(0), kChunk, 1}));
  EXPECT_EQ(manifest.PlaceOf(ChunkIndex(2)), (ChunkPlace{FileIndex(2), 0, kChunk}));
  EXPECT_EQ(manifest.PlaceOf(ChunkIndex(3)), (ChunkPlace{FileIndex(2), kChunk, kChunk}));
  EXPECT_EQ(manifest.PlaceOf(ChunkIndex(4)), (ChunkPlace{FileIndex(4), 0, 1}));
  EXPECT_EQ(manifest.ChunksOf(FileIndex(1)), std::make_pair(ChunkIndex(2), ChunkIndex(2)));
  EXPECT_EQ(manifest.ChunksOf(FileIndex(2)), std::make_pair(ChunkIndex(2), ChunkIndex(4)));
}

TEST(Manifest, FindsTheFileOfEachOfManyChunks) {
  std::vector<FileEntry> files;
  std::vector<std::pair<FileIndex, uint64_t>> places;  // per chunk
  for (uint32_t i = 0; i < 1000; ++i) {
    // Mostly one chunk, now and then none or so many that several steps of the index fall into one file.
    const uint32_t chunks = i % 7 == 3 ? 0 : i == 500 ? 200 : 1;
    for (uint32_t chunk = 0; chunk < chunks; ++chunk) {
      places.emplace_back(FileIndex(i), uint64_t{chunk} * kChunk);
    }
    files.push_back({absl::StrCat("file", 1000 + i), uint64_t{chunks} * kChunk, false});
  }
  const Manifest manifest = *Folder(files, places.size());
  for (uint32_t chunk = 0; chunk < places.size(); ++chunk) {
    const ChunkPlace place = manifest.PlaceOf(ChunkIndex(chunk));
    EXPECT_EQ(std::make_pair(place.file, place.offset_bytes), places[chunk]) << chunk;
  }
}

TEST(Manifest, ComesBackFromItsBytesWithTheSameId) {
  const Manifest manifest = *Sample().manifest();
  const std::string bytes = manifest.Encode();
  const absl::StatusOr<Manifest> decoded = Manifest::Decode(AsBytes(bytes));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->id(), manifest.id());
  EXPECT_EQ(decoded->id().bytes(), Sha256::Of(AsBytes(bytes)));
  EXPECT_EQ(decoded->Encode(), bytes);
  EXPECT_EQ(decoded->kind(), Manifest::Kind::kFolder);
  EXPECT_EQ(decoded->name(), "fish");
  EXPECT_EQ(decoded->files(), manifest.files());
  EXPECT_EQ(decoded->checksums(ChunkIndex(4)), manifest.checksums(ChunkIndex(4)));
}

TEST(Manifest, HasAnIdThatNeverChanges) {
  // An id that came out differently would mean that published contents are lost: a new layout needs a new
  // version.
  EXPECT_EQ(SampleContent::OfFile("hello.txt", "hello").manifest()->id().ToHex(),
            "1f47a785da6ae778437512f4778ecab92d96b03c86b96a8cadb366e550081fa7");
}

TEST(Manifest, IsOnlyDecodedAsWhatWasAskedFor) {
  const Manifest manifest = *Sample().manifest();
  std::string bytes = manifest.Encode();
  EXPECT_TRUE(Manifest::DecodeAs(manifest.id(), AsBytes(bytes)).ok());
  bytes.back() ^= 1;
  EXPECT_EQ(Manifest::DecodeAs(manifest.id(), AsBytes(bytes)).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST(Manifest, IsNeverCutOffOrLonger) {
  const std::string bytes = Sample().manifest()->Encode();
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(Manifest::Decode(AsBytes(bytes).first(length)).ok()) << length;
  }
  EXPECT_FALSE(Manifest::Decode(AsBytes(bytes + '\0')).ok());
}

TEST(Manifest, BoundsItsCountsBeforeItTakesMemory) {
  const std::string bytes = Sample().manifest()->Encode();
  // The file count and the chunk count, each turned into the largest number there is.
  const size_t file_count_at = 8 + 1 + 4 + 2 + 4;
  const size_t chunk_count_at = bytes.size() - 5 * 36 - 4;
  for (const size_t at : {file_count_at, chunk_count_at}) {
    std::string hostile = bytes;
    StoreBig(UINT32_MAX, reinterpret_cast<uint8_t*>(hostile.data()) + at);
    EXPECT_EQ(Manifest::Decode(AsBytes(hostile)).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(Manifest, OfOneEmptyFileHasNoChunks) {
  const Manifest manifest = *SampleContent::OfFile("empty", "").manifest();
  EXPECT_EQ(manifest.chunk_count(), 0u);
  EXPECT_EQ(manifest.mean_chunk_bytes(), 1u);
  EXPECT_TRUE(Manifest::Decode(AsBytes(manifest.Encode())).ok());
}

TEST(Manifest, RefusesChunkSizesThatAreNone) {
  for (const uint32_t size :
       {0u, 1u, kMinChunkSizeBytes / 2, kMaxChunkSizeBytes * 2, kDefaultChunkSizeBytes + 1}) {
    ExpectInvalid(Folder({{"a", 0, false}}, 0, size), "chunk size");
  }
}

TEST(Manifest, RefusesChecksumsThatDoNotFit) {
  ExpectInvalid(Folder({{"a", kChunk + 1, false}}, 1), "checksums");
  ExpectInvalid(Folder({{"a", kChunk + 1, false}}, 3), "checksums");
  EXPECT_TRUE(Folder({{"a", kChunk + 1, false}}, 2).ok());
}

TEST(Manifest, RefusesLengthsThatOverflow) {
  ExpectInvalid(Folder({{"a", UINT64_MAX, false}}, 0), "chunks");
  ExpectInvalid(Folder({{"a", UINT64_MAX / 2, false}, {"b", UINT64_MAX / 2 + 3, false}}, 0), "chunks");
}

TEST(Manifest, RefusesFilesOutOfOrder) {
  ExpectInvalid(Folder({{"b", 0, false}, {"a", 0, false}}, 0), "order");
  ExpectInvalid(Folder({{"a", 0, false}, {"a", 0, false}}, 0), "twice");
  EXPECT_TRUE(Folder({{"B", 0, false}, {"a", 0, false}, {"\xc3\xa9", 0, false}}, 0).ok());
}

TEST(Manifest, RefusesAFileThatIsAFolderToo) {
  ExpectInvalid(Folder({{"a", 0, false}, {"a/b", 0, false}}, 0), "a file and a folder");
  // Others may stand between the two.
  ExpectInvalid(Folder({{"a", 0, false}, {"a-b", 0, false}, {"a.c", 0, false}, {"a/b", 0, false}}, 0),
                "a file and a folder");
  EXPECT_TRUE(Folder({{"a", 0, false}, {"a-b", 0, false}, {"a0/b", 0, false}, {"ab", 0, false}}, 0).ok());
}

TEST(Manifest, RefusesBadNamesAndPaths) {
  ExpectInvalid(Folder({{"../a", 0, false}}, 0), "..");
  ExpectInvalid(Manifest::Create(Manifest::Kind::kFolder, "a/b", kChunk, {{"a", 0, false}}, {}), "part");
  ExpectInvalid(Folder({}, 0), "no files");
}

TEST(Manifest, OfAFileHasOneFileOfItsOwnName) {
  ExpectInvalid(Manifest::Create(Manifest::Kind::kFile, "a", kChunk, {{"b", 0, false}}, {}), "single file");
  ExpectInvalid(Manifest::Create(Manifest::Kind::kFile, "a", kChunk, {{"a", 0, false}, {"b", 0, false}}, {}),
                "single file");
  ExpectInvalid(Manifest::Create(static_cast<Manifest::Kind>(3), "a", kChunk, {{"a", 0, false}}, {}),
                "neither");
}

TEST(Manifest, RefusesWhatNoDecoderWouldTake) {
  // So many long paths are more bytes than a decoder takes.
  std::vector<FileEntry> files;
  for (int i = 0; i < 300'000; ++i)
    files.push_back({std::string(249, 'x') + std::to_string(100'000 + i), 0, false});
  ExpectInvalid(Folder(std::move(files), 0), "too many");
}

TEST(ChunkSizeFor, KeepsTheNumberOfChunksUp) {
  EXPECT_EQ(ChunkSizeFor(0), 64u * 1024);
  EXPECT_EQ(ChunkSizeFor(64u << 20), 128u * 1024);
  EXPECT_EQ(ChunkSizeFor((256u << 20) - 1), 256u * 1024);
  EXPECT_EQ(ChunkSizeFor(256u << 20), kDefaultChunkSizeBytes);
}

TEST(ChunkSizeFor, KeepsTheNumberOfChunksDown) {
  constexpr uint64_t kWanted = 32'768;
  EXPECT_EQ(ChunkSizeFor(kWanted * kDefaultChunkSizeBytes), kDefaultChunkSizeBytes);
  EXPECT_EQ(ChunkSizeFor(kWanted * kDefaultChunkSizeBytes + 1), 2 * kDefaultChunkSizeBytes);
  EXPECT_EQ(ChunkSizeFor(UINT64_MAX), kMaxChunkSizeBytes);
}

TEST(ManifestTest, EncodesOnceWhileTheBytesAreHeld) {
  const auto manifest = FileChunkSource::Make(100'000, 16384)->manifest();
  const auto bytes = manifest->CanonicalBytes();
  EXPECT_EQ(*bytes, manifest->Encode());
  EXPECT_EQ(manifest->CanonicalBytes(), bytes);
  EXPECT_EQ(manifest->canonical_length_bytes(), bytes->size());
  EXPECT_EQ(Manifest::Decode(AsBytes(*bytes))->canonical_length_bytes(), bytes->size());
}

TEST(ManifestTest, LetsGoOfTheBytes) {
  const auto manifest = FileChunkSource::Make(100'000, 16384)->manifest();
  const std::weak_ptr<const std::string> bytes = manifest->CanonicalBytes();
  EXPECT_TRUE(bytes.expired());
  EXPECT_EQ(manifest->canonical_length_bytes(), manifest->Encode().size());
}

TEST(ManifestTest, EachManifestHasItsOwnBytes) {
  for (uint32_t i = 1; i < 200; ++i) {
    const auto manifest = FileChunkSource::Make(i, 16384, i)->manifest();
    EXPECT_EQ(*manifest->CanonicalBytes(), manifest->Encode()) << i;
  }
}

}  // namespace
}  // namespace shoal
