#include "services/tracker/access/access_control.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "shoal/base/status_macros.h"

namespace shoal::tracker {
namespace {

constexpr absl::string_view kScheme = "bearer ";

}  // namespace

absl::Status Access::Need(std::span<const Right> one_of) const {
  if (grant_ == nullptr ||
      std::any_of(one_of.begin(), one_of.end(), [this](Right right) { return grant_->Has(right); })) {
    return absl::OkStatus();
  }
  const std::string rights = absl::StrJoin(
      one_of, " or ", [](std::string* out, Right right) { absl::StrAppend(out, RightName(right)); });
  return absl::PermissionDeniedError(
      absl::StrCat("this token lacks the right ", rights, ": ask who runs this tracker for one that has it"));
}

absl::Status Access::NeedName(const std::string& name) const {
  if (HasName(name)) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat("this token is for contents named ",
                                                  absl::StrJoin(grant_->names, " or "), ", not \"", name,
                                                  "\": ask who runs this tracker for one that is"));
}

absl::StatusOr<std::unique_ptr<AccessControl>> AccessControl::Open(const std::string& tokens_file) {
  std::unique_ptr<AccessControl> control(new AccessControl(tokens_file));
  SHOAL_RETURN_IF_ERROR(control->Reload().status());
  return control;
}

absl::StatusOr<Access> AccessControl::Of(absl::string_view authorization) const {
  if (!needs_tokens()) return Access();
  if (!absl::StartsWithIgnoreCase(authorization, kScheme)) {
    return absl::UnauthenticatedError(
        "this tracker asks for a token (authorization: Bearer TOKEN): ask who runs it for one, and name its "
        "file with --tracker-token-file");
  }
  std::shared_ptr<const TokenTable> table = Table();
  const TokenGrant* const grant =
      table->Find(absl::StripAsciiWhitespace(authorization.substr(kScheme.size())));
  if (grant == nullptr) {
    return absl::UnauthenticatedError(
        "this tracker does not know the token, or not any more: ask who runs it for another");
  }
  return Access(std::move(table), grant);
}

absl::StatusOr<bool> AccessControl::Refresh() {
  {
    MutexLock lock(&reload_mutex_);
    if (CurrentStamp() == read_) return false;
  }
  return Reload();
}

absl::StatusOr<bool> AccessControl::Reload() {
  MutexLock reload(&reload_mutex_);
  // Before the read: a change during the read makes the next Refresh read again.
  read_ = CurrentStamp();
  SHOAL_ASSIGN_OR_RETURN(TokenTable table, TokenTable::Read(path_));
  auto shared = std::make_shared<const TokenTable>(std::move(table));
  MutexLock lock(&mutex_);
  table_ = std::move(shared);
  return true;
}

}  // namespace shoal::tracker
