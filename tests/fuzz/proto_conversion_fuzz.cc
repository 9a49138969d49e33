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
  const auto plain = FromProto(proto);
  if (!plain.ok()) {
    if (plain.status().message().empty()) std::abort();
    return;
  }
  Proto first;
  ToProto(*plain, &first);
  const auto again = FromProto(first);
  if (!again.ok()) std::abort();
  Proto second;
  ToProto(*again, &second);
  if (first.SerializeAsString() != second.SerializeAsString()) std::abort();
}

// Never written by a client of ours: only read.
void TryWatch(const uint8_t* data, size_t size) {
  pb::WatchRequest proto;
  if (proto.ParseFromArray(data, static_cast<int>(size))) static_cast<void>(FromProto(proto).ok());
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
      TryMessage<pb::RegisterRequest>,
      TryMessage<pb::RegisterReply>,
      TryMessage<pb::HeartbeatRequest>,
      TryMessage<pb::HeartbeatReply>,
      TryMessage<pb::LookupRequest>,
      TryMessage<pb::LookupReply>,
      TryMessage<pb::ListContentsRequest>,
      TryMessage<pb::ListContentsReply>,
      TryMessage<pb::GetSwarmRequest>,
      TryMessage<pb::GetSwarmReply>,
      TryWatch,
      TryMessage<pb::SwarmEvent>,
      TryMessage<pb::LeaveRequest>,
      TryMessage<pb::LeaveReply>,
      TryMessage<pb::RegisterManyRequest>,
      TryMessage<pb::RegisterManyReply>,
      TryMessage<pb::LookupManyRequest>,
      TryMessage<pb::LookupManyReply>,
  };
  kTries[data[0] % std::size(kTries)](data + 1, size - 1);
  return 0;
}
