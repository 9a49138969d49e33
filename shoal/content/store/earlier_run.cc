#include "shoal/content/store/earlier_run.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "shoal/base/clock.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/publish/chunk_verifier.h"
#include "shoal/content/store/chunk_journal.h"

namespace shoal {
namespace {

// The longest time between the write of a chunk and of its record, unless the process is stopped in between.
// If it was stopped, the chunks of that file are read again, which costs time only.
constexpr absl::Duration kWriteToNote = absl::Seconds(1);
// The sample that is read to check a journal; takes some milliseconds.
constexpr uint64_t kSampleBytes = 2 * 1024 * 1024;

}  // namespace

std::string RootOfWhole(const Manifest& manifest, const std::string& output_folder) {
  if (manifest.kind() == Manifest::Kind::kFile) return output_folder;
  return absl::StrCat(output_folder, "/", manifest.name());
}

std::shared_ptr<const FolderSource> FindWhole(const std::shared_ptr<const Manifest>& manifest,
                                              const std::string& output_folder, const FileSelection& wanted,
                                              const std::string& file_name) {
  const std::string root = RootOfWhole(*manifest, output_folder);
  std::vector<FileStamp> stamps(manifest->files().size());
  for (uint32_t i = 0; i < manifest->files().size(); ++i) {
    if (!wanted.Wants(FileIndex(i))) continue;
    const FileEntry& file = manifest->files()[i];
    const bool is_renamed = manifest->kind() == Manifest::Kind::kFile && !file_name.empty();
    const absl::StatusOr<FileStamp> stamp =
        FileStamp::Of(absl::StrCat(root, "/", is_renamed ? file_name : file.path));
    if (!stamp.ok() || stamp->length_bytes != file.length_bytes) return nullptr;
    stamps[i] = *stamp;
  }
  auto source =
      std::make_shared<const FolderSource>(manifest, root, std::move(stamps), Clock::Real(), file_name);
  const auto open = [&](ChunkIndex index) { return source->Open(index); };
  return AreRight(*manifest, wanted.ChunksOf(*manifest), open) ? source : nullptr;
}

ChunkSet StillThere(const Manifest& manifest, const ChunkSet& noted, const DataFiles& data, bool in_order,
                    absl::Time last_noted) {
  const auto open = [&](ChunkIndex index) { return data.Region(index); };
  ChunkSet doubtful = noted;
  doubtful.KeepOnly(data.found());
  ChunkSet right(manifest.chunk_count());
  if (in_order) {
    ChunkSet trusted = doubtful;
    trusted.KeepOnly(data.UnchangedSince(last_noted + kWriteToNote));
    if (SamplesAreRight(manifest, trusted, kSampleBytes, open)) right = std::move(trusted);
  }
  doubtful.Remove(right);
  right.Add(VerifyChunks(manifest, doubtful, open));
  return right;
}

namespace {

constexpr absl::string_view kDataEnding = ".shoal-tmp";
constexpr absl::string_view kJournalEnding = ".shoal-progress";
// So that the longest name made from it, "." NAME "." ID12 ".shoal-progress.new", is one that file systems
// take.
constexpr size_t kMaxStemNameBytes = 255 - 1 - 1 - 12 - kJournalEnding.size() - 4;

std::string Stem(const Manifest& manifest) {
  absl::string_view name = manifest.name();
  if (name.size() > kMaxStemNameBytes) {
    size_t end = kMaxStemNameBytes;
    while ((static_cast<uint8_t>(name[end]) & 0xc0) == 0x80) --end;
    name = name.substr(0, end);
  }
  return absl::StrCat(".", name, ".", manifest.id().ShortHex());
}

}  // namespace

DownloadNames::DownloadNames(const Manifest& manifest)
    : data(absl::StrCat(Stem(manifest), kDataEnding)),
      journal(absl::StrCat(Stem(manifest), kJournalEnding)) {}

absl::Status RemoveUnfinished(const Manifest& manifest, const std::string& output_folder) {
  const DownloadNames names(manifest);
  SHOAL_RETURN_IF_ERROR(DataFiles::Discard(output_folder, names.data));
  return ChunkJournal::RemoveAt(absl::StrCat(output_folder, "/", names.journal));
}

}  // namespace shoal
