#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "clients/leecher/cli/commands/arguments.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/terminal/interrupts.h"
#include "clients/leecher/session/exit_code.h"
#include "clients/leecher/session/json_events.h"
#include "shoal/base/clock.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/process_limits.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/service/command_line.h"
#include "shoal/service/grpc/grpc_lazy_engine.h"
#include "shoal/service/grpc/grpc_server.h"
#include "shoal/service/log/log.h"
#include "shoal/service/ticket_flags.h"
#include "shoal/service/tls_flags.h"

namespace shoal::leecher {
namespace {

// The examples name the program "shoal"; it is shown under the name that it was called by.

constexpr char kGetFooter[] =
    "\nExamples:\n"
    "  shoal get model.tar --tracker=tracker.example:50051 -o /data\n"
    "  shoal get model.tar.shoal --seed=2h     # the file names its trackers\n"
    "  shoal get a.iso b.iso --on-complete='sha256sum \"$SHOAL_FILE\"'\n"
    "  shoal get 9f86d081884c7d65 --json | jq 'select(.event==\"finished\")'\n"
    "  shoal get dataset --include='*.csv,train/' --exclude='*.tmp' --priority='train/first*=high'\n"
    "  shoal get film.mkv --sequential --limit-down=20Mbit --limit-up=800KiB\n"
    "\n"
    "While it downloads, it serves the chunks that it holds to other peers. Afterwards, on a\n"
    "terminal, it asks whether to continue serving; --seed answers beforehand. Ctrl-C keeps what\n"
    "was fetched: run the same command again to continue. SIGUSR1 pauses the downloads and\n"
    "SIGUSR2 resumes them; chunks are served all the time.\n\n";
constexpr char kListFooter[] =
    "\nExamples:\n"
    "  shoal list --tracker=tracker.example:50051\n"
    "  shoal list llama --json\n";
constexpr char kInfoFooter[] =
    "\nExamples:\n"
    "  shoal info model.tar --tracker=tracker.example:50051  # its files and peers\n"
    "  shoal info model.tar.shoal              # its files, and its own trackers\n";
constexpr char kMakeFooter[] =
    "\nExamples:\n"
    "  shoal make model.tar --tracker=tracker.example:50051  # writes model.tar.shoal\n"
    "  shoal make dataset/ -o /tmp/dataset.shoal --chunk-size=1MiB\n";
constexpr char kSaveFooter[] =
    "\nExamples:\n"
    "  shoal save model.tar --tracker=tracker.example:50051  # writes model.tar.shoal\n"
    "  shoal save 9f86d081884c7d65 --tracker=tracker.example:50051 -o /tmp/model.shoal\n";
constexpr char kSeedFooter[] =
    "\nExamples:\n"
    "  shoal seed model.tar --tracker=tracker.example:50051\n"
    "  shoal seed dataset/ --listen=0.0.0.0:6881 --advertise=files.example --for=8h\n";
constexpr char kCertsFooter[] =
    "\nExamples:\n"
    "  shoal certs ./tls --host=tracker.example --host=192.0.2.7\n"
    "  shoal get model.tar --tracker=tracker.example:50051 --tls-cert=tls/cert.pem --tls-key=tls/key.pem "
    "--tls-ca=tls/ca.pem\n"
    "\nFor tries and tests: all machines share one certificate, and its CA's key lies beside it.\n";
constexpr char kKeyFooter[] =
    "\nExamples:\n"
    "  shoal key publisher.pem                 # prints ed25519:...\n"
    "  shoal seed model.tar --sign-key=publisher.pem --tracker=tracker.example:50051\n"
    "  shoal get model.tar --trust=ed25519:... --tracker=tracker.example:50051\n";
constexpr char kTokenFooter[] =
    "\nExamples:\n"
    "  shoal token --rights=publish,fetch              # prints the token, and the line for the tracker\n"
    "  shoal token --rights=fetch,list --names='llama*,data-?'\n";

constexpr char kServeFooter[] =
    "\nExamples:\n"
    "  shoal serve --tracker=tracker.example:50051 -o /data\n"
    "  shoal serve --tracker=tracker.example:50051 -o /models --follow='llama*' --keep=2 --disk=200GiB\n"
    "  shoal serve --http=0.0.0.0:7433 --token-file=/etc/shoal/tokens\n"
    "\nThe page is at http://localhost:7433/; `shoal status`, `shoal add NAME` and others talk to the "
    "agent.\n";
constexpr char kAgentFooter[] =
    "\nExamples:\n"
    "  shoal add model.tar film.shoal\n"
    "  shoal status --json | jq '.downloads[].name'\n"
    "  shoal pause 3; shoal remove model.tar --with-data\n"
    "  shoal priority dataset 'train/*=high' '*.tmp=skip'\n"
    "  shoal follow 'llama*' --keep=2\n";
constexpr char kFooter[] =
    "\nExamples:\n"
    "  shoal list --tracker=tracker.example:50051\n"
    "  shoal get model.tar --tracker=tracker.example:50051 -o /data\n"
    "\nMost flags can be set by the environment: SHOAL_TRACKER, SHOAL_OUTPUT, SHOAL_SEED, ...\n"
    "`shoal COMMAND --help` shows a command's flags and examples.\n\n";

std::string Footer(absl::string_view text, const std::string& program) {
  return absl::StrReplaceAll(
      text, {{"  shoal ", absl::StrCat("  ", program, " ")}, {"`shoal ", absl::StrCat("`", program, " ")}});
}

void AddTrackers(CLI::App& command, Words& words) {
  command.add_option("-t,--tracker", words.trackers, "HOST:PORT (gRPC), grpc://HOST:PORT or udp://HOST:PORT")
      ->envname("SHOAL_TRACKER")
      ->type_name("URL[,URL...]")
      ->expected(1)
      ->take_all();
}

void AddTrackerToken(CLI::App& command, Words& words) {
  command
      .add_option("--tracker-token-file", words.tracker_token_file,
                  "The token for the trackers of --tracker, if they ask for one")
      ->envname("SHOAL_TRACKER_TOKEN_FILE")
      ->type_name("FILE");
}

void AddServing(CLI::App& command, Words& words) {
  command.add_option("--listen", words.listen, "Address of the chunk stream listener; port 0: any free port")
      ->envname("SHOAL_LISTEN")
      ->type_name("HOST:PORT|none")
      ->capture_default_str();
  command
      .add_option(
          "--advertise", words.advertise,
          "Addresses under which peers reach this machine; default: the one that trackers see, and those of "
          "its interfaces")
      ->envname("SHOAL_ADVERTISE")
      ->type_name("HOST[:PORT],...");
  command
      .add_option("--site", words.site,
                  "Location of this machine in your own words (a rack, a city); trackers name peers of one "
                  "site to each other first")
      ->envname("SHOAL_SITE")
      ->type_name("NAME");
  command.add_option("--http", words.http, "Address of the pages /metrics, /healthz and /readyz")
      ->envname("SHOAL_HTTP")
      ->type_name("HOST:PORT|none")
      ->capture_default_str();
  command.add_option("--grpc", words.grpc, "Address of the health service (grpc.health.v1), for containers")
      ->envname("SHOAL_GRPC")
      ->type_name("HOST:PORT|none")
      ->capture_default_str();
  service::AddTicketFlags(command, &words.tickets);
}

void AddLimitUp(CLI::App& command, Words& words) {
  command
      .add_option("--limit-up", words.limit_up,
                  "Upload limit per second for all peers together: 800KiB, 20Mbit")
      ->envname("SHOAL_LIMIT_UP")
      ->type_name("RATE|none")
      ->capture_default_str();
}

void AddSelection(CLI::App& get, Words& words) {
  get.add_option("--include", words.include,
                 "Fetch only the files of a folder that match: '*.csv' anywhere, 'train/*' below train")
      ->envname("SHOAL_INCLUDE")
      ->type_name("GLOB[,GLOB...]")
      ->expected(1)
      ->take_all();
  get.add_option("--exclude", words.exclude, "Fetch all files but those that match")
      ->envname("SHOAL_EXCLUDE")
      ->type_name("GLOB[,GLOB...]")
      ->expected(1)
      ->take_all();
  get.add_option("--priority", words.priority,
                 "high: first; low: last; skip: not at all. The last match counts")
      ->envname("SHOAL_PRIORITY")
      ->type_name("GLOB=high|normal|low|skip[,...]")
      ->expected(1)
      ->take_all();
  get.add_flag("--sequential", words.sequential,
               "From the first chunk to the last, for a program that reads along; slower for other peers")
      ->envname("SHOAL_SEQUENTIAL");
}

void AddJson(CLI::App& command, Words& words) {
  command.add_flag("--json", words.json, "JSON on stdout instead of text for people")->envname("SHOAL_JSON");
}

void AddQuiet(CLI::App& command, Words& words) {
  command.add_flag("-q,--quiet", words.quiet, "Print errors only")->envname("SHOAL_QUIET");
}

void AddTrust(CLI::App& command, Words& words) {
  command
      .add_option(
          "--trust", words.trust,
          "Fetch only what the owner of one of these keys signed: keys (ed25519:...), or files with one a "
          "line")
      ->envname("SHOAL_TRUST")
      ->type_name("KEY|FILE[,...]")
      ->expected(1)
      ->take_all();
}

void AddGet(CLI::App& app, const std::string& program, Words& words) {
  CLI::App& get = *app.add_subcommand("get", "Fetch contents, several in parallel");
  get.parse_complete_callback([&words] { words.command = CommandName::kGet; });
  get.add_option("content", words.contents, "Names, ids (or the first 8 digits or more of one), .shoal files")
      ->type_name("NAME|ID|FILE.shoal ...")
      ->required();
  AddTrackers(get, words);
  AddTrackerToken(get, words);
  get.add_option(
         "-o,--output", words.output,
         "Target folder; default: the current one. A path such as new.bin names the file of a single-file "
         "content")
      ->envname("SHOAL_OUTPUT")
      ->type_name("DIR|FILE");
  get.add_option("--seed", words.seed, "Serve afterwards: 30m, 2h, forever (the same as --seed alone), no")
      ->envname("SHOAL_SEED")
      ->type_name("[=DURATION]");
  AddServing(get, words);
  get.add_option("--peers-max", words.max_peers, "Connections per content")
      ->envname("SHOAL_PEERS_MAX")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  get.add_option("--limit-down", words.limit_down,
                 "Download limit per second for all contents together: 12MiB, 100Mbit")
      ->envname("SHOAL_LIMIT_DOWN")
      ->type_name("RATE|none")
      ->capture_default_str();
  AddLimitUp(get, words);
  AddSelection(get, words);
  AddTrust(get, words);
  get.add_option(
         "--wait", words.wait,
         "Wait so long for a tracker, a content or a byte that does not come (exit codes 4, 3, 5); 0 does "
         "not wait; default: 10s for a tracker and a content, 1m for a byte")
      ->envname("SHOAL_WAIT")
      ->type_name("DURATION|forever");
  get.add_option("--on-complete", words.on_complete,
                 "Run by /bin/sh for each content: $SHOAL_FILE, $SHOAL_NAME, $SHOAL_CONTENT_ID")
      ->envname("SHOAL_ON_COMPLETE")
      ->type_name("CMD");
  get.add_flag("--verify", words.verify, "Read and check what an earlier run left, chunk by chunk")
      ->envname("SHOAL_VERIFY");
  get.add_flag("--repair", words.repair,
               "Use and replace a damaged, partial or older target: keep its valid chunks, fetch the rest")
      ->envname("SHOAL_REPAIR");
  get.add_flag("--dry-run", words.dry_run, "Show what would be fetched, and fetch nothing but the manifest");
  AddJson(get, words);
  AddQuiet(get, words);
  service::AddTlsFlags(get, &words.tls);
  service::AddTlsHttpFlag(get, &words.tls);
  get.footer(Footer(kGetFooter, program) + ExitCodeTable());
}

void AddList(CLI::App& app, const std::string& program, Words& words) {
  CLI::App& list = *app.add_subcommand("list", "List what the trackers know");
  list.parse_complete_callback([&words] { words.command = CommandName::kList; });
  list.add_option("text", words.subject, "Only names that contain this")->type_name("TEXT");
  list.add_flag("--names", words.names_only, "Only the names, one a line: 1000 at most, and within a second");
  AddTrackers(list, words);
  AddTrackerToken(list, words);
  AddJson(list, words);
  service::AddTlsFlags(list, &words.tls);
  list.footer(Footer(kListFooter, program));
}

void AddInfo(CLI::App& app, const std::string& program, Words& words) {
  CLI::App& info = *app.add_subcommand("info", "Show one content and its peers");
  info.parse_complete_callback([&words] { words.command = CommandName::kInfo; });
  info.add_option("content", words.subject, "A name, an id or a .shoal file")
      ->type_name("NAME|ID|FILE.shoal")
      ->required();
  AddTrackers(info, words);
  AddTrackerToken(info, words);
  AddJson(info, words);
  service::AddTlsFlags(info, &words.tls);
  info.footer(Footer(kInfoFooter, program));
}

void AddLinks(CLI::App& command, Words& words) {
  command
      .add_option(
          "--links", words.links,
          "Symbolic links that lead out of a folder: keep publishes without them (links that stay inside "
          "travel as links), follow publishes what they lead to")
      ->envname("SHOAL_LINKS")
      ->type_name("keep|follow")
      ->capture_default_str();
}

void AddMake(CLI::App& app, const std::string& program, Words& words) {
  CLI::App& make = *app.add_subcommand("make", "Hash a file or folder and write its .shoal file");
  make.parse_complete_callback([&words] { words.command = CommandName::kMake; });
  make.add_option("path", words.subject, "A file or a folder")->type_name("PATH")->required();
  make.add_option("-o,--output", words.output, "The file to write; default: NAME.shoal in the current folder")
      ->type_name("FILE.shoal");
  make.add_option("--chunk-size", words.chunk_size,
                  "A power of two; default: 512KiB, more for very large contents")
      ->envname("SHOAL_CHUNK_SIZE")
      ->type_name("SIZE");
  AddLinks(make, words);
  make.add_option("--sign", words.sign_key, "A private key, as `key` makes it, that signs the .shoal file")
      ->envname("SHOAL_SIGN_KEY")
      ->type_name("FILE");
  AddTrackers(make, words);
  AddJson(make, words);
  AddQuiet(make, words);
  make.footer(Footer(kMakeFooter, program));
}

void AddSave(CLI::App& app, const std::string& program, Words& words) {
  CLI::App& save =
      *app.add_subcommand("save", "Fetch the manifest of a content and write it as a .shoal file");
  save.parse_complete_callback([&words] { words.command = CommandName::kSave; });
  save.add_option("content", words.subject, "A name, or an id")->type_name("NAME|ID")->required();
  save.add_option("-o,--output", words.output, "The file to write; default: NAME.shoal in the current folder")
      ->type_name("FILE.shoal");
  AddTrackers(save, words);
  AddTrackerToken(save, words);
  AddTrust(save, words);
  save.add_option("--wait", words.wait, "How long to wait for what is missing, as in get")
      ->envname("SHOAL_WAIT")
      ->type_name("DURATION|forever");
  AddJson(save, words);
  AddQuiet(save, words);
  service::AddTlsFlags(save, &words.tls);
  save.footer(Footer(kSaveFooter, program));
}

void AddSeed(CLI::App& app, const std::string& program, Words& words) {
  CLI::App& seed = *app.add_subcommand("seed", "Hash a file or folder and serve it until Ctrl-C");
  seed.parse_complete_callback([&words] { words.command = CommandName::kSeed; });
  seed.add_option("path", words.subject, "A file or a folder")->type_name("PATH")->required();
  AddTrackers(seed, words);
  AddTrackerToken(seed, words);
  AddLinks(seed, words);
  seed.add_option("--sign-key", words.sign_key,
                  "A private key, as `key` makes it, that signs what is published")
      ->envname("SHOAL_SIGN_KEY")
      ->type_name("FILE");
  AddServing(seed, words);
  AddLimitUp(seed, words);
  seed.add_option("--for", words.serve_for, "Serve for this long")
      ->envname("SHOAL_FOR")
      ->type_name("DURATION|forever")
      ->capture_default_str();
  AddJson(seed, words);
  AddQuiet(seed, words);
  service::AddTlsFlags(seed, &words.tls);
  service::AddTlsHttpFlag(seed, &words.tls);
  seed.footer(Footer(kSeedFooter, program));
}

void AddCerts(CLI::App& app, const std::string& program, Words& words) {
  CLI::App& certs = *app.add_subcommand("certs", "Make a CA and a certificate, to try TLS");
  certs.parse_complete_callback([&words] { words.command = CommandName::kCerts; });
  certs.add_option("dir", words.subject, "The folder to write to; it is made if need be")
      ->type_name("DIR")
      ->required();
  certs
      .add_option("--host", words.hosts,
                  "Names and addresses of the machines that will use it, besides localhost and this one")
      ->type_name("NAME[,NAME...]")
      ->delimiter(',');
  certs.add_flag("--if-missing", words.if_missing,
                 "Succeed, and change nothing, when certificates are there");
  AddJson(certs, words);
  AddQuiet(certs, words);
  certs.footer(Footer(kCertsFooter, program));
}

void AddKey(CLI::App& app, const std::string& program, Words& words) {
  CLI::App& key = *app.add_subcommand("key", "Make a key to sign contents with, and print its public half");
  key.parse_complete_callback([&words] { words.command = CommandName::kKey; });
  key.add_option("file", words.subject, "The file of the private key; it must not exist")
      ->type_name("FILE")
      ->required();
  key.add_flag("--if-missing", words.if_missing, "Print the key that is there, if one is");
  AddJson(key, words);
  key.footer(Footer(kKeyFooter, program));
}

void AddSocket(CLI::App& command, Words& words) {
  command
      .add_option("--socket", words.socket,
                  "Where the agent of this machine takes commands; default: /run/shoal/agent.sock for root, "
                  "otherwise in $XDG_RUNTIME_DIR or the state folder")
      ->envname("SHOAL_SOCKET")
      ->type_name("PATH");
}

void AddServe(CLI::App& app, const std::string& program, Words& words) {
  CLI::App& serve =
      *app.add_subcommand("serve", "Run the agent: many downloads, kept across restarts, with a page");
  serve.parse_complete_callback([&words, &serve] {
    words.command = CommandName::kServe;
    service::ReadConfigFile(serve);
  });
  AddTrackers(serve, words);
  AddTrackerToken(serve, words);
  serve.add_option("-o,--output", words.output, "Folder for contents; default: the current one")
      ->envname("SHOAL_OUTPUT")
      ->type_name("DIR");
  serve
      .add_option("--follow", words.follow,
                  "Fetch what is published under these names, and each new version of it")
      ->envname("SHOAL_FOLLOW")
      ->type_name("GLOB[,GLOB...]")
      ->expected(1)
      ->take_all();
  AddTrust(serve, words);
  serve.add_option("--keep", words.keep, "Versions of a followed name that are kept")
      ->envname("SHOAL_KEEP")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  serve
      .add_option("--disk", words.disk,
                  "Room for contents: the least recently used ones that are not pinned go first")
      ->envname("SHOAL_DISK")
      ->type_name("SIZE|none")
      ->capture_default_str();
  serve
      .add_option("--state", words.state,
                  "Folder of the list of downloads; default: $STATE_DIRECTORY, $XDG_STATE_HOME/shoal or "
                  "~/.local/state/shoal")
      ->envname("SHOAL_STATE")
      ->type_name("DIR");
  AddSocket(serve, words);
  serve
      .add_option("--http", words.agent_http,
                  "Address of the page, the API, the contents and the metrics; others than the loopback "
                  "need --token-file")
      ->envname("SHOAL_HTTP")
      ->type_name("HOST:PORT|none")
      ->capture_default_str();
  serve
      .add_option(
          "--token-file", words.token_file,
          "Tokens, one per line, of which --http demands one; made with a random one if it is missing")
      ->envname("SHOAL_TOKEN_FILE")
      ->type_name("FILE");
  serve
      .add_option("--http-name", words.http_names,
                  "Names besides localhost by which the page is reached, such as that of a proxy")
      ->envname("SHOAL_HTTP_NAME")
      ->type_name("NAME[,NAME...]")
      ->delimiter(',');
  serve.add_option("--grpc", words.grpc, "A loopback address of the API over gRPC, for grpcurl")
      ->envname("SHOAL_GRPC")
      ->type_name("HOST:PORT|none")
      ->capture_default_str();
  serve.add_option("--listen", words.listen, "Address of the chunk stream listener; port 0: any free port")
      ->envname("SHOAL_LISTEN")
      ->type_name("HOST:PORT|none")
      ->capture_default_str();
  serve
      .add_option("--advertise", words.advertise, "Addresses under which peers reach this machine, as in get")
      ->envname("SHOAL_ADVERTISE")
      ->type_name("HOST[:PORT],...");
  serve.add_option("--site", words.site, "Location of this machine in your own words, as in get")
      ->envname("SHOAL_SITE")
      ->type_name("NAME");
  serve.add_option("--peers-max", words.max_peers, "Connections per content")
      ->envname("SHOAL_PEERS_MAX")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  serve.add_option("--limit-down", words.limit_down, "Download limit per second, until `limit` sets another")
      ->envname("SHOAL_LIMIT_DOWN")
      ->type_name("RATE|none")
      ->capture_default_str();
  AddLimitUp(serve, words);
  service::AddTicketFlags(serve, &words.tickets);
  serve
      .add_option("--on-complete", words.on_complete,
                  "Run by /bin/sh for each content: $SHOAL_FILE, $SHOAL_NAME, $SHOAL_CONTENT_ID")
      ->envname("SHOAL_ON_COMPLETE")
      ->type_name("CMD");
  serve.add_option("--log-format", words.log_format, "Format of the log's lines")
      ->envname("SHOAL_LOG_FORMAT")
      ->type_name("text|json")
      ->capture_default_str();
  service::AddTlsFlags(serve, &words.tls);
  service::AddTlsHttpFlag(serve, &words.tls);
  service::AddConfigFile(serve);
  serve.footer(Footer(kServeFooter, program));
}

void AddToken(CLI::App& app, const std::string& program, Words& words) {
  CLI::App& token = *app.add_subcommand("token", "Make a token for a tracker that asks for one (--tokens)");
  token.parse_complete_callback([&words] { words.command = CommandName::kToken; });
  token.add_option("--rights", words.rights, "What its holder may do: publish, fetch, list, admin")
      ->type_name("RIGHT[,RIGHT...]")
      ->required();
  token.add_option("--names", words.names, "Names of contents that it is for; default: all names")
      ->type_name("GLOB[,GLOB...]")
      ->expected(1)
      ->take_all();
  AddJson(token, words);
  token.footer(Footer(kTokenFooter, program));
}

// The commands to a running agent.
void AddAgentCommands(CLI::App& app, const std::string& program, Words& words) {
  using Action = AgentCommandOptions::Action;
  const auto add = [&](const char* name, Action action, const char* what) -> CLI::App& {
    CLI::App& command = *app.add_subcommand(name, what);
    command.group("Commands to the agent (serve)");
    command.parse_complete_callback([&words, action] {
      words.command = CommandName::kAgent;
      words.action = action;
    });
    AddSocket(command, words);
    AddJson(command, words);
    command.footer(Footer(kAgentFooter, program));
    return command;
  };
  const auto take = [&](CLI::App& command, const char* type, const char* what) {
    return command.add_option("download", words.contents, what)->type_name(type);
  };
  constexpr char kDownloads[] = "Downloads, by number, name or id";
  CLI::App& status = add("status", Action::kStatus, "Show the downloads, or some of them");
  take(status, "DOWNLOAD ...", kDownloads);
  status.add_flag("--names", words.names_only, "Only their names, one a line");
  CLI::App& added = add("add", Action::kAdd, "Add contents");
  take(added, "NAME|ID|FILE.shoal ...", "Names, ids, .shoal files")->required();
  AddTrackers(added, words);
  added.add_option("-o,--output", words.output, "Folder for the content; default: the agent's")
      ->type_name("DIR");
  AddSelection(added, words);
  added.add_option("--limit-down", words.new_limit_down, "Received per second, below the limit of the agent")
      ->type_name("RATE|none");
  added.add_option("--limit-up", words.new_limit_up, "Sent of it per second, below the limit of the agent")
      ->type_name("RATE|none");
  added.add_flag("--paused", words.paused, "Fetch nothing before `resume`");
  added.add_flag("--repair", words.repair, "Use and replace a damaged, partial or older target");
  take(add("pause", Action::kPause, "Fetch nothing more of these, and go on serving"), "DOWNLOAD ...",
       kDownloads)
      ->required();
  take(add("resume", Action::kResume, "Continue these, or try again"), "DOWNLOAD ...", kDownloads)
      ->required();
  CLI::App& removed = add("remove", Action::kRemove, "Forget these; their files stay");
  take(removed, "DOWNLOAD ...", kDownloads)->required();
  removed.add_flag("--with-data", words.with_data, "Remove their files too");
  take(add("verify", Action::kVerify, "Read what is on the disk, and fetch again what is damaged"),
       "DOWNLOAD ...", kDownloads)
      ->required();
  CLI::App& priority = add("priority", Action::kPriority, "Set which files are fetched, and which first");
  priority.add_option("download", words.subject, "A download, by number, name or id")
      ->type_name("DOWNLOAD")
      ->required();
  priority.add_option("rules", words.priority, "high: first; low: last; skip: not at all")
      ->type_name("GLOB=high|normal|low|skip ...")
      ->required();
  CLI::App& limit =
      add("limit", Action::kLimit, "Show or set the rate limits of the agent, or of these downloads");
  take(limit, "DOWNLOAD ...", kDownloads);
  limit.add_option("--down", words.new_limit_down, "Received per second")->type_name("RATE|none");
  limit.add_option("--up", words.new_limit_up, "Sent per second")->type_name("RATE|none");
  take(add("pin", Action::kPin, "Keep these whatever the disk budget says"), "DOWNLOAD ...", kDownloads)
      ->required();
  take(add("unpin", Action::kUnpin, "End that"), "DOWNLOAD ...", kDownloads)->required();
  CLI::App& follow = add("follow", Action::kFollow, "Fetch what is published under these names from now on");
  take(follow, "NAME|GLOB ...", "Globs over names; without one: show those that are followed");
  follow.add_option("--keep", words.keep, "Versions that are kept")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  follow.add_option("-o,--output", words.output, "Folder for them; default: the agent's")->type_name("DIR");
  AddTrust(follow, words);
  take(add("unfollow", Action::kUnfollow, "End that; what it brought stays"), "GLOB ...", "Globs")
      ->required();
  add("top", Action::kTop, "Watch the downloads in the terminal");
}

// Reads the certificates and the keys of a command that connects to others.
absl::Status ReadKeyFiles(const Words& words, Command* command) {
  const auto read = [&words](auto& options) -> absl::Status {
    using Options = std::decay_t<decltype(options)>;
    if constexpr (requires { options.tls; }) {
      constexpr bool only_asks = std::is_same_v<Options, ListOptions>;
      const auto role = only_asks ? service::TlsRole::kClient : service::TlsRole::kPeer;
      SHOAL_ASSIGN_OR_RETURN(options.tls, service::LoadTls(words.tls, role));
    }
    if constexpr (requires { options.serve; }) {
      const bool may_learn = options.tls != nullptr && tracking::TrackerUrl::AnyOverGrpc(options.trackers);
      SHOAL_ASSIGN_OR_RETURN(options.serve.ticket_issuers,
                             service::LoadTicketIssuers(words.tickets, may_learn));
    }
    return absl::OkStatus();
  };
  return std::visit(read, *command);
}

// Gives --seed and --health-check the value that they have alone, so that they do not take the word behind
// them, unless that is a value. `help` and `help COMMAND` become --help.
std::vector<std::string> CommandWords(int argc, char** argv) {
  const std::vector<std::string> given(argv + std::min(argc, 1), argv + argc);
  std::vector<std::string> words;
  for (size_t i = 0; i < given.size(); ++i) {
    if (given[i] == "--") {
      words.insert(words.end(), given.begin() + static_cast<ptrdiff_t>(i), given.end());
      break;
    }
    const std::string next = i + 1 < given.size() ? given[i + 1] : "";
    if (given[i] == "--seed" && ParseDuration(next).ok()) {
      words.push_back("--seed=" + given[++i]);
    } else if (given[i] == "--seed") {
      words.emplace_back("--seed=forever");
    } else if (given[i] == "--health-check" && !next.empty() && next[0] != '-') {
      words.push_back("--health-check=" + given[++i]);
    } else if (given[i] == "--health-check") {
      words.emplace_back("--health-check=here");
    } else {
      words.push_back(given[i]);
    }
  }
  if (words.empty() || words.front() != "help") return words;
  words.erase(words.begin());
  words.resize(std::min<size_t>(words.size(), 1));
  words.emplace_back("--help");
  return words;
}

// Whether the command prints JSON, as far as words that may be wrong show it.
bool WantsJson(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (word == "--") break;
    if (word == "--json" || word == "--json=true") return true;
  }
  const char* const json = std::getenv("SHOAL_JSON");
  return json != nullptr && (absl::string_view(json) == "1" || absl::string_view(json) == "true");
}

// `serve` is a daemon, whose lines are those of a log.
service::LogFormat FormatOfErrors(int argc, char** argv) {
  const bool serves = argc > 1 && absl::string_view(argv[1]) == "serve";
  return serves ? service::EarlyLogFormat(argc, argv) : service::LogFormat::kText;
}

// Prints wrong usage as an object; stderr has it as text.
void PrintUsageError(const std::string& what) {
  const absl::Status error = WithCause(absl::InvalidArgumentError(what), ErrorCause::kUsage);
  std::printf("%s\n", JsonError(error, ExitCode::kUsage, Clock::Real().Now()).c_str());
}

// The loops, gRPC's client and the disk threads take about 40; each peer and each open file takes one more.
constexpr uint32_t kMinDescriptors = 128;
// Two cores need about 12.
constexpr uint32_t kMinThreads = 32;

ExitCode Run(const Command& command) {
  absl::Status resources = RaiseDescriptorLimit(kMinDescriptors);
  const bool uses_network =
      !std::holds_alternative<MakeOptions>(command) && !std::holds_alternative<KeyOptions>(command);
  if (uses_network && resources.ok()) resources = RequireThreads(kMinThreads);
  if (uses_network && !resources.ok()) {
    service::ReportFatal(resources.message());
    return ExitCode::kOther;
  }
  Interrupts interrupts;
  struct Runner {
    Interrupts& interrupts;
    ExitCode operator()(const GetOptions& options) const { return RunGet(options, interrupts); }
    ExitCode operator()(const ListOptions& options) const { return RunList(options); }
    ExitCode operator()(const InfoOptions& options) const { return RunInfo(options, interrupts); }
    ExitCode operator()(const MakeOptions& options) const { return RunMake(options); }
    ExitCode operator()(const SaveOptions& options) const { return RunSave(options, interrupts); }
    ExitCode operator()(const SeedOptions& options) const { return RunSeed(options, interrupts); }
    ExitCode operator()(const KeyOptions& options) const { return RunKey(options); }
    ExitCode operator()(const AgentOptions& options) const { return RunAgent(options, interrupts); }
    ExitCode operator()(const AgentCommandOptions& options) const {
      return RunAgentCommand(options, interrupts);
    }
    ExitCode operator()(const CertsOptions& options) const { return RunCerts(options); }
    ExitCode operator()(const TokenOptions& options) const { return RunToken(options); }
    ExitCode operator()(const HealthCheckOptions& options) const { return RunHealthCheck(options); }
  };
  return std::visit(Runner{interrupts}, command);
}

int Main(int argc, char** argv) {
  service::ReserveStandardDescriptors();
  const std::vector<std::string> arguments = CommandWords(argc, argv);
  const service::LogFormat format = FormatOfErrors(argc, argv);
  service::Program program = {service::ProgramName(argv[0], {"shoal-leecher", "shoal"}), SHOAL_VERSION,
                              format == service::LogFormat::kJson};
  if (WantsJson(arguments)) program.on_error = PrintUsageError;
  // What libraries print does not get below errors, and so is not shown.
  service::StartLog(program.name, service::LogLevel::kError, format);
  service::ExitWhenResourcesEnd(static_cast<int>(ExitCode::kOther));
  service::RouteLibraryLogs();
  service::GrpcLazyEngine::Install();
  CLI::App app("Fetches files from many peers at once, checks every chunk, and serves them to other peers.");
  app.footer(Footer(kFooter, program.name) + ExitCodeTable());
  Words words;
  AddGet(app, program.name, words);
  AddList(app, program.name, words);
  AddInfo(app, program.name, words);
  AddMake(app, program.name, words);
  AddSave(app, program.name, words);
  AddSeed(app, program.name, words);
  AddKey(app, program.name, words);
  AddServe(app, program.name, words);
  AddCerts(app, program.name, words);
  AddToken(app, program.name, words);
  AddAgentCommands(app, program.name, words);
  app.add_option("--health-check", words.health_check,
                 "Exit 0 if the health service there says SERVING, else 1; an agent has it at its socket")
      ->type_name("[=HOST:PORT|SOCKET]");
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    if (command->get_group() == "Subcommands") command->group("Commands");
  }

  const std::optional<int> end = service::ParseCommandLine(app, program, arguments);
  if (end.has_value()) return *end;
  if (!words.health_check.empty()) {
    words.command = CommandName::kHealthCheck;
    if (words.health_check == "here") words.health_check.clear();
    if (const char* service = std::getenv("SHOAL_GRPC")) words.grpc = service;
  } else if (app.get_subcommands().size() != 1) {
    std::cerr << app.help();
    return service::kUsageExitCode;
  }
  absl::StatusOr<Command> command = Interpret(words);
  const absl::Status usable = command.ok() ? ReadKeyFiles(words, &*command) : command.status();
  if (!usable.ok()) {
    const CLI::App& chosen = app.get_subcommands().empty() ? app : *app.get_subcommands().front();
    const std::string message = service::WithPlace(chosen, arguments, usable.message());
    if (program.on_error != nullptr) program.on_error(message);
    service::ReportFatal(message);
    return service::kUsageExitCode;
  }
  return static_cast<int>(Run(*command));
}

}  // namespace
}  // namespace shoal::leecher

int main(int argc, char** argv) {
  return shoal::leecher::Main(argc, argv);
}
