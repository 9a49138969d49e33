// What is asked of an agent over its API. The first byte chooses the message, the rest are its bytes: what is
// accepted has a name or a manifest, and a rule means the same when it is told back.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "clients/leecher/agent/api/agent_conversion.h"
#include "google/protobuf/stubs/logging.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace shoal::leecher;                                      // NOLINT
  static const auto quiet = google::protobuf::SetLogHandler(nullptr);  // of strings that are no UTF-8
  static_cast<void>(quiet);
  if (size == 0) return 0;
  const std::string bytes(data + 1, data + size);
  if (data[0] % 2 == 0) {
    v1::AddRequest request;
    if (!request.ParseFromString(bytes)) return 0;
    const auto wanted = FromProto(request);
    if (!wanted.ok()) {
      if (wanted.status().message().empty()) std::abort();
      return 0;
    }
    if (request.has_manifest_file() != (wanted->manifest != nullptr)) std::abort();
    if (wanted->manifest != nullptr) DescribeManifest(*wanted->manifest, {}, 10);
    return 0;
  }
  v1::FollowRule message;
  if (!message.ParseFromString(bytes)) return 0;
  const auto rule = FromProto(message);
  if (!rule.ok()) return 0;
  const auto again = FromProto(ToProto(*rule));
  if (!again.ok() || again->glob != rule->glob || again->keep_versions != rule->keep_versions ||
      again->output_folder != rule->output_folder || again->trusted != rule->trusted) {
    std::abort();
  }
  return 0;
}
