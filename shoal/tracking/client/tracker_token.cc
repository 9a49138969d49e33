#include "shoal/tracking/client/tracker_token.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/text_lines.h"

namespace shoal::tracking {
namespace {

constexpr uint64_t kMaxTokenFileBytes = 64 * 1024;

absl::Status Unusable(const std::string& why) {
  return WithCause(absl::InvalidArgumentError(why), ErrorCause::kUsage);
}

}  // namespace

absl::StatusOr<std::string> ReadTrackerToken(const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxTokenFileBytes));
  for (const TextLine& line : LinesOf(text, Comments::kOwnLines)) {
    const absl::string_view token = line.text;
    const bool printable = std::all_of(token.begin(), token.end(), absl::ascii_isgraph);
    if (!printable || token.size() < kMinTrackerTokenBytes || token.size() > kMaxTrackerTokenBytes) {
      return Unusable(absl::StrCat(path, ": a token has ", kMinTrackerTokenBytes, " to ",
                                   kMaxTrackerTokenBytes,
                                   " printable ASCII characters and no spaces; `shoal token` makes one"));
    }
    return std::string(token);
  }
  return Unusable(absl::StrCat(path, " has no token; `shoal token` makes one"));
}

absl::StatusOr<MakeClient> TrackerClientsWithToken(const std::string& token_file,
                                                   std::vector<TrackerUrl> trackers,
                                                   std::shared_ptr<net::TlsContext> tls,
                                                   std::shared_ptr<TicketVerifier> tickets) {
  std::string token;
  if (!token_file.empty()) {
    auto read = ReadTrackerToken(token_file);
    if (!read.ok()) return Annotate("--tracker-token-file", read.status());
    token = *std::move(read);
  }
  return MakeClient([token, trackers = std::move(trackers), tls = std::move(tls),
                     tickets = std::move(tickets)](const TrackerUrl& url) {
    const bool own = std::find(trackers.begin(), trackers.end(), url) != trackers.end();
    return MakeTrackerClient(url, own ? TrackerAccess{tls, token, tickets} : TrackerAccess{tls});
  });
}

}  // namespace shoal::tracking
