#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/mutex.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracker {

// The two ends of a client's connection, or of its datagram.
struct Caller {
  IpAddress source;
  IpAddress local;  // where it reached this tracker; unspecified: unknown
};

// Decides which addresses of a peer the tracker stores, and which of them it returns to a given caller.
//
// A peer on the tracker's own machine is seen at an address that may be useless to others, such as loopback.
// It is kept as a loopback address, which means here: on the tracker's machine. Each caller that receives
// it gets instead the address at which that caller reached the tracker, because this is an address of the
// machine that works for this caller. A caller on the machine itself usually reaches the tracker at loopback,
// and so gets loopback.
//
// Thread safety: immutable.
class PeerAddresses {
 public:
  // `own`: all addresses of this machine.
  explicit PeerAddresses(std::vector<IpAddress> own) : own_(own.begin(), own.end()) {}

  // Whether a caller seen at `source` is on this machine: at any loopback address, at an address of the
  // machine, or without one (at a Unix socket).
  bool IsHere(const IpAddress& source) const;

  // Returns: the address to keep for a peer that is seen at `source`: loopback of the same family for one on
  // this machine, and otherwise `source` itself.
  IpAddress Kept(const IpAddress& source) const;

  // Replaces what `request` says of the peer's addresses by what is kept of it: an unspecified or loopback
  // address means that of the caller. Removes addresses that occur twice, and IPv6 link-local ones if there
  // are others: without a scope no other machine can use them.
  void Complete(const Caller& caller, tracking::RegisterRequest* request) const;

  // Replaces stored addresses by those that `caller` can use. Moves the best address of each peer to the
  // front: one in the caller's subnet (/24, or /64 of IPv6), otherwise one of the caller's address family.
  static void NameTo(const Caller& caller, std::vector<tracking::PeerInfo>* peers) {
    for (tracking::PeerInfo& peer : *peers) NameTo(caller, &peer);
  }
  static void NameTo(const Caller& caller, tracking::PeerInfo* peer);
  // Whether NameTo may change the peer: false for one with a single address elsewhere.
  static bool DependsOnCaller(const tracking::PeerInfo& peer);
  // The same for one address of a BitTorrent peer, which has no others.
  static IpAddress NameTo(const Caller& caller, const IpAddress& kept);

 private:
  const absl::flat_hash_set<IpAddress> own_;
};

// The current PeerAddresses of a machine whose addresses may change while the tracker runs.
//
// Thread safety: thread-safe. Snapshot takes some nanoseconds.
class CurrentPeerAddresses {
 public:
  using ReadOwn = std::function<std::vector<IpAddress>()>;
  explicit CurrentPeerAddresses(ReadOwn read_own) : read_own_(std::move(read_own)) { Refresh(); }

  // Reads the machine's addresses again. To be called every few seconds.
  void Refresh();
  std::shared_ptr<const PeerAddresses> Snapshot() const {
    MutexLock lock(&mutex_);
    return current_;
  }

 private:
  const ReadOwn read_own_;
  mutable Mutex mutex_;
  std::shared_ptr<const PeerAddresses> current_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::tracker
