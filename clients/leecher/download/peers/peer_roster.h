#pragma once

#include <bitset>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "clients/leecher/download/model/download_event.h"
#include "clients/leecher/download/model/download_options.h"
#include "clients/leecher/download/model/download_tuning.h"
#include "clients/leecher/download/peers/peer_book.h"
#include "clients/leecher/download/peers/peer_link.h"
#include "clients/leecher/download/peers/peer_tally.h"
#include "shoal/net/event_loop.h"
#include "shoal/stream/wire/control.h"

namespace shoal::leecher {

// The connections of a download: dials peers from the book while there is room, owns the links, ends them and
// records the consequence for the peer, tells of peers that connect and leave, and reports misbehaving peers.
// It does not decide which chunks are requested. Used on the download's loop.
class PeerRoster {
 public:
  // How a link ends, and the consequence for the peer.
  enum class Ending {
    kFailed,  // dialled again after a backoff that doubles
    kFrozen,  // as kFailed, and on probation
    kNotNow,  // not its fault; dialled again after `wait`
    kLeaving,  // it says that it ends; as kNotNow, and it counts as named by no tracker until one names it again
    kNotThere,     // it does not serve the content there; dialled at its other endpoints, and after `wait`
    kWantsTicket,  // as kFailed, and counted by PeerBook::wanting_ticket
    kBroken,       // it can't read what it offers; dialled again once it has registered again
    kSelf,         // it is this process; this endpoint is not dialled again
    kForGood,      // never dialled again
  };

  struct Options {
    PeerId self;
    uint16_t listen_port = 0;
    std::shared_ptr<const net::TransportFactory> transports = net::TcpTransports();
    stream::TicketCheck check_ticket = nullptr;  // see stream::SessionTerms
    uint32_t max_peers = 32;
    DownloadTuning tuning;
    decltype(DownloadOptions::on_bad_peer) on_bad_peer;
    // Makes the links, not yet dialled. Required.
    std::function<std::unique_ptr<PeerLink>(PeerSlot slot, const PeerBook::Call& call)> make_link;
  };

  // `tell` receives PeerConnected and PeerLost. Both references must outlive this.
  PeerRoster(net::LoopScope& loop, const Options& options, const EventSink& tell);
  ~PeerRoster();

  // See PeerBook::Seen.
  void Learn(const std::vector<tracking::PeerInfo>& peers, size_t tracker, bool whole, absl::Duration now) {
    book_.Seen(peers, tracker, whole, now);
  }
  // A tracker issued this process a ticket for `content`. Peers that the tracker has named are shown the
  // latest one when they are dialled, and no other peer is.
  void Hold(size_t tracker, const ContentId& content, const std::string& ticket);
  // The content is known: peers are dialled from now on.
  void Begin(const ContentId& content) { content_ = content; }
  void CallPeers(absl::Duration now);
  // Sets the chunks held here, which are announced to all connected and future peers.
  void Offer(std::shared_ptr<const ChunkSource> source);
  void Announce(const std::vector<ChunkIndex>& gained);

  // The hellos of a link were exchanged.
  void Welcome(PeerLink& link);
  // Ends a link, if it has not ended yet. `why` is for people.
  void End(PeerLink& link, Ending ending, const std::string& why, absl::Duration now,
           absl::Duration wait = absl::ZeroDuration());
  // Drops a peer for good, connected or not. The caller must end its link, if there is one.
  void Condemn(const PeerId& peer, const Endpoint& endpoint, const std::string& why);
  // Closes all links; the peers can be dialled again at once.
  void CloseAll(absl::Duration now);

  // The links whose hellos were exchanged, in order of connection. Valid until a link begins or ends.
  const std::vector<PeerLink*>& ready() const { return ready_; }
  PeerLink* Find(PeerSlot slot) const;
  PeerLink* FindPeer(const PeerId& peer) const;
  uint32_t connecting() const { return static_cast<uint32_t>(links_.size() - ready_.size()); }
  // Where connections are being made, or no hello has come yet; at most `most`.
  std::vector<Endpoint> Unanswered(size_t most) const;
  PeerBook& book() { return book_; }
  PeerTally& tally() { return tally_; }
  const PeerTally& tally() const { return tally_; }

 private:
  void ReportBad(const PeerId& peer, tracking::PeerReport::Reason reason);
  // What to show to a peer that these trackers named.
  std::string TicketsOf(const std::bitset<PeerBook::kMaxTrackers>& trackers) const;

  net::LoopScope& loop_;
  const Options options_;
  const EventSink& tell_;
  ContentId content_;
  std::map<size_t, std::pair<ContentId, std::string>> tickets_;  // by tracker
  std::shared_ptr<const ChunkSource> source_;                    // null before the store is open
  PeerBook book_;
  PeerTally tally_;
  uint32_t next_slot_ = 0;
  std::vector<std::unique_ptr<PeerLink>> links_;
  std::vector<std::unique_ptr<PeerLink>> ended_;  // may still be on the call stack; freed by a posted task
  std::vector<PeerLink*> ready_;
};

// The consequence of a peer's Refuse. If it names chunks (refuse.chunks is not empty) and `chunks_alone` is
// set, only these will not arrive, and the connection continues; otherwise the connection ends as `ending`
// and `wait` say.
struct Refusal {
  bool chunks_alone = false;
  bool never_held = false;  // the peer does not hold those chunks: they are not requested from it again
  PeerRoster::Ending ending = PeerRoster::Ending::kNotNow;
  absl::Duration wait;  // before the peer is dialled again
  std::string why;      // for people
};

// Pure.
Refusal JudgeRefusal(const stream::Refuse& refuse, const DownloadTuning& tuning);

}  // namespace shoal::leecher
