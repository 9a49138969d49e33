#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "shoal/base/byte_order.h"
#include "shoal/stream/wire/control.h"
#include "shoal/stream/wire/frame.h"

namespace shoal::stream {

// A manifest that is being received from a peer, slice by slice and in order, with a few slices requested at
// a time. It does not check the bytes against a content id. Memory grows with what has arrived, not with what
// was announced.
//
// Pure state: no sockets. Thread safety: one thread.
class ManifestAssembly {
 public:
  // `total_bytes`: what the peer's Hello announced, 1 .. kMaxManifestBytes.
  explicit ManifestAssembly(uint32_t total_bytes)
      : total_bytes_(total_bytes),
        slice_count_((total_bytes + kManifestSliceBytes - 1) / kManifestSliceBytes) {}

  // Returns the slices to request now, or nothing while enough are outstanding.
  std::optional<ManifestRequest> NextRequest() {
    const uint32_t until = std::min(slice_count_, taken_ + kMaxOutstandingSlices);
    if (requested_ >= until) return std::nullopt;
    const ManifestRequest request{requested_, until - requested_};
    requested_ = until;
    return request;
  }

  // Errors: INVALID_ARGUMENT when it is not the next slice, was not requested, or has the wrong length.
  absl::Status Add(uint32_t slice, ByteView bytes) {
    if (slice != taken_ || slice >= requested_) {
      return absl::InvalidArgumentError("a manifest slice out of order");
    }
    const size_t expected = std::min<size_t>(kManifestSliceBytes, total_bytes_ - bytes_.size());
    if (bytes.size() != expected) {
      return absl::InvalidArgumentError("a manifest slice of the wrong length");
    }
    bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    ++taken_;
    return absl::OkStatus();
  }

  bool whole() const { return bytes_.size() == total_bytes_; }
  // Requires: whole(). Called once.
  std::string Take() { return std::move(bytes_); }

 private:
  static constexpr uint32_t kMaxOutstandingSlices = 4;

  const uint32_t total_bytes_;
  const uint32_t slice_count_;
  uint32_t requested_ = 0;  // slices
  uint32_t taken_ = 0;      // slices
  std::string bytes_;
};

}  // namespace shoal::stream
