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

// The bytes of a state file (docs/wire_format.md, "The tracker's state file"): a head, blocks of records with
// a CRC-32 each, and an end that says how many records there were, so that a file that was cut off is known.

inline constexpr size_t kMaxStateBlockBytes = 1u << 20;

// Writes what it is told. One thread. The first error of `write` is kept, and nothing is written after it.
class StateWriter final : public StateSink {
 public:
  using Write = std::function<absl::Status(ByteView)>;
  StateWriter(absl::Time saved, Write write);

  void Content(const tracking::ContentSummary& summary, absl::Time first_seen) override;
  void Peer(const ExportedPeer& peer) override;
  void Swarm(const InfoHash& info_hash, uint32_t completed) override;
  void SwarmPeer(const Endpoint& endpoint, bool seeder, absl::Duration silent) override;

  // The end; nothing may come after it.
  absl::Status Finish();
  uint64_t records() const { return records_; }

 private:
  void Append(absl::string_view record);
  void Flush();

  const Write write_;
  absl::Status status_;
  std::string block_;
  uint64_t records_ = 0;
};

// When it was written. Reads all of it, and tells `sink` (null: nobody) as far as it is good: so whoever must
// not be told of a broken file reads it twice. DATA_LOSS: no state file, or not whole; UNIMPLEMENTED: of
// another version.
absl::StatusOr<absl::Time> ReadState(ByteView bytes, StateSink* sink);

}  // namespace shoal::tracker
