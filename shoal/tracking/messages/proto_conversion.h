#pragma once

#include "absl/status/statusor.h"
#include "shoal/tracking/messages/messages.h"

// Forward declarations keep the generated headers out of everything that only names these functions.
namespace shoal::tracker::v1 {
class RegisterRequest;
class RegisterReply;
class RegisterManyRequest;
class RegisterManyReply;
class HeartbeatRequest;
class HeartbeatReply;
class LookupRequest;
class LookupReply;
class LookupManyRequest;
class LookupManyReply;
class ListContentsRequest;
class ListContentsReply;
class GetSwarmRequest;
class GetSwarmReply;
class WatchRequest;
class SwarmEvent;
class LeaveRequest;
class LeaveReply;
}  // namespace shoal::tracker::v1

namespace shoal {

// Between the plain messages and their protobuf forms. FromProto checks everything that a stranger may have
// got wrong (lengths of ids, bounds, chunk sets that fit): INVALID_ARGUMENT that names the field. ToProto
// can't fail, and writes into a message that it clears first; strings (names) are UTF-8, as those that
// FromProto or a Manifest let through. Thread-safe.
namespace pb = ::shoal::tracker::v1;

absl::StatusOr<RegisterRequest> FromProto(const pb::RegisterRequest& in);
absl::StatusOr<RegisterReply> FromProto(const pb::RegisterReply& in);
absl::StatusOr<RegisterManyRequest> FromProto(const pb::RegisterManyRequest& in);
absl::StatusOr<RegisterManyReply> FromProto(const pb::RegisterManyReply& in);
absl::StatusOr<HeartbeatRequest> FromProto(const pb::HeartbeatRequest& in);
absl::StatusOr<HeartbeatReply> FromProto(const pb::HeartbeatReply& in);
absl::StatusOr<LookupRequest> FromProto(const pb::LookupRequest& in);
absl::StatusOr<LookupReply> FromProto(const pb::LookupReply& in);
absl::StatusOr<LookupManyRequest> FromProto(const pb::LookupManyRequest& in);
absl::StatusOr<LookupManyReply> FromProto(const pb::LookupManyReply& in);
absl::StatusOr<ListContentsRequest> FromProto(const pb::ListContentsRequest& in);
absl::StatusOr<ListContentsReply> FromProto(const pb::ListContentsReply& in);
absl::StatusOr<ContentKey> FromProto(const pb::GetSwarmRequest& in);
absl::StatusOr<GetSwarmReply> FromProto(const pb::GetSwarmReply& in);
absl::StatusOr<WatchRequest> FromProto(const pb::WatchRequest& in);
absl::StatusOr<SwarmEvent> FromProto(const pb::SwarmEvent& in);
absl::StatusOr<LeaveRequest> FromProto(const pb::LeaveRequest& in);
absl::StatusOr<LeaveReply> FromProto(const pb::LeaveReply& in);

void ToProto(const RegisterRequest& in, pb::RegisterRequest* out);
void ToProto(const RegisterReply& in, pb::RegisterReply* out);
void ToProto(const RegisterManyRequest& in, pb::RegisterManyRequest* out);
void ToProto(const RegisterManyReply& in, pb::RegisterManyReply* out);
void ToProto(const HeartbeatRequest& in, pb::HeartbeatRequest* out);
void ToProto(const HeartbeatReply& in, pb::HeartbeatReply* out);
void ToProto(const LookupRequest& in, pb::LookupRequest* out);
void ToProto(const LookupReply& in, pb::LookupReply* out);
void ToProto(const LookupManyRequest& in, pb::LookupManyRequest* out);
void ToProto(const LookupManyReply& in, pb::LookupManyReply* out);
void ToProto(const ListContentsRequest& in, pb::ListContentsRequest* out);
void ToProto(const ListContentsReply& in, pb::ListContentsReply* out);
void ToProto(const ContentKey& in, pb::GetSwarmRequest* out);
void ToProto(const GetSwarmReply& in, pb::GetSwarmReply* out);
void ToProto(const SwarmEvent& in, pb::SwarmEvent* out);
void ToProto(const LeaveRequest& in, pb::LeaveRequest* out);
void ToProto(const LeaveReply& in, pb::LeaveReply* out);

}  // namespace shoal
