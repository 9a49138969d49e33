#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "shoal/base/clock.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/signing_key.h"

namespace shoal::tracker {

// Issues the tickets by which peers know whom this tracker admitted to a content (shoal/tracking/tickets),
// with the key of a file; or none. It remembers the latest ones, because leechers look up every few seconds
// and a signature takes longer than the rest of a lookup.
//
// It does not decide who gets a ticket.
//
// Thread safety: thread-safe. Signatures are made without a lock.
class TicketIssuer {
 public:
  struct Options {
    std::string key_file;  // as SigningKey::Write makes it
    // A ticket is valid for this long, or for at least half of it when it is handed out again.
    absl::Duration lifetime = absl::Minutes(10);
    // Tickets that are remembered, about 240 bytes each. Beyond them a lookup costs a signature.
    size_t max_remembered = 65'536;
    const Clock* clock = &Clock::Real();  // must outlive the issuer
  };

  // Issues no tickets.
  TicketIssuer() = default;
  // Reads the key. Errors: those of SigningKey::Read.
  static absl::StatusOr<std::unique_ptr<TicketIssuer>> Open(const Options& options);

  // Returns whether this tracker issues tickets. Never changes during the life of the object.
  bool issues() const { return !options_.key_file.empty(); }
  // The key that verifies the tickets; none unless issues().
  std::optional<PublicKey> public_key() const;

  // The ticket of `peer` for `content`, known as `name`, encoded; empty unless issues(). Takes less than a
  // microsecond when one is remembered, otherwise some 50 us.
  std::string Issue(const ContentId& content, absl::string_view name, const PeerId& peer) const;

  // Reads the file again: later tickets are of the key that is in it now. Errors: those of SigningKey::Read;
  // the key stays as it was. Requires: issues().
  absl::Status Reload();

 private:
  struct Holder {
    ContentId content;
    PeerId peer;
    friend bool operator==(const Holder&, const Holder&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Holder& holder) {
      return H::combine(std::move(h), holder.content, holder.peer);
    }
  };
  struct Issued {
    int64_t expiry = 0;  // Unix seconds
    Sha256Digest name_digest{};
    SignatureBytes signature;
  };
  using Table = absl::flat_hash_map<Holder, Issued>;

  TicketIssuer(const Options& options, SigningKey key) : options_(options), key_(std::move(key)) {}

  // What was handed out to `holder` under the name and has half of its lifetime left; null: nothing.
  const Issued* Remembered(const Holder& holder, const Sha256Digest& name_digest, absl::Time now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const Issued* Remember(const Holder& holder, const Issued& issued) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;  // without a file: no tickets
  mutable Mutex mutex_;
  std::optional<SigningKey> key_ ABSL_GUARDED_BY(mutex_);
  // When `recent_` has half of what may be remembered it becomes `earlier_`, of which only what is asked for
  // again is kept.
  mutable Table recent_ ABSL_GUARDED_BY(mutex_);
  mutable Table earlier_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::tracker
