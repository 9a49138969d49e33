#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/leecher/agent/agent_state.h"
#include "clients/leecher/download/model/download_status.h"

namespace shoal::leecher {

// What viewers see of an agent. Plain values.

// One download of an agent.
struct AgentDownload {
  enum class State { kFinding, kFetching, kFinishing, kComplete, kFailed, kVerifying };
  static constexpr size_t kStates = 6;
  SavedDownload saved;
  State state = State::kFinding;
  DownloadStatus status;        // of a complete one: its totals, and what is sent of it
  std::string target_path;      // empty: not known yet
  absl::Status failure;         // why it failed; OK otherwise
  bool signer_trusted = false;  // FollowRules::Trusts(the key of saved.signature)
};

// Something that happened, for people and logs.
struct AgentEvent {
  uint64_t sequence = 0;  // rises by one
  absl::Time time;
  DownloadId download;  // 0: the agent
  std::string kind;     // a word for programs
  std::string text;
};

struct AgentTotals {
  double receive_rate_bytes_per_second = 0;
  double send_rate_bytes_per_second = 0;
  uint64_t received_bytes = 0;  // since the start
  uint64_t sent_bytes = 0;
  uint32_t downloads = 0;
  uint32_t active = 0;
  std::array<uint32_t, AgentDownload::kStates> in_state{};  // downloads, without those that are paused
  uint32_t paused = 0;
  uint64_t failures = 0;  // since the start
  uint32_t no_room = 0;   // followed contents that the disk, or its budget, has no room for
  uint32_t peers = 0;     // that downloads are connected to
  uint64_t disk_used_bytes = 0;
  uint64_t disk_budget_bytes = 0;  // 0: none
  SavedLimits limits;
  struct Tracker {
    std::string url;
    std::string failure;  // empty: it answers

    friend bool operator==(const Tracker&, const Tracker&) = default;
  };
  std::vector<Tracker> trackers;
  absl::Time started;

  friend bool operator==(const AgentTotals&, const AgentTotals&) = default;
};

// What changed of an agent, for one viewer.
struct AgentChanges {
  bool snapshot = false;  // the viewer forgets what it knew
  std::vector<AgentDownload> changed;
  std::vector<DownloadId> removed;
  std::optional<AgentTotals> totals;               // if they changed
  std::optional<std::vector<FollowRule>> follows;  // all, if one changed
  std::vector<AgentEvent> events;
  bool events_lost = false;  // there were more than are kept
};

// A viewer's subscription to an agent. Its memory does not grow with the changes that it has not taken: it
// remembers which downloads changed, not how. Ends with its destruction, before the agent's.
class AgentWatch {
 public:
  virtual ~AgentWatch() = default;
  // Returns what changed since the last call: first a snapshot. Nullopt: nothing did, and `wake` follows when
  // something does.
  virtual std::optional<AgentChanges> Take() = 0;
};

}  // namespace shoal::leecher
