#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/strong_index.h"

namespace shoal::stream {

// One sender of chunks in an UploadTurns. Never reused for another one.
using Uploader = StrongIndex<struct UploaderTag, uint64_t>;

// Uploaders that send at a time, unless told otherwise. Fewer complete a chunk at its first peer sooner,
// which helps as long as uplinks are the limit. More divide each uplink among more receivers, so that
// downlinks that are no faster than the uplinks stay busy: with eight, all of a swarm of eight
// (docs/adr/0007-fresh-chunks-and-upload-turns.md).
constexpr uint32_t kParallelUploads = 8;

// Decides which uploaders may send a chunk now. At most `parallel` send at a time; an uploader that has sent
// one chunk goes to the end of the queue. So the first peer has a chunk, and can pass it on, after `parallel`
// chunk times, not after as many as there are peers.
//
// A slow peer would block its slot for the others. It stops counting against `parallel` if, since its turn
// began, the others have sent several times as much per slot, or if its turn lasts far longer than recent
// turns (this detects a frozen peer when all others wait for it). An uploader that was so slow in its last
// turn neither counts nor waits in its next one.
//
// Several uploaders may send to one source. When a turn is free it goes to the first in the queue of those
// whose source has fewest turns, so that one source can't take the turns of others. When half of all turns
// were found slow with one source, all its uploaders count as slow for a while: many slow readers there would
// otherwise have to be found out one after the other.
//
// Pure policy: no sockets; the caller passes the time (Clock::Uptime()).
// Thread safety: one thread. UploadGate wraps this class for sessions on several loops.
class UploadTurns {
 public:
  explicit UploadTurns(uint32_t parallel);  // 1 or more

  // `source`: where it sends to, as IpAddress::SourcePrefix; nullopt: to a source of its own.
  Uploader Join(std::optional<IpAddress> source = std::nullopt);

  // `uploader` has `bytes` to send. Returns true when it may send now. Otherwise it waits in the queue, and
  // one of the calls below will name it. A second call before Done tells whether the turn has come.
  bool Ask(Uploader uploader, uint64_t bytes, absl::Duration now);
  // The uploader has sent its chunk, or has nothing more to send (it leaves the queue too). Returns the
  // uploaders that may send now.
  std::vector<Uploader> Done(Uploader uploader, absl::Duration now);
  std::vector<Uploader> Leave(Uploader uploader, absl::Duration now);
  // Called now and then while uploaders wait. Returns those that may send because others no longer count.
  std::vector<Uploader> Look(absl::Duration now);

  // Uploaders that are sending and count, and uploaders that wait.
  uint32_t sending() const { return static_cast<uint32_t>(sending_.size()); }
  uint32_t waiting() const { return static_cast<uint32_t>(line_.size()); }

 private:
  enum class Doing : uint8_t { kNothing, kWaiting, kSending };
  struct State {
    std::optional<IpAddress> source;
    Doing doing = Doing::kNothing;
    bool slow = false;
    uint64_t bytes = 0;         // requested
    uint64_t bytes_before = 0;  // sent by all uploaders before its turn
    absl::Duration began;
  };

  struct Source {
    uint32_t uploaders = 0;
    uint32_t sending = 0;  // that count
    uint32_t slow = 0;     // turns that were found slow since slow_since
    absl::Duration slow_since;
    absl::Duration slow_until = -absl::InfiniteDuration();
  };

  void Begin(Uploader uploader, State& state, absl::Duration now);
  // Ends the counting of a turn that counts; no effect for others.
  void EndCounting(Uploader uploader, const State& state);
  bool IsSlowSource(const State& state, absl::Duration now) const;
  bool IsOvertaken(const State& state) const;
  double TypicalSecondsPerByte() const;
  void StopCounting(size_t place, absl::Duration now);
  std::vector<Uploader> Grant(absl::Duration now);

  const uint32_t parallel_;
  uint64_t next_ = 0;
  uint64_t sent_bytes_ = 0;  // by all
  absl::flat_hash_map<Uploader, State> states_;
  absl::flat_hash_map<IpAddress, Source> sources_;  // of the uploaders that have one
  std::vector<Uploader> sending_;                   // that count
  std::deque<Uploader> line_;
  std::array<double, 16> seconds_per_byte_{};  // of the last turns
  size_t turns_ = 0;                           // that ended
};

}  // namespace shoal::stream
