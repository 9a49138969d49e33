#include "services/seeder/seeder_pages.h"

#include <cstdint>
#include <utility>

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "shoal/base/status_macros.h"
#include "shoal/service/http/embedded_files.h"
#include "shoal/service/http/request_guard.h"
#include "web/pages.h"

namespace shoal::seeder {
namespace {

using nlohmann::json;

uint64_t Rounded(double rate) {
  return static_cast<uint64_t>(rate + 0.5);
}

service::HttpResponse Page(const json& shown) {
  // Names of files may be anything.
  return service::PageJson(shown.dump(-1, ' ', false, json::error_handler_t::replace));
}

// A list of at most kMaxListed items, and how many there are.
class BoundedList {
 public:
  explicit BoundedList(const char* name) : name_(name) {}
  // `make` returns the item as JSON. Called only if there is room for it.
  template <typename Make>
  void Add(const Make& make) {
    if (++total_ <= kMaxListed) items_.push_back(make());
  }
  service::HttpResponse AsPage() const { return Page({{name_, items_}, {"total", total_}}); }

 private:
  const char* const name_;
  json items_ = json::array();
  uint64_t total_ = 0;
};

service::HttpResponse StatusPage(const PageSources& sources, absl::Duration started) {
  const service::ServingFigures figures = sources.figures();
  double rate = 0;
  for (const service::ServingFigures::Content& content : figures.by_content) rate += content.bytes_per_second;
  json hashing = json::array();
  for (const CatalogRecord::Hashing& each : sources.record->hashing()) {
    hashing.push_back(
        {{"entry", each.entry}, {"doneBytes", each.done_bytes}, {"totalBytes", each.total_bytes}});
  }
  json trackers = json::array();
  for (const PageSources::Tracker& each : sources.trackers())
    trackers.push_back({{"url", each.url}, {"failure", each.failure}});
  return Page({{"version", sources.version},
               {"uptimeSeconds", absl::ToInt64Seconds(sources.clock->Uptime() - started)},
               {"ready", figures.ready},
               {"notReady", figures.ready ? "" : figures.not_ready},
               {"shareFolder", sources.share},
               {"signer", sources.signer},
               {"contents", figures.contents},
               {"contentBytes", figures.content_bytes.value_or(0)},
               {"sentBytes", figures.sent_bytes},
               {"sendRateBytesPerSecond", Rounded(rate)},
               {"sessions", figures.sessions},
               {"refused", figures.refused},
               {"hashing", std::move(hashing)},
               {"trackers", std::move(trackers)}});
}

// The part of a name that the query asks for, in lower case. Errors: INVALID_ARGUMENT for any other field.
absl::StatusOr<std::string> AskedName(const std::string& query) {
  SHOAL_ASSIGN_OR_RETURN(const auto fields, service::ParseQuery(query));
  std::string asked;
  for (const auto& [name, value] : fields) {
    if (name != "nameContains") return absl::InvalidArgumentError(absl::StrCat("there is no field ", name));
    asked = absl::AsciiStrToLower(value);
  }
  return asked;
}

service::HttpResponse ContentsPage(const PageSources& sources, const std::string& query) {
  const absl::StatusOr<std::string> asked = AskedName(query);
  if (!asked.ok()) {
    return {400, "text/plain; charset=utf-8", absl::StrCat(std::string(asked.status().message()), "\n")};
  }
  BoundedList contents("contents");
  for (const auto& source : sources.record->offered()) {
    const Manifest& manifest = *source->manifest();
    if (!absl::StrContains(absl::AsciiStrToLower(manifest.name()), *asked)) continue;
    contents.Add([&]() -> json {
      const stream::ContentTotals sent = sources.server->content_totals(manifest.id());
      return {{"name", manifest.name()},
              {"contentHex", manifest.id().ToHex()},
              {"lengthBytes", manifest.length_bytes()},
              {"fileCount", manifest.files().size()},
              {"chunkCount", manifest.chunk_count()},
              {"leftOutCount", source->left_out_count()},
              {"sentBytes", sent.sent_bytes},
              {"sendRateBytesPerSecond", Rounded(sent.bytes_per_second)},
              {"peers", sent.peers.size()}};
    });
  }
  return contents.AsPage();
}

service::HttpResponse PeersPage(const PageSources& sources) {
  BoundedList peers("peers");
  for (const auto& source : sources.record->offered()) {
    const Manifest& manifest = *source->manifest();
    for (const stream::PeerUpload& peer : sources.server->content_totals(manifest.id()).peers) {
      peers.Add([&]() -> json {
        return {{"endpoint", peer.endpoint.ToString()},
                {"peerHex", peer.peer.ToHex()},
                {"name", manifest.name()},
                {"contentHex", manifest.id().ToHex()},
                {"sentBytes", peer.sent_bytes},
                {"sentChunks", peer.sent_chunks},
                {"sendRateBytesPerSecond", Rounded(peer.bytes_per_second)}};
      });
    }
  }
  return peers.AsPage();
}

service::HttpResponse LeftOutPage(const PageSources& sources) {
  BoundedList entries("entries");
  for (const CatalogRecord::Omission& each : sources.record->omissions()) {
    entries.Add([&] {
      json entry = {{"entry", each.entry}, {"reason", each.reason}};
      if (!each.path.empty()) entry["path"] = each.path;
      return entry;
    });
  }
  return entries.AsPage();
}

}  // namespace

service::HttpServer::Routes SeederPages(const PageSources& sources) {
  service::HttpServer::Routes routes = service::FileRoutes(SeederPage(), "/");
  routes["/api/status"] = [sources, started = sources.clock->Uptime()](const service::HttpRequest&) {
    return StatusPage(sources, started);
  };
  routes["/api/contents"] = [sources](const service::HttpRequest& request) {
    return ContentsPage(sources, request.query);
  };
  routes["/api/peers"] = [sources](const service::HttpRequest&) { return PeersPage(sources); };
  routes["/api/left_out"] = [sources](const service::HttpRequest&) { return LeftOutPage(sources); };
  return routes;
}

}  // namespace shoal::seeder
