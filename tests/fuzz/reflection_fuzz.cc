#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "google/protobuf/stubs/logging.h"
#include "shoal/service/grpc/grpc_reflection.h"

// Every request is refused or answered.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto quiet = google::protobuf::SetLogHandler(nullptr);  // of strings that are no UTF-8
  static_cast<void>(quiet);
  const auto answer = shoal::service::AnswerReflection({data, size}, {"shoal.tracker.v1.TrackerService"});
  if (answer.ok() ? answer->empty() : !absl::IsInvalidArgument(answer.status())) std::abort();
  return 0;
}
