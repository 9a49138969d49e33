#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/leecher/download/policy/wanted_files.h"
#include "shoal/base/endpoint.h"
#include "shoal/net/rate_limit.h"
#include "shoal/tracking/client/tracker_url.h"

namespace shoal::leecher {

// Where this process serves chunks to others, and under which address.
struct ServeOptions {
  std::optional<HostPort> listen = HostPort{"0.0.0.0", 0};  // none: it does not serve
  std::string advertise;         // host that others shall use; empty: as the tracker sees us
  std::string site;              // where this process stands, as CheckSite lets it through; empty: nowhere
  std::optional<HostPort> grpc;  // health service; none: not there
};

struct GetOptions {
  std::vector<std::string> contents;           // names, ids, .shoal files
  std::vector<tracking::TrackerUrl> trackers;  // may be empty when all contents are .shoal files
  std::string output_folder = ".";
  ServeOptions serve;
  // Serve on after the download: for how long; unset: ask on a terminal, otherwise don't.
  std::optional<absl::Duration> seed;
  // Give up when no byte came for this long.
  absl::Duration wait = absl::Minutes(1);
  uint32_t max_peers = 32;
  // For all contents of the process together; RateLimit::kUnlimited: none.
  uint64_t limit_down_bytes_per_second = net::RateLimit::kUnlimited;
  uint64_t limit_up_bytes_per_second = net::RateLimit::kUnlimited;
  SelectionRules selection;
  bool sequential = false;
  std::string on_complete;
  bool verify = false;
  bool json = false;
  bool quiet = false;
};

struct ListOptions {
  std::vector<tracking::TrackerUrl> trackers;
  std::string name_contains;
  bool json = false;
};

struct InfoOptions {
  std::string content;
  std::vector<tracking::TrackerUrl> trackers;  // may be empty for a .shoal file
  bool json = false;
};

struct MakeOptions {
  std::string path;
  std::string output_path;  // empty: the content's name with ".shoal" in the current folder
  std::optional<uint32_t> chunk_size_bytes;
  std::vector<tracking::TrackerUrl> trackers;
  bool json = false;
  bool quiet = false;
};

struct SeedOptions {
  std::string path;
  std::vector<tracking::TrackerUrl> trackers;
  ServeOptions serve;
  uint64_t limit_up_bytes_per_second = net::RateLimit::kUnlimited;
  absl::Duration duration = absl::InfiniteDuration();
  bool json = false;
  bool quiet = false;
};

struct HealthCheckOptions {
  HostPort address;
};

using Command =
    std::variant<GetOptions, ListOptions, InfoOptions, MakeOptions, SeedOptions, HealthCheckOptions>;

enum class CommandName { kGet, kList, kInfo, kMake, kSeed, kHealthCheck };

// What was typed (or found in the environment), flag by flag and not yet understood.
struct Words {
  CommandName command = CommandName::kGet;
  std::vector<std::string> contents;  // get
  std::string subject;                // list: TEXT; info: NAME|ID|FILE.shoal; make, seed: PATH
  std::vector<std::string> trackers;  // each may be several, with commas
  std::string output;                 // get: DIR; make: FILE.shoal
  std::string listen = "0.0.0.0:0";
  std::string advertise;
  std::string site;
  std::string grpc = "none";
  std::string seed;
  std::string wait = "1m";
  std::string serve_for = "forever";
  std::string chunk_size;
  uint32_t max_peers = 32;
  std::string limit_down = "none";
  std::string limit_up = "none";
  std::vector<std::string> include;  // each may be several globs, with commas; so in the next two
  std::vector<std::string> exclude;
  std::vector<std::string> priority;  // GLOB=PRIORITY
  bool sequential = false;
  std::string on_complete;
  std::string health_check;
  bool verify = false;
  bool json = false;
  bool quiet = false;
};

// Everything that can be checked without touching a network or a file is checked here; INVALID_ARGUMENT names
// the flag. Pure.
absl::StatusOr<Command> Interpret(const Words& words);

}  // namespace shoal::leecher
