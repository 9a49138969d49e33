#pragma once

#include <functional>
#include <string>
#include <vector>

#include "services/seeder/catalog_record.h"
#include "shoal/base/clock.h"
#include "shoal/service/http/http_server.h"
#include "shoal/service/metrics/serving_metrics.h"
#include "shoal/stream/chunk_server.h"

namespace shoal::seeder {

// Where the pages get their values from. Requires: all outlive the server, and what functions return does not
// wait for anything.
struct PageSources {
  struct Tracker {
    std::string url;
    std::string failure;  // why it is away; empty: it is not
  };

  const CatalogRecord* record;
  const stream::ChunkServer* server;
  const Clock* clock;
  std::string share;  // the folder
  std::string version;
  std::string signer;  // the public key that all is signed with; empty: none
  std::function<service::ServingFigures()> figures;
  std::function<std::vector<Tracker>()> trackers;
};

// The most entries that one of the lists below has. Its `total` says how many there are.
inline constexpr size_t kMaxListed = 5000;

// The routes of the seeder's page:
//   /              the page for people (web/seeder), and its files
//   /api/status    readiness, totals, what is hashed, trackers
//   /api/contents  what is published, by name; ?nameContains=TEXT selects names, ignoring the case of ASCII
//   letters
//   /api/peers     who is connected, and what was sent to it
//   /api/left_out  what is not published, and why
// Rates are in bytes per second.
service::HttpServer::Routes SeederPages(const PageSources& sources);

}  // namespace shoal::seeder
