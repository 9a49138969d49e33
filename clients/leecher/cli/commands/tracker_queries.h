#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/content/manifest/manifest_file.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// Queries to all trackers of a command, with their answers merged. Each blocks until every tracker has
// answered or failed. `connect` makes their clients. Thread safety: all functions are thread-safe.

struct TrackerFailure {
  tracking::TrackerUrl tracker;
  absl::Status status;
};

// The error when no tracker gave an answer: kNotPermitted when one does not admit this client,
// kTrackerRefused when one refused otherwise, else kTrackerUnreachable.
absl::Status NoTrackerAnswered(const std::vector<TrackerFailure>& failures);

// Returns what to add to an answer that something is not there, from a tracker that warms up for so long yet;
// empty if it does not.
std::string AfterStart(absl::Duration warming_up);

struct Listing {
  std::vector<tracking::ContentStatus> contents;  // by name, then the newest first; each content once
  std::vector<TrackerFailure> failures;
  bool tracker_answered = false;
  absl::Duration warming_up = {};  // the longest of a tracker's; see tracking::ListContentsResponse
};
struct ListBounds {
  absl::Duration timeout = absl::Seconds(5);  // of a response
  int max_pages = 10'000;  // of 1000 contents, per tracker: more than any has, and a bound to a broken one
};
// Lists the contents whose name contains `name_contains` and whose id begins with `id_prefix`, as far as they
// are given.
Listing ListContents(const tracking::MakeClient& connect, const std::vector<tracking::TrackerUrl>& trackers,
                     const std::string& name_contains, const std::optional<IdPrefix>& id_prefix = {},
                     const ListBounds& bounds = {});

struct SwarmView {
  // OK: `swarm` is set. Errors:
  //   kUnknownContent  no tracker knows the content
  //   kAmbiguousName   several contents have the name; `candidates` are these
  //   as NoTrackerAnswered
  absl::Status status;
  tracking::GetSwarmResponse swarm;  // of all trackers, each peer once
  std::vector<tracking::ContentStatus> candidates;
  std::vector<TrackerFailure> failures;
  bool tracker_answered = false;
};
SwarmView ViewSwarm(const tracking::MakeClient& connect, const std::vector<tracking::TrackerUrl>& trackers,
                    const tracking::ContentKey& content);

// As ManifestFile::Read. A file that is no .shoal file has the cause kUsage.
absl::StatusOr<ManifestFile> ReadManifestFile(const std::string& path);

// Returns what `word` is: an id, or a name, which may be the beginning of an id. A download looks the latter
// up both ways. Requires: it is no .shoal file.
tracking::ContentKey KeyOf(const std::string& word);

// Returns the content that `word` (a name, an id, or the beginning of an id) names. Asks the trackers only
// when it can be the beginning of an id. Errors: those of ResolvePrefix.
absl::StatusOr<tracking::ContentKey> KeyFor(const std::string& word, const tracking::MakeClient& connect,
                                            const std::vector<tracking::TrackerUrl>& trackers);

// Returns the id that begins with `prefix` among the listed contents. Returns the prefix itself, as a name,
// when a content has that name or no id begins so. Pure. Errors: kAmbiguousName with the ids when several
// begin so.
absl::StatusOr<tracking::ContentKey> ResolvePrefix(const std::string& prefix,
                                                   const std::vector<tracking::ContentStatus>& contents);

}  // namespace shoal::leecher
