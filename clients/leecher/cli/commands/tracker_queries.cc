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
void Merge(const ContentStatus& seen, ContentStatus& known) {
  known.first_seen = std::min(known.first_seen, seen.first_seen);
  known.seeders = std::max(known.seeders, seen.seeders);
  known.leechers = std::max(known.leechers, seen.leechers);
}

void Add(const ContentStatus& seen, std::vector<ContentStatus>& contents) {
  const auto known = std::find_if(contents.begin(), contents.end(), [&](const ContentStatus& content) {
    return content.summary.id == seen.summary.id;
  });
  if (known == contents.end()) {
    contents.push_back(seen);
  } else {
    Merge(seen, *known);
  }
}

absl::StatusOr<std::vector<ContentStatus>> ListAt(TrackerClient& client, const std::string& name_contains) {
  std::vector<ContentStatus> contents;
  ListContentsRequest request;
  request.name_contains = name_contains;
  request.page_size = kPageSize;
  for (int page = 0; page < kMaxPages; ++page) {
    absl::StatusOr<ListContentsReply> reply = client.ListContents(request, kTimeout);
    if (!reply.ok()) return reply.status();
    contents.insert(contents.end(), reply->contents.begin(), reply->contents.end());
    if (reply->next_page_token.empty()) break;
    request.page_token = reply->next_page_token;
  }
  return contents;
}

void Add(const GetSwarmReply& seen, bool first, GetSwarmReply& swarm) {
  if (first) {
    swarm = seen;
    return;
  }
  Merge(seen.content, swarm.content);
  for (const SwarmPeer& peer : seen.peers) {
    const bool known = std::any_of(swarm.peers.begin(), swarm.peers.end(),
                                   [&](const SwarmPeer& other) { return other.peer.id == peer.peer.id; });
    if (!known) swarm.peers.push_back(peer);
  }
}

}  // namespace

Listing ListContents(const std::vector<TrackerUrl>& trackers, const std::string& name_contains) {
  Listing listing;
  for (const TrackerUrl& tracker : trackers) {
    const std::unique_ptr<TrackerClient> client = MakeTrackerClient(tracker);
    const absl::StatusOr<std::vector<ContentStatus>> contents = ListAt(*client, name_contains);
    if (!contents.ok()) {
      listing.failures.push_back({tracker, contents.status()});
      continue;
    }
    listing.tracker_answered = true;
    for (const ContentStatus& content : *contents) Add(content, listing.contents);
  }
  std::sort(listing.contents.begin(), listing.contents.end(),
            [](const ContentStatus& a, const ContentStatus& b) {
              return a.summary.name != b.summary.name ? a.summary.name < b.summary.name
                                                      : a.first_seen > b.first_seen;
            });
  return listing;
}

SwarmView ViewSwarm(const std::vector<TrackerUrl>& trackers, const ContentKey& content) {
  SwarmView view;
  bool found = false;
  bool ambiguous = false;
  for (const TrackerUrl& tracker : trackers) {
    const std::unique_ptr<TrackerClient> client = MakeTrackerClient(tracker);
    const absl::StatusOr<GetSwarmReply> reply = client->GetSwarm(content, kTimeout);
    if (reply.ok()) {
      view.tracker_answered = true;
      Add(reply->content, view.candidates);
      Add(*reply, !found, view.swarm);
      found = true;
    } else if (absl::IsFailedPrecondition(reply.status())) {
      view.tracker_answered = ambiguous = true;
      LookupRequest request;
      request.content = content;
      const absl::StatusOr<LookupReply> named = client->Lookup(request, kTimeout);
      if (named.ok()) {
        for (const ContentStatus& candidate : named->contents) Add(candidate, view.candidates);
      }
    } else if (absl::IsNotFound(reply.status())) {
      view.tracker_answered = true;
    } else {
      view.failures.push_back({tracker, reply.status()});
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

absl::StatusOr<ContentKey> KeyFor(const std::string& word, const std::vector<TrackerUrl>& trackers) {
  switch (Classify(word)) {
    case ContentWord::kId: {
      const absl::StatusOr<ContentId> id = ContentId::FromHex(word);
      if (!id.ok()) return id.status();
      return ContentKey(*id);
    }
    case ContentWord::kNameOrPrefix:
      return ResolvePrefix(word, ListContents(trackers, "").contents);
    case ContentWord::kManifestFile:
    case ContentWord::kName:
      break;
  }
  return ContentKey(word);
}

}  // namespace shoal::leecher
