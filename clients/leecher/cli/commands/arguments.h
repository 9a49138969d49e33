#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "clients/leecher/download/policy/wanted_files.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/manifest/publisher_signature.h"
#include "shoal/content/publish/folder_listing.h"
#include "shoal/net/rate_limit.h"
#include "shoal/net/tls/tls_context.h"
#include "shoal/service/ticket_flags.h"
#include "shoal/tracking/client/tracker_url.h"

namespace shoal::leecher {

// The command line as values, and what its words mean. Nothing here touches a network or a file.

// The meaning of a word that names a content.
enum class ContentWord {
  kManifestFile,  // ends in ".shoal"
  kId,            // 64 hex digits
  kName,          // or the beginning of an id
};
ContentWord Classify(absl::string_view word);

// Where this process serves chunks, and under which address peers reach it.
struct ServeOptions {
  std::optional<HostPort> listen = HostPort{"0.0.0.0", 0};  // none: it serves nothing
  std::string advertise;         // host that peers connect to; empty: the address that the tracker sees
  std::string site;              // location, as CheckSite accepts it; empty: none
  std::optional<HostPort> http;  // metrics and health pages; none: no pages
  std::optional<HostPort> grpc;  // health service; none: no health service
  // Read from Words::tickets by the program. Whose tickets let a peer be served, as
  // service::LoadTicketIssuers; none: everybody is served.
  std::optional<TrustedKeys> ticket_issuers = {};
};

struct GetOptions {
  std::vector<std::string> contents;           // names, ids, .shoal files
  std::vector<tracking::TrackerUrl> trackers;  // may be empty when all contents are .shoal files
  std::string output_folder = ".";
  ServeOptions serve;
  // How long to serve after the download; unset: ask on a terminal, otherwise do not serve.
  std::optional<absl::Duration> seed;
  // The download fails after this long without a byte. Unset: as in DownloadOptions.
  std::optional<absl::Duration> wait;
  std::vector<std::string> trust;  // keys as text, and files of keys; empty: any publisher
  uint32_t max_peers = 32;
  // For all contents of the process together; RateLimit::kUnlimited: none.
  uint64_t limit_down_bytes_per_second = net::RateLimit::kUnlimited;
  uint64_t limit_up_bytes_per_second = net::RateLimit::kUnlimited;
  SelectionRules selection;
  bool sequential = false;
  std::string on_complete;
  bool verify = false;
  bool dry_run = false;
  bool repair = false;
  bool json = false;
  bool quiet = false;
  std::shared_ptr<net::TlsContext> tls = nullptr;  // read from Words::tls by the program; null: without TLS
  std::string tracker_token_file = {};             // empty: none
};

struct ListOptions {
  std::vector<tracking::TrackerUrl> trackers;
  std::string name_contains;
  bool json = false;
  std::shared_ptr<net::TlsContext> tls = nullptr;  // read from Words::tls by the program; null: without TLS
  std::string tracker_token_file = {};             // empty: none
  bool names_only = false;                         // at most 1000 and soon, for completions
};

struct InfoOptions {
  std::string content;
  std::vector<tracking::TrackerUrl> trackers;  // may be empty for a .shoal file
  bool json = false;
  std::shared_ptr<net::TlsContext> tls = nullptr;  // read from Words::tls by the program; null: without TLS
  std::string tracker_token_file = {};             // empty: none
};

struct MakeOptions {
  std::string path;
  std::string output_path;  // empty: the content's name with ".shoal" in the current folder
  std::optional<uint32_t> chunk_size_bytes;
  LinkPolicy links = LinkPolicy::kKeepInside;
  std::vector<tracking::TrackerUrl> trackers;
  std::string sign_key;  // a file; empty: the .shoal file is not signed
  bool json = false;
  bool quiet = false;
};

// `key`: makes a key to sign with.
struct KeyOptions {
  std::string path;
  bool if_missing = false;
  bool json = false;
};

struct SaveOptions {
  std::string content;
  std::vector<tracking::TrackerUrl> trackers;
  std::string output_path;             // empty: the content's name with ".shoal" in the current folder
  std::optional<absl::Duration> wait;  // unset: as in DownloadOptions
  std::vector<std::string> trust;      // as in GetOptions
  bool json = false;
  bool quiet = false;
  std::shared_ptr<net::TlsContext> tls = nullptr;  // read from Words::tls by the program; null: without TLS
  std::string tracker_token_file = {};             // empty: none
};

struct SeedOptions {
  std::string path;
  LinkPolicy links = LinkPolicy::kKeepInside;
  std::vector<tracking::TrackerUrl> trackers;
  ServeOptions serve;
  uint64_t limit_up_bytes_per_second = net::RateLimit::kUnlimited;
  absl::Duration duration = absl::InfiniteDuration();
  std::string sign_key;  // a file; empty: what is published is not signed
  bool json = false;
  bool quiet = false;
  std::shared_ptr<net::TlsContext> tls = nullptr;  // read from Words::tls by the program; null: without TLS
  std::string tracker_token_file = {};             // empty: none
};

// `certs`: certificates for tries.
struct CertsOptions {
  std::string folder;
  std::vector<std::string> hosts;
  bool if_missing = false;
  bool json = false;
  bool quiet = false;
};

// `serve`: the agent.
struct AgentOptions {
  std::vector<tracking::TrackerUrl> trackers;  // may be empty
  std::string output_folder = ".";
  std::string state_folder;  // empty: the default
  std::string unix_socket;   // empty: the default
  std::string token_file;    // empty: none
  std::vector<std::string> http_names;
  std::vector<std::string> follow;  // globs
  std::vector<std::string> trust;   // as in GetOptions, for all downloads
  uint32_t keep_versions = 1;
  uint64_t disk_budget_bytes = 0;  // 0: none
  ServeOptions serve;
  uint32_t max_peers = 32;
  uint64_t limit_down_bytes_per_second = net::RateLimit::kUnlimited;
  uint64_t limit_up_bytes_per_second = net::RateLimit::kUnlimited;
  std::string on_complete;
  std::string log_format = "text";
  std::shared_ptr<net::TlsContext> tls = nullptr;  // read from Words::tls by the program; null: without TLS
  std::string tracker_token_file = {};             // empty: none
};

// A command to the agent of this machine.
struct AgentCommandOptions {
  enum class Action {
    kStatus,
    kAdd,
    kPause,
    kResume,
    kRemove,
    kVerify,
    kPriority,
    kLimit,
    kPin,
    kUnpin,
    kFollow,
    kUnfollow,
    kTop,
  };
  Action action = Action::kStatus;
  // Of status and limit (may be empty), pause, resume, remove, verify, pin, unpin: downloads, by number, name
  // or id. Of add: names, ids, .shoal files. Of priority: one download. Of follow and unfollow: globs.
  std::vector<std::string> subjects;
  std::string unix_socket;                              // empty: the default
  std::vector<tracking::TrackerUrl> trackers;           // add; empty: the agent's
  std::string output_folder;                            // add, follow; empty: the agent's
  SelectionRules selection;                             // add, priority
  uint32_t keep_versions = 1;                           // follow
  std::vector<std::string> trust;                       // follow; as in GetOptions
  std::optional<uint64_t> limit_down_bytes_per_second;  // limit, add
  std::optional<uint64_t> limit_up_bytes_per_second;    // the same
  bool sequential = false;                              // add
  bool paused = false;                                  // add
  bool repair = false;                                  // add
  bool with_data = false;                               // remove
  bool names_only = false;                              // status
  bool json = false;
};

// `token`: makes a token for a tracker.
struct TokenOptions {
  std::string rights;              // as in the tracker's file: "publish,fetch"
  std::vector<std::string> names;  // globs; empty: all names
  bool json = false;
};

struct HealthCheckOptions {
  std::string target;  // of gRPC: HOST:PORT or unix:PATH
};

using Command =
    std::variant<GetOptions, ListOptions, InfoOptions, MakeOptions, SaveOptions, SeedOptions, KeyOptions,
                 AgentOptions, AgentCommandOptions, CertsOptions, TokenOptions, HealthCheckOptions>;

enum class CommandName {
  kGet,
  kList,
  kInfo,
  kMake,
  kSave,
  kSeed,
  kKey,
  kServe,
  kAgent,
  kCerts,
  kToken,
  kHealthCheck
};

// The command line and the environment, flag by flag, before they are interpreted. The defaults are those
// that --help shows.
struct Words {
  CommandName command = CommandName::kGet;
  std::vector<std::string> contents;  // get
  std::vector<std::string> hosts;     // certs
  std::string subject;  // list: TEXT; info: NAME|ID|FILE.shoal; save: NAME|ID; make, seed: PATH; certs: DIR
  std::vector<std::string> trackers;  // each may hold several, separated by commas
  std::string tracker_token_file;
  std::string rights;              // token
  std::vector<std::string> names;  // token; each may hold several globs, separated by commas
  std::string output;              // get: DIR; make, save: FILE.shoal
  std::string listen = "0.0.0.0:0";
  std::string advertise;
  std::string site;
  std::string http = "none";
  std::string grpc = "none";
  std::string seed;
  std::string wait;
  std::string serve_for = "forever";
  std::string chunk_size;
  std::string links = "keep";
  std::string sign_key;
  std::vector<std::string> trust;  // each may hold several, separated by commas
  uint32_t max_peers = 32;
  std::string limit_down = "none";
  std::string limit_up = "none";
  std::vector<std::string> include;  // each of these three may hold several globs, separated by commas
  std::vector<std::string> exclude;
  std::vector<std::string> priority;  // GLOB=PRIORITY
  bool sequential = false;
  std::string on_complete;
  std::string health_check;
  std::string state;
  std::string socket;
  std::string agent_http = "127.0.0.1:7433";
  std::string token_file;
  std::vector<std::string> http_names;
  std::vector<std::string> follow;
  uint32_t keep = 1;
  std::string disk = "none";
  std::string log_format = "text";
  AgentCommandOptions::Action action = AgentCommandOptions::Action::kStatus;
  std::string new_limit_down;  // limit, add; empty: as it is
  std::string new_limit_up;    // the same
  bool paused = false;
  bool with_data = false;
  bool names_only = false;
  bool verify = false;
  bool dry_run = false;
  bool repair = false;
  bool json = false;
  bool quiet = false;
  net::TlsFiles tls;
  service::TicketFlags tickets;
  bool if_missing = false;  // certs, key
};

// Checks everything that can be checked without touching a network or a file. Pure.
// Errors: INVALID_ARGUMENT with the flag and what it takes.
absl::StatusOr<Command> Interpret(const Words& words);

}  // namespace shoal::leecher
