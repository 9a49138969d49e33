#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "shoal/base/strong_index.h"

namespace shoal::stream {

// Somebody who sends chunks, in one UploadTurns. Not used again for another one.
using Uploader = StrongIndex<struct UploaderTag, uint64_t>;

// Who may send a chunk now. At most `parallel` send at a time, and whoever has sent one goes to the end of
// the line: so a chunk reaches its first peer, who can pass it on, `parallel` chunk times after it was begun
// and not as many as there are peers.
//
// A peer that can't take its chunk as fast as the others would hold up its place for them. It stops counting
// when, since it began, the others have sent several times as much on each of their places; and when it has
// had its turn for far longer than turns take of late (which is how a peer that is frozen shows where all the
// others wait for it). Who was so slow in its last turn does not count in the next either, nor wait for it.
//
// Pure policy: no sockets; the caller says what time it is (Clock::Uptime()). One thread; UploadGate is the
// same for sessions on several loops.
class UploadTurns {
 public:
  explicit UploadTurns(uint32_t parallel);  // 1 or more

  Uploader Join();

  // `uploader` has `bytes` to send. True: it may, now. False: it waits in line, and will be among those that
  // one of the calls below names. Asked again before Done, it says whether the turn has come.
  bool Ask(Uploader uploader, uint64_t bytes, absl::Duration now);
  // It has sent what it asked for, or has nothing to send any more (the line is left too). Names those who
  // may send now.
  std::vector<Uploader> Done(Uploader uploader, absl::Duration now);
  std::vector<Uploader> Leave(Uploader uploader, absl::Duration now);
  // To be called now and then while somebody waits: names those who may send because others no longer count.
  std::vector<Uploader> Look(absl::Duration now);

  uint32_t sending() const { return static_cast<uint32_t>(sending_.size()); }  // that count
  uint32_t waiting() const { return static_cast<uint32_t>(line_.size()); }

 private:
  enum class Doing : uint8_t { kNothing, kWaiting, kSending };
  struct State {
    Doing doing = Doing::kNothing;
    bool slow = false;
    uint64_t bytes = 0;         // asked for
    uint64_t bytes_before = 0;  // what all had sent when it began
    absl::Duration began;
  };

  void Begin(Uploader uploader, State& state, absl::Duration now);
  bool IsOvertaken(const State& state) const;
  double TypicalSecondsPerByte() const;
  void StopCounting(size_t place);
  std::vector<Uploader> Grant(absl::Duration now);

  const uint32_t parallel_;
  uint64_t next_ = 0;
  uint64_t sent_bytes_ = 0;  // by all
  absl::flat_hash_map<Uploader, State> states_;
  std::vector<Uploader> sending_;  // that count
  std::deque<Uploader> line_;
  std::array<double, 16> seconds_per_byte_{};  // of the last turns
  size_t turns_ = 0;                           // that ended
};

}  // namespace shoal::stream
