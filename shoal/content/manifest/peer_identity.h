#pragma once

#include "shoal/content/manifest/ids.h"

namespace shoal {

// Returns: the id of the peer that has `secret`: the first 16 bytes of SHA-256("shoal peer id v1\n" | secret)
// (docs/wire_format.md, "Peer ids"). A tracker computes it again for each request, and so needs to remember
// no secret. Thread safety: thread-safe; takes less than a microsecond.
PeerId PeerIdOf(const PeerSecret& secret);

// The identity of a process towards its trackers and peers: drawn at each start, kept in memory only.
// Immutable value.
class PeerIdentity {
 public:
  explicit PeerIdentity(const PeerSecret& secret) : secret_(secret), id_(PeerIdOf(secret)) {}
  // Returns: a new identity from the system's random source. Thread safety: thread-safe.
  static PeerIdentity Random();

  const PeerSecret& secret() const { return secret_; }
  // Known to everyone who sees the peer.
  const PeerId& id() const { return id_; }

 private:
  PeerSecret secret_;
  PeerId id_;
};

}  // namespace shoal
