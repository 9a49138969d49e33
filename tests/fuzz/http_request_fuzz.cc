// The target of an HTTP request, its query, and the judgement on its names, origin and token.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "shoal/service/http/http_server.h"
#include "shoal/service/http/request_guard.h"

// Lines: the target, Host, Origin, Authorization.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace service = shoal::service;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> lines = absl::StrSplit(text, absl::MaxSplits('\n', 3));
  const auto line = [&](size_t i) { return i < lines.size() ? lines[i] : std::string(); };

  const auto target = service::HttpTarget::Parse(line(0));
  if (!target.ok()) return 0;
  if (target->path.empty() || target->path[0] != '/') std::abort();
  if (target->path.find('\0') != std::string::npos || target->path.size() > line(0).size()) std::abort();
  const auto fields = service::ParseQuery(target->query);
  if (fields.ok()) {
    size_t bytes = 0;
    for (const auto& [name, value] : *fields) bytes += name.size() + value.size();
    if (bytes > target->query.size()) std::abort();
  }

  service::HttpRequest request{"GET", target->path, target->query, ""};
  request.headers = {{"host", line(1)}, {"origin", line(2)}, {"authorization", line(3)}};
  request.local.ip = request.remote.ip = *shoal::IpAddress::Parse("127.0.0.1");
  const service::RequestGuard guard(service::RequestGuard::Options{});
  // A name that resolves to this machine by a foreign server's will is not ours.
  const bool foreign =
      absl::StartsWith(line(1), "evil") && !absl::StrContains(absl::AsciiStrToLower(line(1)), "localhost");
  if (foreign && !guard.Judge(request).has_value()) std::abort();
  return 0;
}
