#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/leecher/agent/agent.h"
#include "shoal/leecher/v1/downloads.pb.h"

namespace shoal::leecher {

// Between the agent's values and the messages of protos/shoal/leecher/v1/downloads.proto. Pure.

v1::Download ToProto(const AgentDownload& download);
// `trusted`: by the agent or one of its rules, and the signature is verified.
v1::Signer ToProto(const PublisherSignature& signature, bool trusted);
v1::Event ToProto(const AgentEvent& event);
v1::Totals ToProto(const AgentTotals& totals, const std::string& version);
v1::FollowRule ToProto(const FollowRule& rule);
// Without its signers.
v1::AvailableContent ToProto(const Offer& offer);
v1::Peer ToProto(const DownloadStatus::Peer& peer);
v1::Limits ToProto(const SavedLimits& limits);
v1::ChunkMap ToProto(const ChunkMap& map);

// A limit of 0 means none.
SavedLimits FromProto(const v1::Limits& limits);
// Errors: INVALID_ARGUMENT for a key that is none.
absl::StatusOr<FollowRule> FromProto(const v1::FollowRule& rule);
// Errors: INVALID_ARGUMENT for a rule without a glob or a priority.
absl::StatusOr<std::vector<SelectionRules::Priority>> FromProto(
    const google::protobuf::RepeatedPtrField<v1::FilePriorityRule>& rules);
// Errors: INVALID_ARGUMENT with the field; those of ManifestFile::Decode.
absl::StatusOr<Agent::Wanted> FromProto(const v1::AddRequest& request);

v1::FilePriority ToProto(FilePriority priority);

// The files of a content, at most `most`. `states`: those of the files of a download; empty: it is none.
v1::GetManifestResponse DescribeManifest(const Manifest& manifest, const std::vector<FileState>& states,
                                         size_t most);

}  // namespace shoal::leecher
