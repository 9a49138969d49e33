#include "clients/leecher/cli/commands/tracker_queries.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/units.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/messages/warm_up.h"

namespace shoal::leecher {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(5);
constexpr uint32_t kPageSize = 1000;

// Merges the views of two trackers. Their peers overlap, so the larger number is the better estimate.
void Merge(const tracking::ContentStatus& seen, tracking::ContentStatus& known) {
  known.first_seen = std::min(known.first_seen, seen.first_seen);
  known.seeders = std::max(known.seeders, seen.seeders);
  known.leechers = std::max(known.leechers, seen.leechers);
  for (const PublisherSignature& signature : seen.signatures) {
    if (std::find(known.signatures.begin(), known.signatures.end(), signature) == known.signatures.end())
      known.signatures.push_back(signature);
  }
}

void Add(const tracking::ContentStatus& seen, std::vector<tracking::ContentStatus>& contents) {
  const auto known = std::find_if(
      contents.begin(), contents.end(),
      [&](const tracking::ContentStatus& content) { return content.summary.id == seen.summary.id; });
  if (known == contents.end()) {
    contents.push_back(seen);
  } else {
    Merge(seen, *known);
  }
}

// All pages as one response.
absl::StatusOr<tracking::ListContentsResponse> ListAt(tracking::TrackerClient& client,
                                                      tracking::ListContentsRequest request,
                                                      const ListBounds& bounds) {
  tracking::ListContentsResponse all;
  for (int page = 0; page < bounds.max_pages; ++page) {
    absl::StatusOr<tracking::ListContentsResponse> response = client.ListContents(request, bounds.timeout);
    if (!response.ok()) return response.status();
    all.contents.insert(all.contents.end(), response->contents.begin(), response->contents.end());
    all.warming_up = response->warming_up;
    if (response->next_page_token.empty()) break;
    request.page_token = response->next_page_token;
  }
  return all;
}

void Add(const tracking::GetSwarmResponse& seen, bool first, tracking::GetSwarmResponse& swarm) {
  if (first) {
    swarm = seen;
    return;
  }
  Merge(seen.content, swarm.content);
  for (const tracking::SwarmPeer& peer : seen.peers) {
    const bool known =
        std::any_of(swarm.peers.begin(), swarm.peers.end(),
                    [&](const tracking::SwarmPeer& other) { return other.peer.id == peer.peer.id; });
    if (!known) swarm.peers.push_back(peer);
  }
}

}  // namespace

std::string AfterStart(absl::Duration warming_up) {
  if (warming_up <= absl::ZeroDuration()) return "";
  return absl::StrCat(" yet: it started a moment ago, and knows all that is shared in ",
                      shoal::FormatDuration(absl::Ceil(warming_up, absl::Seconds(1))));
}

absl::Status NoTrackerAnswered(const std::vector<TrackerFailure>& failures) {
  const auto any = [&](ErrorCause cause) {
    return std::any_of(failures.begin(), failures.end(),
                       [&](const TrackerFailure& failure) { return CauseOf(failure.status) == cause; });
  };
  if (any(ErrorCause::kNotPermitted)) {
    return WithCause(absl::PermissionDeniedError("no tracker admits this client: give a token "
                                                 "(--tracker-token-file) or a certificate (--tls-cert) that "
                                                 "is for this request"),
                     ErrorCause::kNotPermitted);
  }
  if (any(ErrorCause::kTrackerRefused)) {
    return WithCause(absl::UnavailableError("no tracker accepts the request"), ErrorCause::kTrackerRefused);
  }
  return WithCause(absl::UnavailableError("no tracker could be reached"), ErrorCause::kTrackerUnreachable);
}

absl::StatusOr<ManifestFile> ReadManifestFile(const std::string& path) {
  absl::StatusOr<ManifestFile> file = ManifestFile::Read(path);
  // By the contract of ManifestFile::Read: the file is no .shoal file.
  if (absl::IsInvalidArgument(file.status())) return WithCause(file.status(), ErrorCause::kUsage);
  return file;
}

Listing ListContents(const tracking::MakeClient& connect, const std::vector<tracking::TrackerUrl>& trackers,
                     const std::string& name_contains, const std::optional<IdPrefix>& id_prefix,
                     const ListBounds& bounds) {
  const tracking::ListContentsRequest request = {name_contains, kPageSize, "", id_prefix};
  Listing listing;
  for (const tracking::TrackerUrl& tracker : trackers) {
    const std::unique_ptr<tracking::TrackerClient> client = connect(tracker);
    const absl::StatusOr<tracking::ListContentsResponse> listed = ListAt(*client, request, bounds);
    if (!listed.ok()) {
      listing.failures.push_back({tracker, listed.status()});
      continue;
    }
    listing.tracker_answered = true;
    listing.warming_up = std::max(listing.warming_up, listed->warming_up);
    for (const tracking::ContentStatus& content : listed->contents) Add(content, listing.contents);
  }
  std::sort(listing.contents.begin(), listing.contents.end(),
            [](const tracking::ContentStatus& a, const tracking::ContentStatus& b) {
              return a.summary.name != b.summary.name ? a.summary.name < b.summary.name
                                                      : a.first_seen > b.first_seen;
            });
  return listing;
}

SwarmView ViewSwarm(const tracking::MakeClient& connect, const std::vector<tracking::TrackerUrl>& trackers,
                    const tracking::ContentKey& content) {
  SwarmView view;
  bool found = false;
  absl::Duration warming_up;
  for (const tracking::TrackerUrl& tracker : trackers) {
    const std::unique_ptr<tracking::TrackerClient> client = connect(tracker);
    const absl::StatusOr<tracking::GetSwarmResponse> response = client->GetSwarm(content, kTimeout);
    if (response.ok()) {
      view.tracker_answered = true;
      Add(response->content, view.candidates);
      Add(*response, !found, view.swarm);
      found = true;
    } else if (absl::IsFailedPrecondition(response.status())) {
      // By the contract of GetSwarm: several contents have the name. Lookup lists them.
      tracking::LookupRequest request;
      request.content = content;
      const absl::StatusOr<tracking::LookupResponse> named = client->Lookup(request, kTimeout);
      if (!named.ok() || named->contents.size() < 2) {
        view.failures.push_back({tracker, named.ok() ? response.status() : named.status()});
        continue;
      }
      view.tracker_answered = true;
      for (const tracking::ContentStatus& candidate : named->contents) Add(candidate, view.candidates);
    } else if (absl::IsNotFound(response.status())) {
      view.tracker_answered = true;
      warming_up = std::max(warming_up, tracking::WarmUpOf(response.status()));
    } else {
      view.failures.push_back({tracker, response.status()});
    }
  }
  if (view.candidates.size() > 1) {
    view.status = WithCause(absl::FailedPreconditionError("several contents have this name"),
                            ErrorCause::kAmbiguousName);
  } else if (!found && view.tracker_answered) {
    view.status = WithCause(absl::NotFoundError(absl::StrCat("no tracker knows it", AfterStart(warming_up))),
                            ErrorCause::kUnknownContent);
  } else if (!found) {
    view.status = NoTrackerAnswered(view.failures);
  }
  return view;
}

absl::StatusOr<tracking::ContentKey> ResolvePrefix(const std::string& prefix,
                                                   const std::vector<tracking::ContentStatus>& contents) {
  const std::string digits = absl::AsciiStrToLower(prefix);
  std::vector<ContentId> ids;
  for (const tracking::ContentStatus& content : contents) {
    if (content.summary.name == prefix) return tracking::ContentKey(prefix);
    if (absl::StartsWith(content.summary.id.ToHex(), digits) &&
        std::find(ids.begin(), ids.end(), content.summary.id) == ids.end()) {
      ids.push_back(content.summary.id);
    }
  }
  if (ids.empty()) return tracking::ContentKey(prefix);
  if (ids.size() == 1) return tracking::ContentKey(ids.front());
  std::string message = absl::StrCat(ids.size(), " ids begin with ", prefix, "; give more digits:");
  for (const ContentId& id : ids) absl::StrAppend(&message, " ", id.ToHex());
  return WithCause(absl::FailedPreconditionError(message), ErrorCause::kAmbiguousName);
}

tracking::ContentKey KeyOf(const std::string& word) {
  const absl::StatusOr<ContentId> id = ContentId::FromHex(word);
  return id.ok() ? tracking::ContentKey(*id) : tracking::ContentKey(word);
}

absl::StatusOr<tracking::ContentKey> KeyFor(const std::string& word, const tracking::MakeClient& connect,
                                            const std::vector<tracking::TrackerUrl>& trackers) {
  const std::optional<IdPrefix> prefix = IdPrefix::Parse(word);
  if (!prefix.has_value()) return KeyOf(word);
  std::vector<tracking::ContentStatus> contents = ListContents(connect, trackers, word).contents;
  const Listing by_id = ListContents(connect, trackers, "", prefix);
  contents.insert(contents.end(), by_id.contents.begin(), by_id.contents.end());
  return ResolvePrefix(word, contents);
}

}  // namespace shoal::leecher
