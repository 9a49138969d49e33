#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/tracker/state/tracker_state.h"
#include "shoal/base/byte_order.h"

namespace shoal::tracker {

// The bytes of a state file (docs/wire_format.md, "The tracker's state file"): a head, sections of records
// with a CRC-32 each, and an end with the number of records, so that a truncated file is detected.

// The first bytes of a state file.
inline constexpr char kStateFileMagic[] = "SHOALTRK";

inline constexpr size_t kMaxStateSectionBytes = 1u << 20;

// Encodes what it receives, for one thread. Keeps the first error of `write`, and writes nothing after it.
class StateWriter final : public StateSink {
 public:
  using Write = std::function<absl::Status(ByteView)>;
  StateWriter(absl::Time saved, Write write);

  void Content(const tracking::ContentSummary& summary, absl::Time first_seen, absl::Time published) override;
  void Signature(const PublisherSignature& signature) override;
  void Peer(const ExportedPeer& peer) override;
  void Swarm(const InfoHash& info_hash, uint32_t completed) override;
  void SwarmPeer(const Endpoint& endpoint, bool seeder, absl::Duration silent) override;

  // Writes the end. Requires: no call follows.
  absl::Status Finish();
  uint64_t records() const { return records_; }

 private:
  void Append(absl::string_view record);
  void Flush();

  const Write write_;
  absl::Status status_;
  std::string section_;
  uint64_t records_ = 0;
};

// Passes the records to `sink` (null: only checks them) as far as the bytes are valid: a caller that must not
// apply a part of a broken file reads it twice. Returns: when the file was written. Errors: DATA_LOSS for no
// state file, or not a whole one; UNIMPLEMENTED for another version.
absl::StatusOr<absl::Time> ReadState(ByteView bytes, StateSink* sink);

}  // namespace shoal::tracker
