// A message that came as JSON: its bytes and its JSON convert into each other without a loss.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "shoal/leecher/v1/downloads.pb.h"
#include "shoal/service/http/json_messages.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace service = shoal::service;
  const std::string type = shoal::leecher::v1::AddRequest::descriptor()->full_name();
  const auto bytes = service::BytesFromJson(std::string(data, data + size), type);
  if (!bytes.ok()) return 0;
  const auto json = service::JsonFromBytes(*bytes, type);
  if (!json.ok()) std::abort();
  const auto again = service::BytesFromJson(*json, type);
  if (!again.ok() || *again != *bytes) std::abort();
  return 0;
}
