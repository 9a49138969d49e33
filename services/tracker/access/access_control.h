#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/tracker/access/token_table.h"
#include "shoal/base/file_stamp.h"
#include "shoal/base/mutex.h"

namespace shoal::tracker {

// What one caller may do. Cheap to copy; stays as it is when the tokens change.
class Access {
 public:
  // Grants everything: the access of every caller at a tracker without tokens.
  Access() = default;

  // Errors: PERMISSION_DENIED unless the caller has one of the rights; the message says what to do.
  absl::Status Need(std::span<const Right> one_of) const;
  // Errors: PERMISSION_DENIED unless the caller's token is for contents of this name.
  absl::Status NeedName(const std::string& name) const;
  bool HasName(const std::string& name) const { return grant_ == nullptr || grant_->HasName(name); }
  // Returns whether the token is valid for all names. Only then may it access what has no name, such as a
  // BitTorrent swarm.
  bool HasAllNames() const { return grant_ == nullptr || grant_->HasAllNames(); }

 private:
  friend class AccessControl;
  Access(std::shared_ptr<const TokenTable> table, const TokenGrant* grant)
      : table_(std::move(table)), grant_(grant) {}

  std::shared_ptr<const TokenTable> table_;
  const TokenGrant* grant_ = nullptr;  // in the table; null: everything
};

// Decides who is admitted to a tracker: everyone, or those with a token.
//
// Thread safety: thread-safe. Without tokens a decision is one load.
class AccessControl {
 public:
  // Everyone may do everything.
  AccessControl() = default;
  // Reads the file and admits its tokens. Errors: those of TokenTable::Read.
  static absl::StatusOr<std::unique_ptr<AccessControl>> Open(const std::string& tokens_file);

  bool needs_tokens() const { return !path_.empty(); }

  // What the sender of this value of "authorization" ("Bearer TOKEN") may do. Errors: UNAUTHENTICATED for a
  // missing or unknown token; the message says what to do.
  absl::StatusOr<Access> Of(absl::string_view authorization) const;

  // Reads the file again if it is another one, or was changed. Returns: whether there are new tokens. Errors:
  // those of TokenTable::Read, once for each change; the tokens stay as they were. Requires: one thread at a
  // time; needs_tokens.
  absl::StatusOr<bool> Refresh();
  // The same, changed or not.
  absl::StatusOr<bool> Reload();
  size_t tokens() const { return Table()->size(); }

 private:
  explicit AccessControl(std::string path) : path_(std::move(path)) {}
  // Returns a default-constructed stamp if the file does not exist.
  FileStamp CurrentStamp() const { return FileStamp::Of(path_).value_or(FileStamp()); }
  std::shared_ptr<const TokenTable> Table() const {
    MutexLock lock(&mutex_);
    return table_;
  }

  const std::string path_;
  Mutex reload_mutex_;
  FileStamp read_ ABSL_GUARDED_BY(reload_mutex_);
  mutable Mutex mutex_;
  std::shared_ptr<const TokenTable> table_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::tracker
