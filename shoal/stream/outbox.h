#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "shoal/stream/wire/control.h"
#include "shoal/stream/wire/frame.h"

namespace shoal::stream {

// The control frames that wait for the writer of a connection. Requests, cancels and gains that accumulate
// between two calls of TakeAll are joined into one frame of each kind.
//
// Pure state: no sockets. Thread safety: one thread.
class Outbox {
 public:
  // Appends one frame with this body.
  void Add(FrameType type, const std::string& body);
  void Request(std::span<const ChunkIndex> chunks);
  void RequestAny(uint32_t chunks) { credits_ += chunks; }
  // Also removes these chunks from the requests that still wait here.
  void Cancel(std::span<const ChunkIndex> chunks);
  void Announce(std::span<const ChunkIndex> gained);

  bool empty() const {
    return frames_.empty() && requested_.empty() && cancelled_.empty() && gained_.empty() && credits_ == 0;
  }
  // Returns the bytes of the frames added with Add: those that grow when a peer requests without reading.
  size_t added_bytes() const { return frames_.size(); }
  // Moves all frames to `bytes`, whose memory is reused. Order: added frames, cancels, requests, credits,
  // gains.
  void TakeAll(std::string* bytes);

 private:
  std::string frames_;
  std::vector<ChunkIndex> requested_;
  std::vector<ChunkIndex> cancelled_;
  std::vector<ChunkIndex> gained_;
  uint32_t credits_ = 0;
};

// Appends the header and the body of a control frame to `to`.
void AppendFrame(FrameType type, const std::string& body, std::string* to);

}  // namespace shoal::stream
