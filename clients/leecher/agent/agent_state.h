#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "clients/leecher/download/policy/wanted_files.h"
#include "shoal/base/strong_index.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/publisher_signature.h"
#include "shoal/net/rate_limit.h"

namespace shoal::leecher {

// What an agent remembers across restarts. Plain values; AgentJournal stores them.

// Names a download of an agent for its whole life, across restarts; never used again for another one. 0:
// none.
using DownloadId = StrongIndex<struct DownloadIdTag, uint64_t>;

struct SavedLimits {
  uint64_t down_bytes_per_second = net::RateLimit::kUnlimited;
  uint64_t up_bytes_per_second = net::RateLimit::kUnlimited;

  friend bool operator==(const SavedLimits&, const SavedLimits&) = default;
};

// One download, as its owner wants it.
struct SavedDownload {
  DownloadId id;
  std::string wanted;  // a name, or an id in hex
  // Known once the content was found; of a .shoal file from the start.
  ContentId content_id;  // zero: not known
  std::string name;
  std::optional<PublisherSignature>
      signature;                      // who published content_id, verified; nullopt: it is not known
  std::vector<std::string> trackers;  // URLs
  std::string output_folder;          // absolute
  SelectionRules selection;
  std::string followed_glob;  // the rule that added it; empty: a person did
  bool sequential = false;
  bool repair = false;
  bool paused = false;
  bool pinned = false;
  // What it receives, and what is sent of its content, below the limits of the agent.
  SavedLimits limits;
  // Its removal was acknowledged and has not ended; `remove_data`: with its files.
  bool removing = false;
  bool remove_data = false;
  absl::Time added = absl::InfinitePast();
  absl::Time completed = absl::InfinitePast();  // InfinitePast: it is not complete
};

// Contents under matching names are fetched without being asked for.
struct FollowRule {
  std::string glob;
  uint32_t keep_versions = 1;
  std::string output_folder;  // absolute
  TrustedKeys trusted = {};   // only what one of these signed; none: as the agent's options say

  friend bool operator==(const FollowRule&, const FollowRule&) = default;
};

// The answer to an Add that carried a request id.
struct SavedRequest {
  std::string request_id;
  DownloadId download;
};

struct AgentState {
  static constexpr size_t kMaxRequests = 1000;
  static constexpr size_t kMaxForgotten = 10'000;

  std::map<DownloadId, SavedDownload> downloads;
  std::map<std::string, FollowRule> follows;  // by glob
  SavedLimits limits;
  bool limits_set = false;            // by a command, which then counts more than a flag
  std::deque<SavedRequest> requests;  // the latest, oldest first
  // Followed contents that were removed, which the rules do not bring back; the latest, oldest first.
  std::deque<ContentId> forgotten;
  DownloadId next_id{1};
};

}  // namespace shoal::leecher
