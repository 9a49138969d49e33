#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace shoal::leecher {

// Bounds the bytes in flight from all peers together while a reader follows the download. Bytes in flight
// share the downlink with the chunk that a reader waits for, so fewer bytes in flight bring that chunk
// sooner. So this window is the smallest one that keeps the link busy, but no less than two chunks and what
// the link carries in 100 ms.
//
// What the link carries is the highest rate of the last ten seconds, each measured over a second. While
// clearly less arrives although the window is full, the window grows: it is the peers that are slow, and more
// of them have to send. While nearly as much arrives, it shrinks. It begins with the smallest. Rates dip for
// other reasons too, such as a machine that is busy: then it does not grow far beyond what was owed lately
// while nearly as much arrived, unless less than half arrives.
//
// It does not know peers. Pure: `now` is Clock::Uptime() and never goes back. One thread.
class JointWindow {
 public:
  // `chunk_bytes`: mean length of a chunk. `max_bytes`: no window is larger.
  JointWindow(uint32_t chunk_bytes, uint64_t max_bytes);

  // Bytes arrived. Reported while there is no reader, too: when one comes, it is known what the link carries.
  void Add(absl::Duration now, uint64_t bytes);
  // Returns whether one more chunk may be requested while `owed_bytes` are in flight.
  bool HasRoom(absl::Duration now, uint64_t owed_bytes);

 private:
  static constexpr absl::Duration kSlot = absl::Milliseconds(100);
  static constexpr size_t kSlotsOfRate = 10;
  static constexpr size_t kSlotsOfPeak = 100;

  void AdvanceTo(absl::Duration now);
  void EndSlot();
  uint64_t EnoughBytes(uint64_t rate) const;

  const uint64_t min_bytes_;
  const uint64_t max_bytes_;
  uint64_t window_bytes_;
  bool full_ = false;                             // in this slot
  int64_t slot_ = 0;                              // the one that is being filled
  std::array<uint64_t, kSlotsOfRate> arrived_{};  // bytes per slot, a ring
  std::array<uint64_t, kSlotsOfRate> owed_{};     // the most that was owed in each slot, if known, a ring
  std::array<uint64_t, kSlotsOfPeak> rates_{};    // bytes per kSlotsOfRate slots, by the last slot, a ring
  std::array<uint64_t, kSlotsOfPeak> loads_{};    // the most that was owed in these slots, if known
};

}  // namespace shoal::leecher
