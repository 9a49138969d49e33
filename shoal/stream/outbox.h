#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "shoal/stream/wire/control.h"
#include "shoal/stream/wire/frame.h"

namespace shoal::stream {

// Control frames that wait for the connection's writer. What was asked for, cancelled and gained since the
// writer last came goes out as one frame each. Pure state: no sockets. One thread.
class Outbox {
 public:
  // One frame with this body.
  void Add(FrameType type, const std::string& body);
  void Request(std::span<const ChunkIndex> chunks);
  void RequestAny(uint32_t chunks) { credits_ += chunks; }
  // Also takes back what waits here to be asked for.
  void Cancel(std::span<const ChunkIndex> chunks);
  void Announce(std::span<const ChunkIndex> gained);

  bool empty() const {
    return frames_.empty() && requested_.empty() && cancelled_.empty() && gained_.empty() && credits_ == 0;
  }
  // Bytes of frames added with Add: what a peer that asks without reading can make grow.
  size_t added_bytes() const { return frames_.size(); }
  // Empties this into `bytes`, whose memory is used again.
  void TakeAll(std::string* bytes);

 private:
  std::string frames_;
  std::vector<ChunkIndex> requested_;
  std::vector<ChunkIndex> cancelled_;
  std::vector<ChunkIndex> gained_;
  uint32_t credits_ = 0;
};

// Header and body of a control frame, after what is in `to` already.
void AppendFrame(FrameType type, const std::string& body, std::string* to);

}  // namespace shoal::stream
