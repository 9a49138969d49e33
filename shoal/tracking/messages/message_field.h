#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {

// Names of message fields in errors, and checks of fields that several messages have. For the conversions of
// this folder.

// The name of a field, for errors. Formatted only when an error occurs, because a heartbeat has thousands of
// fields.
class Field {
 public:
  Field(const char* name, const Field* parent = nullptr,
        size_t index = kNoIndex)  // NOLINT: reads as the name itself
      : name_(name), parent_(parent), index_(index) {}

  std::string ToString() const {
    std::string text = parent_ == nullptr ? name_ : absl::StrCat(parent_->ToString(), ".", name_);
    if (index_ != kNoIndex) absl::StrAppend(&text, "[", index_, "]");
    return text;
  }

  static Field Entry(const char* list, size_t index) { return {list, nullptr, index}; }

 private:
  static constexpr size_t kNoIndex = SIZE_MAX;

  const char* const name_;
  const Field* const parent_;
  const size_t index_;
};

inline absl::Status Bad(const Field& field, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(field.ToString(), ": ", why));
}

template <typename Id>
absl::StatusOr<Id> IdFrom(const std::string& bytes, const Field& field) {
  if (bytes.size() != Id::kSizeBytes) {
    return Bad(field, absl::StrCat("has ", bytes.size(), " bytes, needs ", Id::kSizeBytes));
  }
  SHOAL_ASSIGN_OR_RETURN(const Id id, Id::FromBytes(bytes));
  if (id.is_zero()) return Bad(field, "is all zero");
  return id;
}

inline absl::StatusOr<std::optional<PeerId>> OptionalPeerFrom(const std::string& bytes, const Field& field) {
  if (bytes.empty()) return std::optional<PeerId>();
  SHOAL_ASSIGN_OR_RETURN(const PeerId id, IdFrom<PeerId>(bytes, field));
  return std::optional<PeerId>(id);
}

// All zero for a request without one.
inline absl::StatusOr<PeerSecret> SecretFrom(const std::string& bytes) {
  if (bytes.empty()) return PeerSecret();
  return IdFrom<PeerSecret>(bytes, "peer_secret");
}

template <typename Message>
void SetSecret(const PeerSecret& secret, Message* out) {
  if (!secret.is_zero()) out->set_peer_secret(secret.ToString());
}

inline absl::StatusOr<LeaseId> LeaseFrom(uint64_t lease_id, const Field& field) {
  if (lease_id == 0) return Bad(field, "is 0, which no lease has");
  return LeaseId(lease_id);
}

}  // namespace shoal::tracking
