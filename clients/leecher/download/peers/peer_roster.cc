#include "clients/leecher/download/peers/peer_roster.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/tracking/tickets/ticket.h"

namespace shoal::leecher {
namespace {

using Reason = stream::Refuse::Reason;

// By then a peer that speaks another version may have been replaced.
constexpr absl::Duration kMendingWait = absl::Minutes(5);
constexpr absl::Duration kRestartWait = absl::Seconds(3);

}  // namespace

PeerRoster::PeerRoster(net::LoopScope& loop, const Options& options, const EventSink& tell)
    : loop_(loop),
      options_(options),
      tell_(tell),
      book_(options.self,
            PeerBook::Limits{options.max_peers, options.tuning.first_backoff, options.tuning.max_backoff},
            std::random_device{}()) {}

PeerRoster::~PeerRoster() = default;

void PeerRoster::CallPeers(absl::Duration now) {
  if (content_.is_zero()) return;
  stream::SessionTerms terms;
  terms.content_id = content_;
  terms.self = options_.self;
  terms.listen_port = options_.listen_port;
  terms.check_ticket = options_.check_ticket;
  while (const std::optional<PeerBook::Call> call = book_.Next(now)) {
    terms.ticket = TicketsOf(call->trackers);
    links_.push_back(options_.make_link(PeerSlot(next_slot_++), *call));
    links_.back()->Dial(loop_.loop(), *options_.transports, terms, options_.tuning.session, source_);
  }
}

void PeerRoster::Hold(size_t tracker, const ContentId& content, const std::string& ticket) {
  // Others would make what is shown besides them unreadable.
  if (ticket.size() == tracking::Ticket::kEncodedBytes)
    tickets_[tracker % PeerBook::kMaxTrackers] = {content, ticket};
}

std::string PeerRoster::TicketsOf(const std::bitset<PeerBook::kMaxTrackers>& trackers) const {
  std::string shown;
  for (const auto& [tracker, held] : tickets_) {
    const auto& [content, ticket] = held;
    if (!trackers.test(tracker) || content != content_) continue;
    if (shown.size() + ticket.size() > stream::kMaxHelloTicketsBytes) break;
    shown += ticket;
  }
  return shown;
}

void PeerRoster::Offer(std::shared_ptr<const ChunkSource> source) {
  source_ = std::move(source);
  for (PeerLink* link : ready_) link->Offer(source_);
}

void PeerRoster::Announce(const std::vector<ChunkIndex>& gained) {
  for (PeerLink* link : ready_) link->Announce(gained);
}

void PeerRoster::Welcome(PeerLink& link) {
  ready_.push_back(&link);
  book_.Reached(link.peer(), link.endpoint());
  if (source_ != nullptr) link.Offer(source_);
  tally_.Connected(link.peer(), link.endpoint());
  tell_(PeerConnected{link.peer(), link.endpoint()});
}

void PeerRoster::End(PeerLink& link, Ending ending, const std::string& why, absl::Duration now,
                     absl::Duration wait) {
  const auto found =
      std::find_if(links_.begin(), links_.end(), [&](const auto& each) { return each.get() == &link; });
  if (found == links_.end()) return;
  link.Close();
  std::erase(ready_, &link);
  ended_.push_back(std::move(*found));
  links_.erase(found);
  loop_.Post([this] { ended_.clear(); });

  tally_.Disconnected(link.peer());
  if (ending == Ending::kFailed || ending == Ending::kFrozen) tally_.Failed(link.peer(), link.endpoint());
  switch (ending) {
    case Ending::kFailed:
      book_.Ended(link.peer(), now, why);
      break;
    case Ending::kFrozen:
      book_.Frozen(link.peer(), now, why);
      break;
    case Ending::kNotNow:
      book_.LeftAlone(link.peer(), now, wait, why);
      break;
    case Ending::kLeaving:
      book_.Leaving(link.peer(), now, wait, why);
      break;
    case Ending::kNotThere:
      book_.NotThere(link.peer(), now, wait, why);
      break;
    case Ending::kWantsTicket:
      book_.WantsTicket(link.peer(), now, why);
      break;
    case Ending::kBroken:
      book_.Broken(link.peer(), now, why);
      break;
    case Ending::kSelf:
      book_.IsSelf(link.peer(), link.endpoint(), now);
      break;
    case Ending::kForGood:
      Condemn(link.peer(), link.endpoint(), why);
      return;
  }
  const bool silent = ending == Ending::kFrozen || (ending == Ending::kFailed && !link.hello_seen());
  if (silent && book_.FoundSilent(link.peer())) ReportBad(link.peer(), tracking::PeerReport::Reason::kDead);
  // Repeated failures to reach a peer are not reported.
  if (link.hello_seen() || !link.failed_before()) {
    tell_(PeerLost{link.peer(), link.endpoint(), why, /*for_good=*/false});
  }
}

void PeerRoster::Condemn(const PeerId& peer, const Endpoint& endpoint, const std::string& why) {
  book_.DropForGood(peer, endpoint);
  tally_.Failed(peer, endpoint);
  tally_.Dropped(peer, why);
  tell_(PeerLost{peer, endpoint, why, /*for_good=*/true});
  ReportBad(peer, tracking::PeerReport::Reason::kLying);
}

void PeerRoster::ReportBad(const PeerId& peer, tracking::PeerReport::Reason reason) {
  if (options_.on_bad_peer != nullptr) options_.on_bad_peer(content_, peer, reason);
}

void PeerRoster::CloseAll(absl::Duration now) {
  ready_.clear();
  for (auto& link : links_) {
    link->Close();
    tally_.Disconnected(link->peer());
    book_.LeftAlone(link->peer(), now, absl::ZeroDuration(), "");
    ended_.push_back(std::move(link));
  }
  links_.clear();
  loop_.Post([this] { ended_.clear(); });
}

std::vector<Endpoint> PeerRoster::Unanswered(size_t most) const {
  std::vector<Endpoint> endpoints;
  for (const std::unique_ptr<PeerLink>& link : links_) {
    if (endpoints.size() < most && std::find(ready_.begin(), ready_.end(), link.get()) == ready_.end())
      endpoints.push_back(link->endpoint());
  }
  return endpoints;
}

PeerLink* PeerRoster::Find(PeerSlot slot) const {
  const auto found =
      std::find_if(links_.begin(), links_.end(), [&](const auto& link) { return link->slot() == slot; });
  return found == links_.end() ? nullptr : found->get();
}

PeerLink* PeerRoster::FindPeer(const PeerId& peer) const {
  const auto found =
      std::find_if(links_.begin(), links_.end(), [&](const auto& link) { return link->peer() == peer; });
  return found == links_.end() ? nullptr : found->get();
}

Refusal JudgeRefusal(const stream::Refuse& refuse, const DownloadTuning& tuning) {
  Refusal refusal;
  refusal.why = absl::StrCat("it refused: ", stream::ReasonName(refuse.reason));
  if (!refuse.detail.empty()) absl::StrAppend(&refusal.why, " (", refuse.detail, ")");
  refusal.wait = refuse.retry_after > absl::ZeroDuration() ? refuse.retry_after : tuning.max_backoff;
  switch (refuse.reason) {
    case Reason::kNotHeld:
      refusal.chunks_alone = !refuse.chunks.empty();
      refusal.never_held = true;
      break;
    case Reason::kTooManyRequests:
      refusal.chunks_alone = !refuse.chunks.empty();
      break;
    case Reason::kBusy:
      break;
    case Reason::kShuttingDown:
      refusal.ending = PeerRoster::Ending::kLeaving;
      refusal.wait = std::max(refuse.retry_after, kRestartWait);
      break;
    case Reason::kReadFailed:
      refusal.ending = PeerRoster::Ending::kBroken;
      break;
    case Reason::kUnknownContent:
      refusal.ending = PeerRoster::Ending::kNotThere;
      refusal.wait = refuse.retry_after;
      break;
    case Reason::kVersion:
      refusal.wait = std::max(refuse.retry_after, kMendingWait);
      break;
    case Reason::kNoTicket:
      refusal.why = absl::StrCat("it serves holders of tickets: ", refuse.detail);
      refusal.ending = PeerRoster::Ending::kWantsTicket;
      refusal.wait = absl::ZeroDuration();
      break;
    case Reason::kUnspecified:
    default:  // a reason that this version does not know
      refusal.ending = PeerRoster::Ending::kFailed;
      refusal.wait = absl::ZeroDuration();
      break;
  }
  return refusal;
}

}  // namespace shoal::leecher
