#pragma once

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/file_selection.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/folder_source.h"
#include "shoal/content/store/data_files.h"

namespace shoal {

// What a download that is not whole yet is called, beside the place that its content will have: the names
// begin with a dot and carry the first digits of the content id, so that two contents of one name are told
// apart. A long name is cut, between two characters, so that file systems take what is made from it.
struct DownloadNames {
  explicit DownloadNames(const Manifest& manifest);

  std::string data;     // ".NAME.ID12.shoal-tmp"
  std::string journal;  // ".NAME.ID12.shoal-progress"
};

// What an earlier run left of a content, looked at before it is believed. Both read from the disk and block.

// Where the paths of a content begin that lies under its own name in `output_folder`.
std::string RootOfWhole(const Manifest& manifest, const std::string& output_folder);

// The content as it lies under its final name, when all bytes of the wanted files are right (all are read);
// null when they are not.
std::shared_ptr<const FolderSource> FindWhole(const std::shared_ptr<const Manifest>& manifest,
                                              const std::string& output_folder, const FileSelection& wanted);

// Of the chunks that the earlier run noted in its journal, those that are there indeed. `in_order`: the
// journal can be taken at its word for whatever nobody has touched since `last_noted`, and of that only a
// sample is read; everything else is read and checked.
ChunkSet StillThere(const Manifest& manifest, const ChunkSet& noted, const DataFiles& data, bool in_order,
                    absl::Time last_noted);

}  // namespace shoal
