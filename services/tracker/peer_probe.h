#pragma once

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "services/tracker/access/ticket_issuer.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/net/transport/transport.h"

namespace shoal::tracker {

// Finds out whether a peer answers at an address: connects to it, exchanges the hellos of the chunk stream
// and compares the peer id. It asks for no chunk.
//
// Thread safety: Try is safe. Results arrive on a thread of the probe's own.
class PeerProbe {
 public:
  // `transports`: as the peers' chunk servers expect them. `tickets`: for peers that demand one; must outlive
  // this.
  PeerProbe(std::shared_ptr<const net::TransportFactory> transports, const TicketIssuer* tickets);
  ~PeerProbe();  // Stop()
  PeerProbe(const PeerProbe&) = delete;
  PeerProbe& operator=(const PeerProbe&) = delete;

  // Calls `done` once, within about 5 seconds: OK when a process at `endpoint` states that it is `peer` and
  // serves `content`, whose name is `name`. Not at all after Stop. Errors: those of ChunkSession;
  // FAILED_PRECONDITION when another peer answers.
  void Try(const Endpoint& endpoint, const PeerId& peer, const ContentId& content, const std::string& name,
           std::function<void(absl::Status)> done);

  // Drops what is in progress. Idempotent; not called from `done`.
  void Stop();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::tracker
