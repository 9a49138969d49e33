#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/store/target_file_system.h"

namespace shoal {

// Creates the empty folders and symbolic links of a content below one root folder. Nothing is ever created or
// looked at through a symbolic link, so whatever a manifest and the disk hold, nothing outside of the root is
// touched.
//
// Thread safety: one thread at a time.
class ContentEntries {
 public:
  // Returns whether the entry at this path is wanted. Empty: all are.
  using Wants = std::function<bool(const std::string& path)>;
  // What happens to a link of the same name that leads elsewhere.
  enum class OtherLinks { kRefuse, kReplace };

  // `root`: an open folder. `shown_root`: what errors call it. All must outlive this.
  ContentEntries(const Manifest& manifest, int root, const std::string& shown_root,
                 const TargetFileSystem& file_system)
      : manifest_(manifest), root_(root), shown_root_(shown_root), file_system_(file_system) {}

  // Errors: ALREADY_EXISTS when something else has the path of a wanted entry. Missing entries are no error.
  absl::Status Check(const Wants& wants, OtherLinks other_links) const;

  // Creates the wanted entries that are missing, with their parent folders; the links last.
  // Errors: ALREADY_EXISTS as Check; others as TargetFileSystem::DiskStatus.
  absl::Status Make(const Wants& wants, OtherLinks other_links) const;

 private:
  absl::Status MakeFolder(const std::string& path) const;
  absl::Status MakeLink(const LinkEntry& link, OtherLinks other_links) const;
  absl::Status Conflict(const std::string& path, const char* kind) const;

  const Manifest& manifest_;
  const int root_;
  const std::string& shown_root_;
  const TargetFileSystem& file_system_;
};

}  // namespace shoal
