#pragma once

#include <cstdint>
#include <string>

namespace shoal::leecher {

// What is known while nothing moves.
struct StallFacts {
  bool content_found = false;
  bool have_manifest = false;
  uint32_t trackers = 0;
  uint32_t trackers_away = 0;
  uint32_t peers_known = 0;    // not dropped for good
  uint32_t peers_dropped = 0;  // for good
  uint32_t peers_connecting = 0;
  uint32_t peers_ready = 0;
  uint32_t peers_owing = 0;  // ready, asked for something, silent
  uint32_t peers_busy = 0;   // refused us for now
  bool disk_behind = false;  // chunks wait for the disk
};

// Why nothing moves, in one sentence for people. Pure.
std::string StallReason(const StallFacts& facts);

}  // namespace shoal::leecher
