#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/chunk_source.h"

namespace shoal::leecher {

// The manifests of an agent's contents, and the stamps of those that are complete, one file per content and
// one per place where it is complete, in one folder. So a restarted agent serves what it holds without
// reading it again, and continues what it has not finished without asking a peer for the manifest.
//
// Thread safety: thread-safe for different contents; the only state is the path of the folder.
class ContentRecords {
 public:
  // Makes the folder if it is missing. Errors: from errno, with the path.
  static absl::StatusOr<ContentRecords> Open(const std::string& folder);

  // Keeps the manifest of a content that is not complete. A record that is there stays.
  absl::Status KeepManifest(const Manifest& manifest) const;
  // Keeps the manifest and the stamps that the files have now. `root`: as RootOfWhole returns it. Errors: as
  // FileStamp::Of, and from errno.
  absl::Status KeepComplete(const Manifest& manifest, const std::string& root) const;
  // Errors: NOT_FOUND; DATA_LOSS or INVALID_ARGUMENT for a damaged record.
  absl::StatusOr<std::shared_ptr<const Manifest>> ManifestOf(const ContentId& id) const;
  // Returns what serves the complete content at `root`. No file is read; one that has changed is detected
  // when a chunk of it is read. Errors: as ManifestOf; FAILED_PRECONDITION when a file is gone or has another
  // stamp.
  absl::StatusOr<std::shared_ptr<const ChunkSource>> SourceOf(const ContentId& id,
                                                              const std::string& root) const;
  // Forgets the manifest. OK when there is none.
  absl::Status Forget(const ContentId& id) const;
  // Forgets that the content is complete at `root`. OK when it is not.
  absl::Status ForgetPlace(const ContentId& id, const std::string& root) const;

 private:
  explicit ContentRecords(std::string folder) : folder_(std::move(folder)) {}
  std::string PathOf(const ContentId& id) const;
  // Of the stamps of its files at `root`.
  std::string PathOf(const ContentId& id, const std::string& root) const;

  std::string folder_;
};

// Removes the files, links and empty folders of a content from `root`, and then the folders that are empty.
// Files that are not the content's stay. OK when there is nothing. Errors: from errno, with the path.
absl::Status RemoveContent(const Manifest& manifest, const std::string& root);

}  // namespace shoal::leecher
