#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "shoal/base/endpoint.h"
#include "shoal/net/tls/tls_context.h"

namespace shoal::service {

// What the programs say at their start about listeners that admit anyone.

// A listener, and what it asks of those who reach it.
struct ListenerTerms {
  Endpoint at;                           // with the port that it got
  absl::string_view scheme = "";         // shown before the address, such as "udp://"
  const net::TlsContext* tls = nullptr;  // null: it speaks no TLS
  bool asks_for_permit = false;          // a token or a ticket
};

// "anyone who reaches 0.0.0.0:50051 or udp://0.0.0.0:6969 can publish here; see docs/security.md": names the
// listeners that other machines may reach and that ask for neither a permit nor a client certificate. Empty
// without such a listener. `what`: "publish here". Pure.
std::string DescribeOpenListeners(const std::vector<ListenerTerms>& listeners, absl::string_view what);

}  // namespace shoal::service
