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

// Returns a factory that makes clients by MakeTrackerClient. All clients use `tls`. Only clients of
// `trackers` send the token in `token_file`, and only these pass the tracker's ticket key to `tickets`.
// Clients of other trackers, such as those named in a .shoal file, do neither. If `token_file` is empty, no
// client sends a token. Errors: those of ReadTrackerToken, about the flag --tracker-token-file.
absl::StatusOr<MakeClient> TrackerClientsWithToken(const std::string& token_file,
                                                   std::vector<TrackerUrl> trackers,
                                                   std::shared_ptr<net::TlsContext> tls = nullptr,
                                                   std::shared_ptr<TicketVerifier> tickets = nullptr);

}  // namespace shoal::tracking
