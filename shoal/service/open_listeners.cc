#include "shoal/service/open_listeners.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "shoal/net/interface_addresses.h"

namespace shoal::service {
namespace {

bool AdmitsAnyone(const ListenerTerms& listener) {
  // TLS without authorities encrypts, but demands no certificate.
  const bool demands_certificates = listener.tls != nullptr && !listener.tls->files().authorities.empty();
  return !listener.asks_for_permit && !demands_certificates && !net::IsLoopback(listener.at.ip);
}

}  // namespace

std::string DescribeOpenListeners(const std::vector<ListenerTerms>& listeners, absl::string_view what) {
  std::vector<std::string> open;
  for (const ListenerTerms& listener : listeners) {
    if (AdmitsAnyone(listener)) open.push_back(absl::StrCat(listener.scheme, listener.at.ToString()));
  }
  if (open.empty()) return "";
  return absl::StrCat("anyone who reaches ", absl::StrJoin(open, " or "), " can ", what,
                      "; see docs/security.md");
}

}  // namespace shoal::service
