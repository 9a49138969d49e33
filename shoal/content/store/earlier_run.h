#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/file_selection.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/folder_source.h"
#include "shoal/content/store/data_files.h"

namespace shoal {

// The temporary names of an unfinished download, beside its final place. They begin with a dot and contain
// the first digits of the content id, so that two contents with the same name differ. A long name is
// truncated, at a character boundary, to fit the file system's limit.
struct DownloadNames {
  explicit DownloadNames(const Manifest& manifest);

  std::string data;     // ".NAME.ID12.shoal-tmp"
  std::string journal;  // ".NAME.ID12.shoal-progress"
};

// The functions below check what an earlier run left of a content. FindWhole and StillThere read from the
// disk and block.

// Returns the folder to which the paths of a complete content in `output_folder` are relative:
// OUTPUT_FOLDER/NAME for a folder, OUTPUT_FOLDER for a single file.
std::string RootOfWhole(const Manifest& manifest, const std::string& output_folder);

// Returns: the content under its final name if all bytes of the wanted files are right (all are read); null
// otherwise. `file_name`: the final name of a content that is a single file; empty: the content's.
std::shared_ptr<const FolderSource> FindWhole(const std::shared_ptr<const Manifest>& manifest,
                                              const std::string& output_folder, const FileSelection& wanted,
                                              const std::string& file_name = "");

// Returns the chunks of `noted` whose bytes on disk are valid. `in_order`: the journal can be trusted, so
// files that did not change since `last_noted` are accepted if a random sample of them is valid; all other
// chunks are read and verified. `in_order` false: every chunk is read and verified.
ChunkSet StillThere(const Manifest& manifest, const ChunkSet& noted, const DataFiles& data, bool in_order,
                    absl::Time last_noted);

// Removes what an unfinished download of this content has in `output_folder`: no process may have it open. OK
// when there is nothing. Errors: from errno, with the path.
absl::Status RemoveUnfinished(const Manifest& manifest, const std::string& output_folder);

}  // namespace shoal
