#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/client/tracker_url.h"

namespace shoal::tracking {

inline constexpr size_t kMinTrackerTokenBytes = 16;
inline constexpr size_t kMaxTrackerTokenBytes = 1024;

// Returns: the token in the file, which is its first line that is neither empty nor begins with '#'. Errors:
// as ReadFile; INVALID_ARGUMENT, with the path, when there is none, or one of another length, or with
// anything but printable ASCII without spaces.
absl::StatusOr<std::string> ReadTrackerToken(const std::string& path);

// Returns: a maker of clients (MakeTrackerClient) that use `tls` (TrackerAccess), and that give the token in
// `token_file` to `trackers`, and believe the keys of tickets that these tell to `tickets`; not of others,
// such as those that a .shoal file names. An empty `token_file`: none gets a token. Errors: those of
// ReadTrackerToken, about the flag --tracker-token-file.
absl::StatusOr<MakeClient> TrackerClientsWithToken(const std::string& token_file,
                                                   std::vector<TrackerUrl> trackers,
                                                   std::shared_ptr<net::TlsContext> tls = nullptr,
                                                   std::shared_ptr<TicketVerifier> tickets = nullptr);

}  // namespace shoal::tracking
