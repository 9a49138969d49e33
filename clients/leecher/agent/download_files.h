#pragma once

#include <memory>
#include <string>
#include <vector>

#include "clients/leecher/agent/agent_state.h"
#include "clients/leecher/agent/content_records.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal::leecher {

// What happens on the disk when a download of an agent is complete and when it is removed: its record, its
// files, and the folder of the follow rule that brought it. It does not know which downloads there are.
//
// Thread safety: thread-safe for downloads of different contents. Its methods block.
class DownloadFiles {
 public:
  // `records` outlives this.
  explicit DownloadFiles(const ContentRecords* records) : records_(records) {}

  // Records a complete download, so that it is served again without being read, and makes it the current
  // version of its name if a rule brought it. `whole`: all files of the content were wanted. Returns what
  // went wrong, for people; the files are there anyway.
  std::vector<std::string> Complete(const SavedDownload& download, const Manifest& manifest,
                                    bool whole) const;
  // Other downloads of the same content.
  enum class Others {
    kNone,
    kElsewhere,  // none of them in the same folder
    kHere,       // one has the same files
  };
  // Removes what `remove_data` says, and the records, but for what `others` need. A file that is not as it
  // was fetched is another program's, and stays with all others. Returns what went wrong, for people.
  std::vector<std::string> Remove(const SavedDownload& download, Others others) const;

 private:
  const ContentRecords* const records_;
};

}  // namespace shoal::leecher
