#pragma once

#include <cstdint>
#include <memory>
#include <string>
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

// The connections of a download: calls peers out of the book while there is room, keeps the links, ends them
// with the right consequence for the next time, tells the observer who came and went, and reports who was no
// good. Which chunks go
// over them is not its business. On the download's loop.
class PeerRoster {
 public:
  // How a link ends, and what that means for the peer.
  enum class Ending {
    kFailed,   // called again after a while that doubles
    kFrozen,   // the same, and on probation
    kNotNow,   // no fault of its; called again after `wait`
    kForGood,  // never again
  };

  struct Options {
    PeerId self;
    uint16_t listen_port = 0;
    std::shared_ptr<const net::TransportFactory> transports = net::TcpTransports();
    uint32_t max_peers = 32;
    DownloadTuning tuning;
    decltype(DownloadOptions::on_bad_peer) on_bad_peer;
  };

  PeerRoster(net::LoopScope& loop, const Options& options, LinkEvents* events, DownloadObserver observer);
  ~PeerRoster();

  void Learn(const std::vector<tracking::PeerInfo>& peers, absl::Duration now);
  // The content is known: from now on peers are called.
  void Begin(const ContentId& content) { content_ = content; }
  void CallPeers(absl::Duration now);
  // What is held here from now on, to be told to the peers that are connected and those to come.
  void Offer(std::shared_ptr<const ChunkSource> source);
  void Announce(const std::vector<ChunkIndex>& gained);

  // Notes that a link's hellos are through.
  void Welcome(PeerLink& link);
  // Ends a link, if it has not ended yet. `why` is for people.
  void End(PeerLink& link, Ending ending, const std::string& why, absl::Duration now,
           absl::Duration wait = absl::ZeroDuration());
  // Never again, whether it is connected or not. Its link, if there is one, must be ended by the caller.
  void Condemn(const PeerId& peer, const Endpoint& endpoint, const std::string& why);
  void CloseAll();

  // The links with hellos exchanged, in the order of their making. Valid until one begins or ends.
  const std::vector<PeerLink*>& ready() const { return ready_; }
  PeerLink* Find(PeerSlot slot) const;
  PeerLink* FindPeer(const PeerId& peer) const;
  uint32_t connecting() const { return static_cast<uint32_t>(links_.size() - ready_.size()); }
  PeerBook& book() { return book_; }
  PeerTally& tally() { return tally_; }

 private:
  void ReportBad(const PeerId& peer, tracking::PeerReport::Reason reason);

  net::LoopScope& loop_;
  const Options options_;
  LinkEvents* const events_;
  const DownloadObserver observer_;
  ContentId content_;
  std::shared_ptr<const ChunkSource> source_;  // null before the store is open
  PeerBook book_;
  PeerTally tally_;
  uint32_t next_slot_ = 0;
  std::vector<std::unique_ptr<PeerLink>> links_;
  std::vector<std::unique_ptr<PeerLink>> ended_;  // may still be on the call stack; freed a moment later
  std::vector<PeerLink*> ready_;
};

// What a peer's Refuse means for whoever asked. When it speaks of chunks (refuse.chunks is not empty) and
// `chunks_alone` is set, only these will not come, and the connection goes on; otherwise the connection ends
// as `ending` and `wait` say.
struct Refusal {
  bool chunks_alone = false;
  bool never_held = false;  // the peer does not have those chunks, so it is not asked for them again
  PeerRoster::Ending ending = PeerRoster::Ending::kNotNow;
  absl::Duration wait;  // before the peer is called again
  std::string why;      // for people
};

// Pure.
Refusal JudgeRefusal(const stream::Refuse& refuse, const DownloadTuning& tuning);

}  // namespace shoal::leecher
