#pragma once

#include <string>

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

// Conversions between the plain messages and their protobuf forms.
//
// FromProto validates everything that comes from outside: lengths of ids, bounds, and that chunk sets fit
// their content. Errors: INVALID_ARGUMENT that names the field. ToProto can't fail; it clears `out` first.
// Requires of ToProto: strings are UTF-8, as FromProto and Manifest guarantee.
//
// Thread safety: pure functions.
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

// Returns: the bytes of the message that ToProto writes. Makes no message, string or allocation per peer:
// those took most of a lookup's time.
std::string EncodeLookupResponse(const LookupResponse& response);

}  // namespace shoal::tracking
