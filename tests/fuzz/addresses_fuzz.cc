// Addresses and quantities as text, from flags, from the agent's API and from files of contents: what is
// accepted is written in a form that is accepted, and means the same.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/units.h"
#include "shoal/tracking/client/tracker_url.h"

namespace {

template <typename Address>
void Check(absl::string_view text) {
  const auto address = Address::Parse(text);
  if (!address.ok()) return;
  const std::string written = address->ToString();
  const auto again = Address::Parse(written);
  if (!again.ok() || again->ToString() != written) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using shoal::tracking::TrackerUrl;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  Check<shoal::IpAddress>(text);
  Check<shoal::Endpoint>(text);
  Check<shoal::HostPort>(text);
  Check<TrackerUrl>(text);
  if (const auto list = TrackerUrl::ParseList(text); list.ok()) {
    if (list->empty() || list->size() > size) std::abort();
  }
  if (const auto rate = shoal::ParseRate(text); rate.ok() && *rate == 0) std::abort();
  if (const auto time = shoal::ParseDuration(text); time.ok() && *time < absl::ZeroDuration()) std::abort();
  shoal::ParseBytes(text).IgnoreError();
  return 0;
}
