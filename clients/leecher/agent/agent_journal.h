#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/leecher/agent/agent_state.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/file_descriptor.h"

namespace shoal::leecher {

// One change of an AgentState. Applying the same one again has no further effect.
struct DownloadSaved {
  SavedDownload download;
};
struct DownloadForgotten {
  DownloadId id;
};
struct RuleSaved {
  FollowRule rule;
};
struct RuleForgotten {
  std::string glob;
};
struct LimitsSaved {
  SavedLimits limits;
};
struct RequestSaved {
  SavedRequest request;
};
struct ContentForgotten {
  ContentId id;
};
using AgentChange = std::variant<DownloadSaved, DownloadForgotten, RuleSaved, RuleForgotten, LimitsSaved,
                                 RequestSaved, ContentForgotten>;

void Apply(const AgentChange& change, AgentState* state);

// The bytes of one change, without the frame around it. docs/wire_format.md, "The agent's journal", defines
// them.
std::string EncodeChange(const AgentChange& change);
// Bounds every length before it allocates memory. Errors: INVALID_ARGUMENT for bytes that EncodeChange does
// not make.
absl::StatusOr<AgentChange> DecodeChange(ByteView bytes);

// The bytes of a whole journal that makes `state` out of an empty one.
std::string EncodeAgentJournal(const AgentState& state);

// What of a journal's bytes could be read.
struct JournalExtent {
  uint64_t whole_bytes = 0;  // up to the first record that is not whole
  bool damaged = false;      // records follow it, so that no crash has cut it off
};
// Applies the records of a whole journal to `state`, up to the first that is cut off or damaged. Errors:
// DATA_LOSS when the bytes are no journal, or of another version.
absl::StatusOr<JournalExtent> DecodeAgentJournal(ByteView bytes, AgentState* state);

// The state of an agent, and the file in which every change of it is recorded before it is acknowledged.
// Changes are appended, each with its length and a CRC-32, and synced; a record that a crash cut off is
// dropped when the file is opened again. When the file has grown far beyond what is alive, a new one replaces
// it atomically.
//
// It holds an exclusive lock from Open until its destruction, so that one state folder has one agent. It does
// not know what the changes mean, but for applying them.
//
// Thread safety: one thread at a time.
class AgentJournal {
 public:
  // The size below which a journal is not rewritten.
  static constexpr uint64_t kMinRewriteBytes = 1 << 20;

  // Opens or creates the file at `path`, whose folder exists, and reads its state. What follows a damaged
  // record in the middle is lost: the whole file is then kept beside it as PATH.damaged, and `warning` says
  // so. Errors: FAILED_PRECONDITION when another process holds the lock; DATA_LOSS when it is no such file,
  // or of another version; others as FileDescriptor::Open.
  static absl::StatusOr<std::unique_ptr<AgentJournal>> Open(const std::string& path, std::string* warning);
  AgentJournal(const AgentJournal&) = delete;
  AgentJournal& operator=(const AgentJournal&) = delete;

  // What was committed, and nothing else. Valid as long as this.
  const AgentState& state() const { return state_; }

  // Records the changes, syncs, and then applies them to the state. On an error none of them is recorded or
  // applied. Errors: RESOURCE_EXHAUSTED when the disk is full; others from errno.
  absl::Status Commit(const std::vector<AgentChange>& changes);

  // The file has become much larger than the state, and Rewrite should be called.
  bool IsLong() const { return end_bytes_ > kMinRewriteBytes && end_bytes_ > 4 * live_bytes_; }
  // Replaces the file by one that holds the state alone. On an error the old one goes on.
  absl::Status Rewrite();

 private:
  AgentJournal(std::string path, FileDescriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  absl::Status Load(std::string* warning);

  const std::string path_;
  const FileDescriptor lock_;  // of a file beside it, which is never replaced
  FileDescriptor file_;
  AgentState state_;
  uint64_t end_bytes_ = 0;   // where the next record goes
  uint64_t live_bytes_ = 0;  // of the last Rewrite
};

}  // namespace shoal::leecher
