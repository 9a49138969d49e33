#include "clients/leecher/cli/commands/tracker_queries.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "clients/leecher/cli/commands/content_argument.h"
#include "shoal/tracking/client/tracker_client.h"

namespace shoal::leecher {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(5);
constexpr uint32_t kPageSize = 1000;
// More pages than any honest tracker has; a broken one must not keep us asking for ever.
constexpr int kMaxPages = 10'000;

// The same content as two trackers see it: their peers overlap, so the larger number is the better guess.
void Merge(const tracking::ContentStatus& seen, tracking::ContentStatus& known) {
  known.first_seen = std::min(known.first_seen, seen.first_seen);
  known.seeders = std::max(known.seeders, seen.seeders);
  known.leechers = std::max(known.leechers, seen.leechers);
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

absl::StatusOr<std::vector<tracking::ContentStatus>> ListAt(tracking::TrackerClient& client,
                                                            const std::string& name_contains) {
  std::vector<tracking::ContentStatus> contents;
  tracking::ListContentsRequest request;
  request.name_contains = name_contains;
  request.page_size = kPageSize;
  for (int page = 0; page < kMaxPages; ++page) {
    absl::StatusOr<tracking::ListContentsResponse> response = client.ListContents(request, kTimeout);
    if (!response.ok()) return response.status();
    contents.insert(contents.end(), response->contents.begin(), response->contents.end());
    if (response->next_page_token.empty()) break;
    request.page_token = response->next_page_token;
  }
  return contents;
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

Listing ListContents(const std::vector<tracking::TrackerUrl>& trackers, const std::string& name_contains) {
  Listing listing;
  for (const tracking::TrackerUrl& tracker : trackers) {
    const std::unique_ptr<tracking::TrackerClient> client = tracking::MakeTrackerClient(tracker);
    const absl::StatusOr<std::vector<tracking::ContentStatus>> contents = ListAt(*client, name_contains);
    if (!contents.ok()) {
      listing.failures.push_back({tracker, contents.status()});
      continue;
    }
    listing.tracker_answered = true;
    for (const tracking::ContentStatus& content : *contents) Add(content, listing.contents);
  }
  std::sort(listing.contents.begin(), listing.contents.end(),
            [](const tracking::ContentStatus& a, const tracking::ContentStatus& b) {
              return a.summary.name != b.summary.name ? a.summary.name < b.summary.name
                                                      : a.first_seen > b.first_seen;
            });
  return listing;
}

SwarmView ViewSwarm(const std::vector<tracking::TrackerUrl>& trackers, const tracking::ContentKey& content) {
  SwarmView view;
  bool found = false;
  bool ambiguous = false;
  for (const tracking::TrackerUrl& tracker : trackers) {
    const std::unique_ptr<tracking::TrackerClient> client = tracking::MakeTrackerClient(tracker);
    const absl::StatusOr<tracking::GetSwarmResponse> response = client->GetSwarm(content, kTimeout);
    if (response.ok()) {
      view.tracker_answered = true;
      Add(response->content, view.candidates);
      Add(*response, !found, view.swarm);
      found = true;
    } else if (absl::IsFailedPrecondition(response.status())) {
      view.tracker_answered = ambiguous = true;
      tracking::LookupRequest request;
      request.content = content;
      const absl::StatusOr<tracking::LookupResponse> named = client->Lookup(request, kTimeout);
      if (named.ok()) {
        for (const tracking::ContentStatus& candidate : named->contents) Add(candidate, view.candidates);
      }
    } else if (absl::IsNotFound(response.status())) {
      view.tracker_answered = true;
    } else {
      view.failures.push_back({tracker, response.status()});
    }
  }
  if (ambiguous || view.candidates.size() > 1) {
    view.status = absl::FailedPreconditionError("several contents have this name");
  } else if (!found && view.tracker_answered) {
    view.status = absl::NotFoundError("no tracker knows it");
  } else if (!found) {
    view.status = absl::UnavailableError("no tracker could be reached");
  }
  return view;
}

absl::StatusOr<tracking::ContentKey> KeyFor(const std::string& word,
                                            const std::vector<tracking::TrackerUrl>& trackers) {
  switch (Classify(word)) {
    case ContentWord::kId: {
      const absl::StatusOr<ContentId> id = ContentId::FromHex(word);
      if (!id.ok()) return id.status();
      return tracking::ContentKey(*id);
    }
    case ContentWord::kNameOrPrefix:
      return ResolvePrefix(word, ListContents(trackers, "").contents);
    case ContentWord::kManifestFile:
    case ContentWord::kName:
      break;
  }
  return tracking::ContentKey(word);
}

}  // namespace shoal::leecher
