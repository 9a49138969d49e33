#include "shoal/stream/wire/manifest_assembly.h"

#include <algorithm>

#include "shoal/stream/wire/frame.h"

namespace shoal::stream {
namespace {

constexpr uint32_t kSlicesOnTheWay = 4;

}  // namespace

ManifestAssembly::ManifestAssembly(uint32_t total_bytes)
    : total_bytes_(total_bytes),
      slice_count_((total_bytes + kManifestSliceBytes - 1) / kManifestSliceBytes) {}

std::optional<ManifestRequest> ManifestAssembly::NextRequest() {
  const uint32_t until = std::min(slice_count_, taken_ + kSlicesOnTheWay);
  if (asked_ >= until) return std::nullopt;
  const ManifestRequest request{asked_, until - asked_};
  asked_ = until;
  return request;
}

absl::Status ManifestAssembly::Add(uint32_t slice, ByteView bytes) {
  if (slice != taken_ || slice >= asked_) return absl::InvalidArgumentError("a manifest slice out of turn");
  const size_t expected = std::min<size_t>(kManifestSliceBytes, total_bytes_ - bytes_.size());
  if (bytes.size() != expected) return absl::InvalidArgumentError("a manifest slice of the wrong length");
  bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  ++taken_;
  return absl::OkStatus();
}

}  // namespace shoal::stream
