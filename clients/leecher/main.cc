#include <CLI/CLI.hpp>

#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "clients/leecher/cli/commands/arguments.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/terminal/interrupts.h"
#include "clients/leecher/session/exit_code.h"

namespace shoal::leecher {
namespace {

constexpr char kGetFooter[] =
    "\nExamples:\n"
    "  shoal-leecher get model.tar --tracker=tracker.example:50051 -o /data\n"
    "  shoal-leecher get model.tar.shoal --seed=2h     # the file names its trackers\n"
    "  shoal-leecher get a.iso b.iso --on-complete='sha256sum \"$SHOAL_FILE\"'\n"
    "  shoal-leecher get 9f86d081884c7d65 --json | jq 'select(.event==\"finished\")'\n"
    "  shoal-leecher get dataset --include='*.csv,train/' --exclude='*.tmp' --priority='train/first*=high'\n"
    "  shoal-leecher get film.mkv --sequential --limit-down=20Mbit --limit-up=800KiB\n"
    "\n"
    "While it fetches, it serves to others what it already has. Afterwards, on a terminal,\n"
    "it asks whether to go on serving; --seed answers beforehand. Interrupted with Ctrl-C,\n"
    "it keeps what it has: run the same command again to go on. SIGUSR1 pauses it, SIGUSR2\n"
    "lets it go on; what it has is served meanwhile.\n\n";
constexpr char kListFooter[] =
    "\nExamples:\n"
    "  shoal-leecher list --tracker=tracker.example:50051\n"
    "  shoal-leecher list llama --json\n";
constexpr char kInfoFooter[] =
    "\nExamples:\n"
    "  shoal-leecher info model.tar --tracker=tracker.example:50051\n"
    "  shoal-leecher info model.tar.shoal              # its files too, and its own trackers\n";
constexpr char kMakeFooter[] =
    "\nExamples:\n"
    "  shoal-leecher make model.tar --tracker=tracker.example:50051  # writes model.tar.shoal\n"
    "  shoal-leecher make dataset/ -o /tmp/dataset.shoal --chunk-size=1MiB\n";
constexpr char kSeedFooter[] =
    "\nExamples:\n"
    "  shoal-leecher seed model.tar --tracker=tracker.example:50051\n"
    "  shoal-leecher seed dataset/ --listen=0.0.0.0:6881 --advertise=files.example --for=8h\n";
constexpr char kFooter[] =
    "\nEvery flag can be set by the environment too: SHOAL_TRACKER, SHOAL_OUTPUT, SHOAL_SEED, ...\n"
    "`shoal-leecher COMMAND --help` shows a command's flags and examples.\n\n";

void AddTrackers(CLI::App& command, Words& words) {
  command.add_option("-t,--tracker", words.trackers, "HOST:PORT (gRPC), grpc://HOST:PORT or udp://HOST:PORT")
      ->envname("SHOAL_TRACKER")
      ->type_name("URL[,URL...]")
      ->expected(1)
      ->take_all();
}

void AddServing(CLI::App& command, Words& words) {
  command.add_option("--listen", words.listen, "Where to serve chunks to others; port 0: any free one")
      ->envname("SHOAL_LISTEN")
      ->type_name("HOST:PORT|none")
      ->capture_default_str();
  command
      .add_option("--advertise", words.advertise,
                  "Host that others reach this one by (else: as trackers see it)")
      ->envname("SHOAL_ADVERTISE")
      ->type_name("HOST");
  command
      .add_option("--site", words.site,
                  "Where this machine stands, in your own words (a rack, a city): trackers name peers of one "
                  "site to each other first")
      ->envname("SHOAL_SITE")
      ->type_name("NAME");
  command.add_option("--grpc", words.grpc, "Health service (grpc.health.v1), for containers")
      ->envname("SHOAL_GRPC")
      ->type_name("HOST:PORT|none")
      ->capture_default_str();
}

void AddLimitUp(CLI::App& command, Words& words) {
  command
      .add_option("--limit-up", words.limit_up,
                  "Send at most so much per second, to all peers together: 800KiB, 20Mbit")
      ->envname("SHOAL_LIMIT_UP")
      ->type_name("RATE|none")
      ->capture_default_str();
}

void AddSelection(CLI::App& get, Words& words) {
  get.add_option("--include", words.include,
                 "Of a folder only the files that match: '*.csv' anywhere, 'train/*' below train")
      ->envname("SHOAL_INCLUDE")
      ->type_name("GLOB[,GLOB...]")
      ->expected(1)
      ->take_all();
  get.add_option("--exclude", words.exclude, "All files but those that match")
      ->envname("SHOAL_EXCLUDE")
      ->type_name("GLOB[,GLOB...]")
      ->expected(1)
      ->take_all();
  get.add_option("--priority", words.priority,
                 "high: first; low: last; skip: not at all. The last one that matches counts")
      ->envname("SHOAL_PRIORITY")
      ->type_name("GLOB=high|normal|low|skip[,...]")
      ->expected(1)
      ->take_all();
  get.add_flag("--sequential", words.sequential,
               "From the first chunk to the last, for what reads along; slower for the others")
      ->envname("SHOAL_SEQUENTIAL");
}

void AddJson(CLI::App& command, Words& words) {
  command.add_flag("--json", words.json, "JSON on stdout instead of text for people")->envname("SHOAL_JSON");
}

void AddQuiet(CLI::App& command, Words& words) {
  command.add_flag("-q,--quiet", words.quiet, "Print errors only")->envname("SHOAL_QUIET");
}

void AddGet(CLI::App& app, Words& words) {
  CLI::App& get = *app.add_subcommand("get", "Fetch contents, several side by side");
  get.parse_complete_callback([&words] { words.command = CommandName::kGet; });
  get.add_option("content", words.contents, "Names, ids (or their first 8 digits and more), .shoal files")
      ->type_name("NAME|ID|FILE.shoal ...")
      ->required();
  AddTrackers(get, words);
  get.add_option("-o,--output", words.output, "The folder to put them into; default: the current one")
      ->envname("SHOAL_OUTPUT")
      ->type_name("DIR");
  get.add_option("--seed", words.seed, "Serve on afterwards: 30m, 2h, forever (that is --seed alone), no")
      ->envname("SHOAL_SEED")
      ->type_name("[=DURATION]");
  AddServing(get, words);
  get.add_option("--peers-max", words.max_peers, "Connections per content at a time")
      ->envname("SHOAL_PEERS_MAX")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  get.add_option("--limit-down", words.limit_down,
                 "Fetch at most so much per second, all contents together: 12MiB, 100Mbit")
      ->envname("SHOAL_LIMIT_DOWN")
      ->type_name("RATE|none")
      ->capture_default_str();
  AddLimitUp(get, words);
  AddSelection(get, words);
  get.add_option("--wait", words.wait, "Give up after this long without a byte (exit code 5)")
      ->envname("SHOAL_WAIT")
      ->type_name("DURATION|forever")
      ->capture_default_str();
  get.add_option("--on-complete", words.on_complete,
                 "Run by /bin/sh for each content: $SHOAL_FILE, $SHOAL_NAME, $SHOAL_CONTENT_ID")
      ->envname("SHOAL_ON_COMPLETE")
      ->type_name("CMD");
  get.add_flag("--verify", words.verify, "Check again what an earlier run left, chunk by chunk")
      ->envname("SHOAL_VERIFY");
  AddJson(get, words);
  AddQuiet(get, words);
  get.footer(std::string(kGetFooter) + ExitCodeTable());
}

void AddList(CLI::App& app, Words& words) {
  CLI::App& list = *app.add_subcommand("list", "Show what the trackers know");
  list.parse_complete_callback([&words] { words.command = CommandName::kList; });
  list.add_option("text", words.subject, "Only names that contain this")->type_name("TEXT");
  AddTrackers(list, words);
  AddJson(list, words);
  list.footer(kListFooter);
}

void AddInfo(CLI::App& app, Words& words) {
  CLI::App& info = *app.add_subcommand("info", "Show one content, and who has it");
  info.parse_complete_callback([&words] { words.command = CommandName::kInfo; });
  info.add_option("content", words.subject, "A name, an id or a .shoal file")
      ->type_name("NAME|ID|FILE.shoal")
      ->required();
  AddTrackers(info, words);
  AddJson(info, words);
  info.footer(kInfoFooter);
}

void AddMake(CLI::App& app, Words& words) {
  CLI::App& make = *app.add_subcommand("make", "Hash a file or folder and write its .shoal file");
  make.parse_complete_callback([&words] { words.command = CommandName::kMake; });
  make.add_option("path", words.subject, "A file or a folder")->type_name("PATH")->required();
  make.add_option("-o,--output", words.output, "The file to write; default: NAME.shoal in the current folder")
      ->type_name("FILE.shoal");
  make.add_option("--chunk-size", words.chunk_size,
                  "A power of two; default: 512KiB, more for very large contents")
      ->envname("SHOAL_CHUNK_SIZE")
      ->type_name("SIZE");
  AddTrackers(make, words);
  AddJson(make, words);
  AddQuiet(make, words);
  make.footer(kMakeFooter);
}

void AddSeed(CLI::App& app, Words& words) {
  CLI::App& seed = *app.add_subcommand("seed", "Hash a file or folder and serve it until Ctrl-C");
  seed.parse_complete_callback([&words] { words.command = CommandName::kSeed; });
  seed.add_option("path", words.subject, "A file or a folder")->type_name("PATH")->required();
  AddTrackers(seed, words);
  AddServing(seed, words);
  AddLimitUp(seed, words);
  seed.add_option("--for", words.serve_for, "Serve for this long")
      ->envname("SHOAL_FOR")
      ->type_name("DURATION|forever")
      ->capture_default_str();
  AddJson(seed, words);
  AddQuiet(seed, words);
  seed.footer(kSeedFooter);
}

// `--seed` and `--health-check` may stand alone, and must not swallow the word behind them then.
std::vector<std::string> WordsBackwards(int argc, char** argv) {
  std::vector<std::string> words;
  for (int i = argc - 1; i > 0; --i) words.emplace_back(argv[i]);
  for (auto word = words.rbegin(); word != words.rend() && *word != "--"; ++word) {
    if (*word == "--seed") *word = "--seed=forever";
    if (*word == "--health-check") *word = "--health-check=here";
  }
  return words;
}

ExitCode Usage(const std::string& what) {
  std::cerr << "shoal-leecher: " << what << "\nRun it with --help to see what it takes.\n";
  return ExitCode::kUsage;
}

ExitCode Run(const Command& command) {
  Interrupts interrupts;
  struct Runner {
    Interrupts& interrupts;
    ExitCode operator()(const GetOptions& options) const { return RunGet(options, interrupts); }
    ExitCode operator()(const ListOptions& options) const { return RunList(options); }
    ExitCode operator()(const InfoOptions& options) const { return RunInfo(options); }
    ExitCode operator()(const MakeOptions& options) const { return RunMake(options); }
    ExitCode operator()(const SeedOptions& options) const { return RunSeed(options, interrupts); }
    ExitCode operator()(const HealthCheckOptions& options) const { return RunHealthCheck(options); }
  };
  return std::visit(Runner{interrupts}, command);
}

ExitCode Main(int argc, char** argv) {
  CLI::App app("Fetches files from many peers at once, checks every chunk, serves what it has to others.",
               "shoal-leecher");
  app.set_version_flag("--version", "shoal-leecher " SHOAL_VERSION);
  app.footer(std::string(kFooter) + ExitCodeTable());
  Words words;
  AddGet(app, words);
  AddList(app, words);
  AddInfo(app, words);
  AddMake(app, words);
  AddSeed(app, words);
  app.add_option("--health-check", words.health_check,
                 "Exit 0 if the health service there says SERVING, else 1")
      ->type_name("[=HOST:PORT]");

  // CLI11 reports by exceptions; they end here.
  try {
    app.parse(WordsBackwards(argc, argv));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != static_cast<int>(CLI::ExitCodes::Success)) return Usage(error.what());
    app.exit(error, std::cout, std::cerr);
    return ExitCode::kOk;
  }
  if (!words.health_check.empty()) {
    words.command = CommandName::kHealthCheck;
    if (words.health_check == "here") words.health_check.clear();
    if (const char* service = std::getenv("SHOAL_GRPC")) words.grpc = service;
  } else if (app.get_subcommands().size() != 1) {
    std::cerr << app.help();
    return ExitCode::kUsage;
  }
  const absl::StatusOr<Command> command = Interpret(words);
  if (!command.ok()) return Usage(std::string(command.status().message()));
  return Run(*command);
}

}  // namespace
}  // namespace shoal::leecher

int main(int argc, char** argv) {
  return static_cast<int>(shoal::leecher::Main(argc, argv));
}
