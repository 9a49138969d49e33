#include "clients/leecher/agent/download_files.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "clients/leecher/agent/followed_folder.h"
#include "shoal/content/store/earlier_run.h"

namespace shoal::leecher {

std::vector<std::string> DownloadFiles::Complete(const SavedDownload& download, const Manifest& manifest,
                                                 bool whole) const {
  std::vector<std::string> warnings;
  const auto warn = [&](const absl::Status& status) {
    if (!status.ok()) warnings.emplace_back(status.message());
  };
  if (whole) warn(records_->KeepComplete(manifest, RootOfWhole(manifest, download.output_folder)));
  if (!download.followed_glob.empty()) {
    warn(MakeCurrent(FolderOfVersion(download.output_folder), manifest.name(), manifest.id()));
  }
  return warnings;
}

std::vector<std::string> DownloadFiles::Remove(const SavedDownload& download, Others others) const {
  std::vector<std::string> warnings;
  if (others == Others::kHere) {
    if (download.remove_data) warnings.emplace_back("its files stay: another download has them too");
    return warnings;
  }
  const absl::StatusOr<std::shared_ptr<const Manifest>> manifest = records_->ManifestOf(download.content_id);
  if (manifest.ok() && download.remove_data) {
    absl::Status removed = RemoveUnfinished(**manifest, download.output_folder);
    const std::string root = RootOfWhole(**manifest, download.output_folder);
    if (removed.ok() && download.completed != absl::InfinitePast()) {
      // Another program's file may have the name by now.
      const absl::Status ours = records_->SourceOf(download.content_id, root).status();
      removed = absl::IsFailedPrecondition(ours)
                    ? absl::FailedPreconditionError(absl::StrCat("its files stay: ", ours.message()))
                    : RemoveContent(**manifest, root);
    }
    if (!removed.ok()) warnings.emplace_back(removed.message());
    if (!download.followed_glob.empty()) {
      ForgetVersion(FolderOfVersion(download.output_folder), (*manifest)->name(), download.content_id);
    }
  }
  if (manifest.ok()) {
    records_->ForgetPlace(download.content_id, RootOfWhole(**manifest, download.output_folder)).IgnoreError();
  }
  if (others == Others::kNone && !download.content_id.is_zero())
    records_->Forget(download.content_id).IgnoreError();
  return warnings;
}

}  // namespace shoal::leecher
