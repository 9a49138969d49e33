#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/seeder/catalog.h"
#include "shoal/base/clock.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::seeder {

// What holds at the moment by the events of a catalog so far, for display: what is offered, what is hashed,
// and what is left out.
//
// Thread safety: thread-safe.
class CatalogRecord final : public CatalogListener {
 public:
  struct Hashing {
    std::string entry;
    uint64_t done_bytes = 0;
    uint64_t total_bytes = 0;
  };
  struct Omission {
    std::string entry;  // empty: the shared folder as a whole
    std::string path;   // within the published entry; empty: the whole entry is not published, or not watched
    std::string reason;
  };

  // There is no event for hashing that was cancelled. An entry is removed from hashing() after this time
  // without an OnHashing event.
  static constexpr absl::Duration kHashingForgotten = absl::Seconds(10);

  // Requires: `clock` outlives this.
  explicit CatalogRecord(const Clock& clock) : clock_(clock) {}

  // By name.
  std::vector<std::shared_ptr<const OfferedSource>> offered() const;
  // By entry.
  std::vector<Hashing> hashing() const;
  // Problems first, then by entry and path.
  std::vector<Omission> omissions() const;

  void OnPublished(const std::shared_ptr<const OfferedSource>& source, bool from_cache) override;
  void OnWithdrawn(const std::shared_ptr<const Manifest>& manifest, const std::string& why) override;
  void OnHashing(const std::string& entry, uint64_t done_bytes, uint64_t total_bytes) override;
  void OnProblem(const std::string& entry, const absl::Status& why) override;
  void OnProblemOver(const std::string& entry, const std::string& message) override;
  void OnLeftOut(const std::string& entry, const std::vector<LeftOut>& left_out) override;
  void OnFirstScanDone(size_t contents) override;

 private:
  struct Progress {
    uint64_t done_bytes;
    uint64_t total_bytes;
    absl::Duration reported;
  };

  const Clock& clock_;
  mutable Mutex mutex_;
  std::map<std::pair<std::string, ContentId>, std::shared_ptr<const OfferedSource>> offered_
      ABSL_GUARDED_BY(mutex_);  // by name and id
  std::map<std::string, Progress> hashing_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<std::string>> problems_ ABSL_GUARDED_BY(mutex_);  // messages by entry
  std::map<std::string, std::vector<LeftOut>> left_out_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::seeder
