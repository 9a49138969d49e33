#pragma once

#include "absl/status/statusor.h"
#include "shoal/tracking/messages/messages.h"

// Forward declarations keep the generated headers out of everything that only names these functions.
namespace shoal::tracker::v1 {
class RegisterRequest;
class RegisterResponse;
class RegisterManyRequest;
class RegisterManyResponse;
class HeartbeatRequest;
class HeartbeatResponse;
class LookupRequest;
class LookupResponse;
class LookupManyRequest;
class LookupManyResponse;
class ListContentsRequest;
class ListContentsResponse;
class GetSwarmRequest;
class GetSwarmResponse;
class WatchRequest;
class SwarmEvent;
class LeaveRequest;
class LeaveResponse;
}  // namespace shoal::tracker::v1

namespace shoal::tracking {

// Between the plain messages and their protobuf forms. FromProto checks everything that a stranger may have
// got wrong (lengths of ids, bounds, chunk sets that fit): INVALID_ARGUMENT that names the field. ToProto
// can't fail, and writes into a message that it clears first; strings (names) are UTF-8, as those that
// FromProto or a Manifest let through. Thread-safe.
namespace pb = ::shoal::tracker::v1;

absl::StatusOr<RegisterRequest> FromProto(const pb::RegisterRequest& in);
absl::StatusOr<RegisterResponse> FromProto(const pb::RegisterResponse& in);
absl::StatusOr<RegisterManyRequest> FromProto(const pb::RegisterManyRequest& in);
absl::StatusOr<RegisterManyResponse> FromProto(const pb::RegisterManyResponse& in);
absl::StatusOr<HeartbeatRequest> FromProto(const pb::HeartbeatRequest& in);
absl::StatusOr<HeartbeatResponse> FromProto(const pb::HeartbeatResponse& in);
absl::StatusOr<LookupRequest> FromProto(const pb::LookupRequest& in);
absl::StatusOr<LookupResponse> FromProto(const pb::LookupResponse& in);
absl::StatusOr<LookupManyRequest> FromProto(const pb::LookupManyRequest& in);
absl::StatusOr<LookupManyResponse> FromProto(const pb::LookupManyResponse& in);
absl::StatusOr<ListContentsRequest> FromProto(const pb::ListContentsRequest& in);
absl::StatusOr<ListContentsResponse> FromProto(const pb::ListContentsResponse& in);
absl::StatusOr<ContentKey> FromProto(const pb::GetSwarmRequest& in);
absl::StatusOr<GetSwarmResponse> FromProto(const pb::GetSwarmResponse& in);
absl::StatusOr<WatchRequest> FromProto(const pb::WatchRequest& in);
absl::StatusOr<SwarmEvent> FromProto(const pb::SwarmEvent& in);
absl::StatusOr<LeaveRequest> FromProto(const pb::LeaveRequest& in);
absl::StatusOr<LeaveResponse> FromProto(const pb::LeaveResponse& in);

void ToProto(const RegisterRequest& in, pb::RegisterRequest* out);
void ToProto(const RegisterResponse& in, pb::RegisterResponse* out);
void ToProto(const RegisterManyRequest& in, pb::RegisterManyRequest* out);
void ToProto(const RegisterManyResponse& in, pb::RegisterManyResponse* out);
void ToProto(const HeartbeatRequest& in, pb::HeartbeatRequest* out);
void ToProto(const HeartbeatResponse& in, pb::HeartbeatResponse* out);
void ToProto(const LookupRequest& in, pb::LookupRequest* out);
void ToProto(const LookupResponse& in, pb::LookupResponse* out);
void ToProto(const LookupManyRequest& in, pb::LookupManyRequest* out);
void ToProto(const LookupManyResponse& in, pb::LookupManyResponse* out);
void ToProto(const ListContentsRequest& in, pb::ListContentsRequest* out);
void ToProto(const ListContentsResponse& in, pb::ListContentsResponse* out);
void ToProto(const ContentKey& in, pb::GetSwarmRequest* out);
void ToProto(const GetSwarmResponse& in, pb::GetSwarmResponse* out);
void ToProto(const SwarmEvent& in, pb::SwarmEvent* out);
void ToProto(const LeaveRequest& in, pb::LeaveRequest* out);
void ToProto(const LeaveResponse& in, pb::LeaveResponse* out);

}  // namespace shoal::tracking
