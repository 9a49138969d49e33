#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_field.h"
#include "shoal/tracker/v1/messages.pb.h"
#include "shoal/tracking/messages/message_field.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {

// What messages say of a content, between its plain form and protobuf, as in proto_conversion.h.

absl::StatusOr<ContentSummary> SummaryFrom(const content::v1::ContentSummary& in, const Field& field);
absl::StatusOr<ChunkSet> ChunkSetFrom(const content::v1::ChunkSet& in, uint32_t size, const Field& field);
absl::StatusOr<ContentStatus> StatusFrom(const tracker::v1::ContentStatus& in, const Field& field);
absl::StatusOr<std::vector<ContentStatus>> ContentsFrom(
    const google::protobuf::RepeatedPtrField<tracker::v1::ContentStatus>& in);

enum class Hex { kNo, kYes };  // in replies, ids are also there in hex
void ToProto(const ContentSummary& in, Hex hex, content::v1::ContentSummary* out);
void ToProto(const ChunkSet& in, content::v1::ChunkSet* out);
void ToProto(const ContentStatus& in, tracker::v1::ContentStatus* out);

// Times are clamped to what the fields can carry, which is more than anybody needs.
absl::Time TimeFrom(const google::protobuf::Timestamp& in);
void ToProto(absl::Time in, google::protobuf::Timestamp* out);

}  // namespace shoal::tracking
