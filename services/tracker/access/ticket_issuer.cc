#include "services/tracker/access/ticket_issuer.h"

#include <utility>

#include "shoal/base/status_macros.h"
#include "shoal/tracking/tickets/ticket.h"

namespace shoal::tracker {

absl::StatusOr<std::unique_ptr<TicketIssuer>> TicketIssuer::Open(const Options& options) {
  SHOAL_ASSIGN_OR_RETURN(SigningKey key, SigningKey::Read(options.key_file));
  return std::unique_ptr<TicketIssuer>(new TicketIssuer(options, std::move(key)));
}

std::optional<PublicKey> TicketIssuer::public_key() const {
  if (!issues()) return std::nullopt;
  MutexLock lock(&mutex_);
  return key_->public_key();
}

std::string TicketIssuer::Issue(const ContentId& content, absl::string_view name, const PeerId& peer) const {
  if (!issues()) return "";
  const absl::Time now = options_.clock->Now();
  const Holder holder{content, peer};
  const Sha256Digest name_digest = tracking::Ticket::NameDigest(name);
  std::optional<SigningKey> key;
  {
    MutexLock lock(&mutex_);
    if (const Issued* issued = Remembered(holder, name_digest, now); issued != nullptr) {
      const tracking::Ticket ticket{
          key_->public_key(), content, name_digest, peer, absl::FromUnixSeconds(issued->expiry),
          issued->signature};
      return ticket.Encode();
    }
    key = key_;
  }
  const tracking::Ticket made = tracking::Ticket::Make(*key, content, name, peer, now + options_.lifetime);
  MutexLock lock(&mutex_);
  const bool replaced = key_->public_key() != key->public_key();  // meanwhile
  if (!replaced) Remember(holder, {absl::ToUnixSeconds(made.expiry), name_digest, made.signature});
  return made.Encode();
}

const TicketIssuer::Issued* TicketIssuer::Remembered(const Holder& holder, const Sha256Digest& name_digest,
                                                     absl::Time now) const {
  const auto is_fresh = [&](const Issued& issued) {
    return issued.name_digest == name_digest &&
           absl::FromUnixSeconds(issued.expiry) - now >= options_.lifetime / 2;
  };
  if (const auto found = recent_.find(holder); found != recent_.end())
    return is_fresh(found->second) ? &found->second : nullptr;
  const auto found = earlier_.find(holder);
  if (found == earlier_.end() || !is_fresh(found->second)) return nullptr;
  return Remember(holder, Issued(found->second));
}

const TicketIssuer::Issued* TicketIssuer::Remember(const Holder& holder, const Issued& issued) const {
  if (recent_.size() >= options_.max_remembered / 2) earlier_ = std::exchange(recent_, {});
  return &(recent_[holder] = issued);
}

absl::Status TicketIssuer::Reload() {
  SHOAL_ASSIGN_OR_RETURN(SigningKey key, SigningKey::Read(options_.key_file));
  MutexLock lock(&mutex_);
  if (key.public_key() == key_->public_key()) return absl::OkStatus();
  key_ = std::move(key);
  recent_.clear();
  earlier_.clear();
  return absl::OkStatus();
}

}  // namespace shoal::tracker
