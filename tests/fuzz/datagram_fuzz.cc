#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "shoal/tracking/messages/datagram.h"

// What is decoded fits into a datagram of any size again, and encodes to the same bytes from then on.

namespace shoal {
namespace {

void Expect(bool condition) {
  if (!condition) std::abort();
}

void TryRequest(ByteView bytes) {
  const auto request = DatagramRequest::Decode(bytes);
  if (!request.ok()) return;
  Expect(LooksLikeDatagramRequest(bytes));
  const auto encoded = request->Encode(kMinRequestBytes);
  if (!encoded.ok()) {
    // A field that was left out may have a longer default.
    Expect(absl::IsResourceExhausted(encoded.status()));
    return;
  }
  Expect(encoded->size() >= kMinRequestBytes && encoded->size() <= kMaxDatagramBytes);
  const auto again = DatagramRequest::Decode(AsBytes(*encoded));
  Expect(again.ok() && *again->Encode(kMinRequestBytes) == *encoded);
}

void TryReply(ByteView bytes) {
  const auto reply = DatagramReply::Decode(bytes);
  if (!reply.ok()) return;
  for (const size_t max : {kMinRequestBytes, size_t{200}, kMaxDatagramBytes}) {
    const std::string encoded = reply->Encode(max);
    Expect(encoded.size() <= max);
    const auto again = DatagramReply::Decode(AsBytes(encoded));
    Expect(again.ok() && again->Encode(max) == encoded);
  }
}

}  // namespace
}  // namespace shoal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  shoal::TryRequest({data, size});
  shoal::TryReply({data, size});
  return 0;
}
