#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "shoal/base/byte_order.h"
#include "shoal/stream/wire/control.h"

namespace shoal::stream {

// A manifest being received from a peer, slice by slice and in order, with a few slices requested at a time.
// Pure state: no sockets. Memory grows with what has arrived. Thread safety: one thread.
class ManifestAssembly {
 public:
  // `total_bytes`: what the peer's Hello announced, 1 .. kMaxManifestBytes.
  explicit ManifestAssembly(uint32_t total_bytes);

  // The slices to request now; nothing while enough are outstanding.
  std::optional<ManifestRequest> NextRequest();
  // INVALID_ARGUMENT when it is not the slice that comes next, was not requested, or has the
  // wrong length.
  absl::Status Add(uint32_t slice, ByteView bytes);
  bool whole() const { return bytes_.size() == total_bytes_; }
  std::string Take() { return std::move(bytes_); }

 private:
  const uint32_t total_bytes_;
  const uint32_t slice_count_;
  uint32_t asked_ = 0;  // slices
  uint32_t taken_ = 0;
  std::string bytes_;
};

}  // namespace shoal::stream
