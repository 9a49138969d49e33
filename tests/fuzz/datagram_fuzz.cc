#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "shoal/tracking/messages/datagram.h"

// A decoded message fits into a datagram of any size again, and encodes to the same bytes from then on.

namespace shoal {
namespace {

void Expect(bool condition) {
  if (!condition) std::abort();
}

void TryRequest(ByteView bytes) {
  const auto request = tracking::DatagramRequest::Decode(bytes);
  if (!request.ok()) return;
  Expect(tracking::LooksLikeDatagramRequest(bytes));
  const auto encoded = request->Encode(tracking::kMinRequestBytes);
  if (!encoded.ok()) {
    // A field that was left out may have a longer default.
    Expect(absl::IsResourceExhausted(encoded.status()));
    return;
  }
  Expect(encoded->size() >= tracking::kMinRequestBytes && encoded->size() <= tracking::kMaxDatagramBytes);
  const auto again = tracking::DatagramRequest::Decode(AsBytes(*encoded));
  Expect(again.ok() && *again->Encode(tracking::kMinRequestBytes) == *encoded);
}

void TryResponse(ByteView bytes) {
  const auto response = tracking::DatagramResponse::Decode(bytes);
  if (!response.ok()) return;
  for (const size_t max : {tracking::kMinRequestBytes, size_t{200}, tracking::kMaxDatagramBytes}) {
    const std::string encoded = response->Encode(max);
    Expect(encoded.size() <= max);
    const auto again = tracking::DatagramResponse::Decode(AsBytes(encoded));
    Expect(again.ok() && again->Encode(max) == encoded);
  }
}

}  // namespace
}  // namespace shoal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  shoal::TryRequest({data, size});
  shoal::TryResponse({data, size});
  return 0;
}
