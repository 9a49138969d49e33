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
    // Mostly one chunk; sometimes none, or so many that one file spans several steps of the index.
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

TEST(Manifest, RoundTripsThroughItsBytesWithTheSameId) {
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
  // Another id would make published contents unreachable: a new layout needs a new version.
  EXPECT_EQ(SampleContent::OfFile("hello.txt", "hello").manifest()->id().ToHex(),
            "1f47a785da6ae778437512f4778ecab92d96b03c86b96a8cadb366e550081fa7");
}

TEST(Manifest, IsDecodedOnlyWithTheExpectedId) {
  const Manifest manifest = *Sample().manifest();
  std::string bytes = manifest.Encode();
  EXPECT_TRUE(Manifest::DecodeAs(manifest.id(), AsBytes(bytes)).ok());
  bytes.back() ^= 1;
  EXPECT_EQ(Manifest::DecodeAs(manifest.id(), AsBytes(bytes)).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST(Manifest, RefusesTruncatedAndTrailingBytes) {
  const std::string bytes = Sample().manifest()->Encode();
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(Manifest::Decode(AsBytes(bytes).first(length)).ok()) << length;
  }
  EXPECT_FALSE(Manifest::Decode(AsBytes(bytes + '\0')).ok());
}

TEST(Manifest, BoundsItsCountsBeforeItAllocates) {
  const std::string bytes = Sample().manifest()->Encode();
  // The file count and the chunk count, each replaced by the largest number.
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

TEST(Manifest, RefusesInvalidChunkSizes) {
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
  // Other paths may sort between the two.
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

TEST(Manifest, RefusesMoreBytesThanADecoderAccepts) {
  // So many long paths take more bytes than a decoder accepts.
  std::vector<FileEntry> files;
  for (int i = 0; i < 300'000; ++i)
    files.push_back({std::string(249, 'x') + std::to_string(100'000 + i), 0, false});
  ExpectInvalid(Folder(std::move(files), 0), "too many");
}

// A folder with one empty file "f".
absl::StatusOr<Manifest> Tree(std::vector<std::string> empty_folders, std::vector<LinkEntry> links) {
  return Manifest::Create(Manifest::Kind::kFolder, "name", kChunk, {{"f", 0, false}}, {},
                          std::move(empty_folders), std::move(links));
}

TEST(ManifestVersion2, RoundTripsThroughItsBytes) {
  const Manifest manifest = *Tree({"a/b", "z"}, {{"a/l", "../f"}, {"m", "a/b"}});
  EXPECT_EQ(manifest.version(), 2);
  const std::string bytes = manifest.Encode();
  EXPECT_EQ(bytes[7], 2);
  const absl::StatusOr<Manifest> decoded = Manifest::Decode(AsBytes(bytes));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->Encode(), bytes);
  EXPECT_EQ(decoded->id(), manifest.id());
  EXPECT_EQ(decoded->empty_folders(), (std::vector<std::string>{"a/b", "z"}));
  EXPECT_EQ(decoded->links(), (std::vector<LinkEntry>{{"a/l", "../f"}, {"m", "a/b"}}));
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(Manifest::Decode(AsBytes(bytes).first(length)).ok()) << length;
  }
  EXPECT_FALSE(Manifest::Decode(AsBytes(bytes + '\0')).ok());
}

TEST(ManifestVersion2, HasAnIdThatNeverChanges) {
  EXPECT_EQ(Tree({"a/b", "z"}, {{"a/l", "../f"}, {"m", "a/b"}})->id().ToHex(),
            "79dccf17d5df2491a934509d22ab5d504970b56f998e24b871f44cf98ff1936b");
}

TEST(ManifestVersion2, IsUsedOnlyWhereVersion1DoesNotSuffice) {
  EXPECT_EQ(Tree({}, {})->version(), 1);
  EXPECT_EQ(Tree({}, {})->id(), Folder({{"f", 0, false}}, 0)->id());
  // An executable file needs no version 2.
  EXPECT_EQ(Folder({{"f", 0, true}}, 0)->version(), 1);
  // There is one encoding per content: version 2 with nothing of its own is refused.
  std::string bytes = Tree({}, {})->Encode();
  bytes[7] = 2;
  bytes.insert(bytes.size() - 4, 8, '\0');  // no empty folders, no links
  ExpectInvalid(Manifest::Decode(AsBytes(bytes)), "version 2 without");
}

TEST(Manifest, OfANewerVersionSaysSo) {
  std::string bytes = Tree({"a"}, {})->Encode();
  for (const char version : {'\3', '\x7f', '\xff'}) {
    bytes[7] = version;
    const absl::Status status = Manifest::Decode(AsBytes(bytes)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
    EXPECT_NE(status.message().find("published by a newer Shoal"), absl::string_view::npos) << status;
  }
  bytes[7] = 0;
  ExpectInvalid(Manifest::Decode(AsBytes(bytes)), "version 0");
}

TEST(ManifestVersion2, RefusesPathsTwiceOrOutOfOrder) {
  ExpectInvalid(Tree({"b", "a"}, {}), "order");
  ExpectInvalid(Tree({"a", "a"}, {}), "twice");
  ExpectInvalid(Tree({"f"}, {}), "twice");
  ExpectInvalid(Tree({}, {{"b", "f"}, {"a", "f"}}), "order");
  ExpectInvalid(Tree({}, {{"a", "f"}, {"a", "g"}}), "twice");
  ExpectInvalid(Tree({}, {{"f", "g"}}), "twice");
  ExpectInvalid(Tree({"a"}, {{"a", "f"}}), "twice");
}

TEST(ManifestVersion2, RefusesPathsThatAreAlsoFolders) {
  ExpectInvalid(Tree({"f/a"}, {}), "a file and a folder");
  ExpectInvalid(Tree({}, {{"f/a", "x"}}), "a file and a folder");
  ExpectInvalid(Tree({"a", "a/b"}, {}), "an empty folder with something in it");
  ExpectInvalid(Tree({"a"}, {{"a/b", "x"}}), "an empty folder with something in it");
  // Nothing of a content is ever reached through a link.
  ExpectInvalid(Tree({"l/a"}, {{"l", "x"}}), "a link and a folder");
  ExpectInvalid(Tree({}, {{"l", "x"}, {"l/m", "x"}}), "a link and a folder");
  ExpectInvalid(
      Manifest::Create(Manifest::Kind::kFolder, "name", kChunk, {{"l/f", 0, false}}, {}, {}, {{"l", "x"}}),
      "a link and a folder");
  EXPECT_TRUE(Tree({"a-b", "a/b"}, {{"a.c", "x"}, {"a/c", "x"}}).ok());
}

TEST(ManifestVersion2, RefusesBadPathsAndTargets) {
  ExpectInvalid(Tree({"../a"}, {}), "..");
  ExpectInvalid(Tree({"/a"}, {}), "absolute");
  ExpectInvalid(Tree({""}, {}), "empty");
  ExpectInvalid(Tree({}, {{"a/../b", "f"}}), "..");
  ExpectInvalid(Tree({}, {{"l", "../x"}}), "'l' is a link to '../x', which leads out of the folder");
  ExpectInvalid(Tree({}, {{"l", "/etc"}}), "absolute");
  ExpectInvalid(Tree({}, {{"a/l", "up/../x"}, {"a/up", ".."}}), "leads out");
}

TEST(ManifestVersion2, IsForFoldersOnly) {
  const auto file = [](std::vector<std::string> empty_folders, std::vector<LinkEntry> links) {
    return Manifest::Create(Manifest::Kind::kFile, "f", kChunk, {{"f", 0, false}}, {},
                            std::move(empty_folders), std::move(links));
  };
  EXPECT_TRUE(file({}, {}).ok());
  ExpectInvalid(file({"a"}, {}), "single file");
  ExpectInvalid(file({}, {{"l", "f"}}), "single file");
  ExpectInvalid(Manifest::Create(Manifest::Kind::kFolder, "name", kChunk, {}, {}, {"a"}), "no files");
}

TEST(ManifestVersion2, BoundsItsCountsBeforeItAllocates) {
  const std::string bytes = Tree({"a"}, {{"l", "f"}})->Encode();
  const size_t folder_count_at = bytes.size() - 4 - (4 + 2 + 1 + 2 + 1) - (4 + 2 + 1);
  const size_t link_count_at = bytes.size() - 4 - (4 + 2 + 1 + 2 + 1);
  for (const size_t at : {folder_count_at, link_count_at}) {
    std::string hostile = bytes;
    StoreBig(UINT32_MAX, reinterpret_cast<uint8_t*>(hostile.data()) + at);
    ExpectInvalid(Manifest::Decode(AsBytes(hostile)), "cut off");
    StoreBig(kMaxFiles, reinterpret_cast<uint8_t*>(hostile.data()) + at);
    ExpectInvalid(Manifest::Decode(AsBytes(hostile)), "cut off");
  }
  // Files, empty folders and links share one bound.
  std::vector<std::string> folders;
  for (uint32_t i = 0; i < kMaxFiles; ++i) folders.push_back(absl::StrCat("g", 1'000'000 + i));
  ExpectInvalid(Tree(std::move(folders), {}), "more than");
}

TEST(Manifest, KnowsZeroChunks) {
  const SampleContent sample = SampleContent::OfFolder(
      "sparse", {{"a", std::string(2 * kChunk + 7, '\0'), false},
                 {"b", SampleBytes(kChunk, 1) + std::string(kChunk, '\0') + "x", false},
                 {"c", std::string(kChunk - 1, '\0') + "x", false}});
  std::vector<bool> zero;
  for (uint32_t i = 0; i < sample.chunk_count(); ++i)
    zero.push_back(sample.manifest()->IsZeroChunk(ChunkIndex(i)));
  EXPECT_EQ(zero, (std::vector<bool>{true, true, true, false, true, false, false}));
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

TEST(ManifestTest, FreesTheBytesWithTheirLastHolder) {
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
