#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "google/protobuf/stubs/logging.h"
#include "shoal/tracker/v1/messages.pb.h"
#include "shoal/tracking/messages/proto_conversion.h"

// The first byte chooses a message, the rest is its protobuf. What FromProto takes comes through ToProto and
// FromProto again, with the same bytes.

namespace shoal {
namespace {

template <typename Proto>
void TryMessage(const uint8_t* data, size_t size) {
  Proto proto;
  if (!proto.ParseFromArray(data, static_cast<int>(size))) return;
  const auto plain = shoal::tracking::FromProto(proto);
  if (!plain.ok()) {
    if (plain.status().message().empty()) std::abort();
    return;
  }
  Proto first;
  shoal::tracking::ToProto(*plain, &first);
  const auto again = shoal::tracking::FromProto(first);
  if (!again.ok()) std::abort();
  Proto second;
  shoal::tracking::ToProto(*again, &second);
  if (first.SerializeAsString() != second.SerializeAsString()) std::abort();
}

// Never written by a client of ours: only read.
void TryWatch(const uint8_t* data, size_t size) {
  tracking::pb::WatchRequest proto;
  if (proto.ParseFromArray(data, static_cast<int>(size))) static_cast<void>(tracking::FromProto(proto).ok());
}

}  // namespace
}  // namespace shoal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace shoal;  // NOLINT: the names below are all from there
  static google::protobuf::LogHandler* const silenced = google::protobuf::SetLogHandler(nullptr);
  static_cast<void>(silenced);
  if (size == 0) return 0;
  using Try = void (*)(const uint8_t*, size_t);
  static constexpr Try kTries[] = {
      TryMessage<tracking::pb::RegisterRequest>,
      TryMessage<tracking::pb::RegisterResponse>,
      TryMessage<tracking::pb::HeartbeatRequest>,
      TryMessage<tracking::pb::HeartbeatResponse>,
      TryMessage<tracking::pb::LookupRequest>,
      TryMessage<tracking::pb::LookupResponse>,
      TryMessage<tracking::pb::ListContentsRequest>,
      TryMessage<tracking::pb::ListContentsResponse>,
      TryMessage<tracking::pb::GetSwarmRequest>,
      TryMessage<tracking::pb::GetSwarmResponse>,
      TryWatch,
      TryMessage<tracking::pb::SwarmEvent>,
      TryMessage<tracking::pb::LeaveRequest>,
      TryMessage<tracking::pb::LeaveResponse>,
      TryMessage<tracking::pb::RegisterManyRequest>,
      TryMessage<tracking::pb::RegisterManyResponse>,
      TryMessage<tracking::pb::LookupManyRequest>,
      TryMessage<tracking::pb::LookupManyResponse>,
  };
  kTries[data[0] % std::size(kTries)](data + 1, size - 1);
  return 0;
}
