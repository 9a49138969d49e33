#include "clients/leecher/cli/commands/serving_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/leecher/cli/terminal/progress_line.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "shoal/base/units.h"

namespace shoal::leecher {

std::string ServingText(const ServingStatus& serving, std::optional<absl::Duration> left) {
  std::vector<std::string> words = {Plural(serving.peers, "peer"), FormatBytes(serving.sent_bytes) + " sent",
                                    FormatRate(serving.rate_bytes_per_second)};
  if (serving.trackers_told < serving.trackers) {
    words.push_back(
        absl::StrCat(serving.trackers_told, " of ", Plural(serving.trackers, "tracker"), " told"));
  }
  if (left.has_value()) words.push_back(FormatTimeLeft(*left));
  return absl::StrJoin(words, ", ");
}

std::string ServedText(const ServingStatus& serving, absl::Duration took) {
  return absl::StrCat("served for ", shoal::FormatDuration(took), ": ", FormatBytes(serving.sent_bytes),
                      " in ", Plural(serving.sent_chunks, "chunk"));
}

}  // namespace shoal::leecher
