#include "clients/leecher/cli/commands/arguments.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::leecher {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Words Typed(CommandName command) {
  Words words;
  words.command = command;
  words.trackers = {"t:1"};
  if (command == CommandName::kGet) {
    words.contents = {"model"};
  } else {
    words.subject = "model";
  }
  return words;
}

template <typename Options>
Options InterpretAs(const Words& words) {
  const absl::StatusOr<Command> command = Interpret(words);
  EXPECT_TRUE(command.ok()) << command.status();
  if (!command.ok() || !std::holds_alternative<Options>(*command)) return Options();
  return std::get<Options>(*command);
}

std::string Refusal(const Words& words) {
  const absl::StatusOr<Command> command = Interpret(words);
  EXPECT_EQ(command.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(command.status().message());
}

TEST(ArgumentsTest, GetWithDefaults) {
  const auto get = InterpretAs<GetOptions>(Typed(CommandName::kGet));
  EXPECT_THAT(get.contents, ElementsAre("model"));
  ASSERT_EQ(get.trackers.size(), 1u);
  EXPECT_EQ(get.trackers[0].ToString(), "grpc://t:1");
  EXPECT_EQ(get.output_folder, ".");
  EXPECT_FALSE(get.seed.has_value());
  ASSERT_TRUE(get.serve.listen.has_value());
  EXPECT_EQ(get.serve.listen->ToString(), "0.0.0.0:0");
  EXPECT_FALSE(get.serve.grpc.has_value());
  EXPECT_FALSE(get.wait.has_value());
  EXPECT_EQ(get.max_peers, 32u);
}

TEST(ArgumentsTest, GetWithEverything) {
  Words words = Typed(CommandName::kGet);
  words.contents = {"a", "b.shoal"};
  words.trackers = {"t:1,udp://u:2", "grpc://v:3"};
  words.output = "out";
  words.seed = "90s";
  words.listen = "127.0.0.1:7";
  words.advertise = "host";
  words.grpc = "0.0.0.0:50053";
  words.max_peers = 4;
  words.wait = "forever";
  words.on_complete = "true";
  words.verify = words.repair = words.json = words.quiet = true;
  const auto get = InterpretAs<GetOptions>(words);
  EXPECT_THAT(get.contents, ElementsAre("a", "b.shoal"));
  ASSERT_EQ(get.trackers.size(), 3u);
  EXPECT_EQ(get.trackers[1].ToString(), "udp://u:2");
  EXPECT_EQ(get.output_folder, "out");
  EXPECT_EQ(get.seed, absl::Seconds(90));
  EXPECT_EQ(get.serve.listen->ToString(), "127.0.0.1:7");
  EXPECT_EQ(get.serve.advertise, "host");
  EXPECT_EQ(get.serve.grpc->port, 50053);
  EXPECT_EQ(get.max_peers, 4u);
  EXPECT_EQ(get.wait, absl::InfiniteDuration());
  EXPECT_EQ(get.on_complete, "true");
  EXPECT_TRUE(get.verify && get.repair && get.json && get.quiet);
}

TEST(ArgumentsTest, SeedTakesDurationsAndWords) {
  Words words = Typed(CommandName::kGet);
  for (const char* always : {"forever", "yes", "true"}) {
    words.seed = always;
    EXPECT_EQ(InterpretAs<GetOptions>(words).seed, absl::InfiniteDuration());
  }
  for (const char* never : {"no", "false", "0s"}) {
    words.seed = never;
    EXPECT_EQ(InterpretAs<GetOptions>(words).seed, absl::ZeroDuration());
  }
}

TEST(ArgumentsTest, LimitsAreRates) {
  Words words = Typed(CommandName::kGet);
  EXPECT_EQ(InterpretAs<GetOptions>(words).limit_down_bytes_per_second, net::RateLimit::kUnlimited);
  EXPECT_EQ(InterpretAs<GetOptions>(words).limit_up_bytes_per_second, net::RateLimit::kUnlimited);
  words.limit_down = "2MiB";
  words.limit_up = "8Mbit/s";
  EXPECT_EQ(InterpretAs<GetOptions>(words).limit_down_bytes_per_second, 2u * 1024 * 1024);
  EXPECT_EQ(InterpretAs<GetOptions>(words).limit_up_bytes_per_second, 1'000'000u);
  words = Typed(CommandName::kSeed);
  words.limit_up = "1KiB";
  EXPECT_EQ(InterpretAs<SeedOptions>(words).limit_up_bytes_per_second, 1024u);
}

TEST(ArgumentsTest, GlobsAndPriorities) {
  Words words = Typed(CommandName::kGet);
  EXPECT_TRUE(InterpretAs<GetOptions>(words).selection.everything());
  words.include = {"*.csv,train/", "a\\,b"};
  words.exclude = {"*.tmp"};
  words.priority = {"first/*=high,last=low", "x=y=skip"};
  words.sequential = true;
  words.dry_run = true;
  const auto get = InterpretAs<GetOptions>(words);
  EXPECT_THAT(get.selection.include, ElementsAre("*.csv", "train/", "a\\,b"));
  EXPECT_THAT(get.selection.exclude, ElementsAre("*.tmp"));
  using Priority = SelectionRules::Priority;
  EXPECT_THAT(get.selection.priorities,
              ElementsAre(Priority{"first/*", FilePriority::kHigh}, Priority{"last", FilePriority::kLow},
                          Priority{"x=y", FilePriority::kSkip}));
  EXPECT_TRUE(get.sequential);
  EXPECT_TRUE(get.dry_run);
  for (const char* fault : {"", "a", "a=", "=high", "a=best", "a=high,"}) {
    words.priority = {fault};
    EXPECT_THAT(Refusal(words), HasSubstr("--priority")) << fault;
  }
  words = Typed(CommandName::kGet);
  words.include = {"a,,b"};
  EXPECT_THAT(Refusal(words), HasSubstr("--include"));
}

TEST(ArgumentsTest, TrustIsKeysAndFiles) {
  const std::string key = "ed25519:Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
  Words words = Typed(CommandName::kGet);
  EXPECT_TRUE(InterpretAs<GetOptions>(words).trust.empty());
  words.trust = {key + ",keys", "/etc/shoal/more"};
  EXPECT_THAT(InterpretAs<GetOptions>(words).trust, ElementsAre(key, "keys", "/etc/shoal/more"));
  for (const char* fault : {"", "a,", "ed25519:abc"}) {
    words.trust = {fault};
    EXPECT_THAT(Refusal(words), HasSubstr("--trust")) << fault;
  }
}

TEST(ArgumentsTest, OnlyManifestFilesWorkWithoutATracker) {
  Words words = Typed(CommandName::kGet);
  words.trackers.clear();
  EXPECT_THAT(Refusal(words), HasSubstr("--tracker"));
  words.contents = {"a.shoal"};
  EXPECT_TRUE(InterpretAs<GetOptions>(words).trackers.empty());
  words.contents = {"a.shoal", "b"};
  EXPECT_THAT(Refusal(words), HasSubstr("--tracker"));
  for (const CommandName command : {CommandName::kInfo, CommandName::kList, CommandName::kSeed}) {
    words = Typed(command);
    words.trackers.clear();
    EXPECT_THAT(Refusal(words), HasSubstr("--tracker"));
  }
  words = Typed(CommandName::kInfo);
  words.subject = "a.shoal";
  EXPECT_EQ(InterpretAs<InfoOptions>(words).content, "a.shoal");
}

TEST(ArgumentsTest, ErrorsNameTheFlag) {
  const auto refusal = [](CommandName command, std::string Words::* flag, const char* value) {
    Words words = Typed(command);
    words.*flag = value;
    return Refusal(words);
  };
  EXPECT_THAT(refusal(CommandName::kGet, &Words::seed, "soon"), HasSubstr("--seed"));
  EXPECT_THAT(refusal(CommandName::kGet, &Words::wait, "-1s"), HasSubstr("--wait"));
  EXPECT_THAT(refusal(CommandName::kGet, &Words::listen, "nowhere"), HasSubstr("--listen"));
  EXPECT_THAT(refusal(CommandName::kGet, &Words::grpc, "nowhere"), HasSubstr("--grpc"));
  EXPECT_THAT(refusal(CommandName::kGet, &Words::limit_down, "0"), HasSubstr("--limit-down"));
  EXPECT_THAT(refusal(CommandName::kGet, &Words::limit_up, "fast"), HasSubstr("--limit-up"));
  EXPECT_THAT(refusal(CommandName::kSeed, &Words::limit_up, "fast"), HasSubstr("--limit-up"));
  EXPECT_THAT(refusal(CommandName::kMake, &Words::chunk_size, "500000"), HasSubstr("--chunk-size"));
  EXPECT_THAT(refusal(CommandName::kMake, &Words::chunk_size, "1KiB"), HasSubstr("--chunk-size"));
  EXPECT_THAT(refusal(CommandName::kSeed, &Words::listen, "none"), HasSubstr("--listen"));
  EXPECT_THAT(refusal(CommandName::kSeed, &Words::serve_for, "x"), HasSubstr("--for"));
  EXPECT_THAT(refusal(CommandName::kHealthCheck, &Words::health_check, "x"), HasSubstr("--health-check"));
  Words words = Typed(CommandName::kGet);
  words.trackers = {"ftp://t"};
  EXPECT_THAT(Refusal(words), HasSubstr("--tracker"));
  words = Typed(CommandName::kGet);
  words.listen = "none";
  words.seed = "forever";
  EXPECT_THAT(Refusal(words), HasSubstr("contradict"));
}

TEST(ArgumentsTest, ImpossibleNamesAreRefusedWithAHint) {
  Words words = Typed(CommandName::kGet);
  words.contents = {"ds/a"};
  EXPECT_THAT(Refusal(words), HasSubstr("get ds --include='a'"));
  words.contents = {"/data/x.bin"};
  EXPECT_THAT(Refusal(words), HasSubstr(".shoal"));
  words.contents = {"caf\xe9"};
  EXPECT_THAT(Refusal(words), HasSubstr("caf\\xe9"));
  EXPECT_THAT(Refusal(words), HasSubstr("the id"));
  words.contents = {std::string(5000, 'x')};
  EXPECT_THAT(Refusal(words), HasSubstr("5000 bytes"));
  EXPECT_LT(Refusal(words).size(), 300u);
  words.contents = {"/data/x.shoal"};
  EXPECT_EQ(InterpretAs<GetOptions>(words).contents.size(), 1u);
  words = Typed(CommandName::kInfo);
  words.subject = "a\nb";
  EXPECT_THAT(Refusal(words), HasSubstr("a\\nb"));
  words = Typed(CommandName::kList);
  words.subject = "a/b";
  EXPECT_THAT(Refusal(words), HasSubstr("a/b"));
  words.subject = "..";
  EXPECT_EQ(InterpretAs<ListOptions>(words).name_contains, "..");
}

TEST(ArgumentsTest, OtherCommands) {
  EXPECT_EQ(InterpretAs<ListOptions>(Typed(CommandName::kList)).name_contains, "model");
  EXPECT_EQ(InterpretAs<SeedOptions>(Typed(CommandName::kSeed)).duration, absl::InfiniteDuration());
  Words words = Typed(CommandName::kMake);
  words.output = "f.shoal";
  words.chunk_size = "1MiB";
  const auto make = InterpretAs<MakeOptions>(words);
  EXPECT_EQ(make.path, "model");
  EXPECT_EQ(make.output_path, "f.shoal");
  EXPECT_EQ(make.chunk_size_bytes, 1024u * 1024);
  EXPECT_EQ(make.trackers.size(), 1u);
}

TEST(ArgumentsTest, ServeIsOnTheLoopbackByDefault) {
  Words words;
  words.command = CommandName::kServe;
  const auto agent = InterpretAs<AgentOptions>(words);
  ASSERT_TRUE(agent.serve.http.has_value());
  EXPECT_EQ(agent.serve.http->ToString(), "127.0.0.1:7433");
  EXPECT_FALSE(agent.serve.grpc.has_value());
  EXPECT_EQ(agent.disk_budget_bytes, 0u);
  words.disk = "2GiB";
  words.follow = {"a*,b"};
  EXPECT_THAT(Refusal(words), HasSubstr("--tracker"));
  words.trackers = {"t:1"};
  const auto following = InterpretAs<AgentOptions>(words);
  EXPECT_THAT(following.follow, ElementsAre("a*", "b"));
  EXPECT_EQ(following.disk_budget_bytes, uint64_t{2} << 30);
  words.disk = "much";
  EXPECT_THAT(Refusal(words), HasSubstr("--disk"));
}

TEST(ArgumentsTest, CommandsToTheAgent) {
  Words words;
  words.command = CommandName::kAgent;
  words.action = AgentCommandOptions::Action::kPriority;
  words.subject = "set";
  words.priority = {"*.csv=high"};
  const auto priority = InterpretAs<AgentCommandOptions>(words);
  EXPECT_THAT(priority.subjects, ElementsAre("set"));
  EXPECT_THAT(priority.selection.priorities,
              ElementsAre(SelectionRules::Priority{"*.csv", FilePriority::kHigh}));
  words = Words();
  words.command = CommandName::kAgent;
  words.action = AgentCommandOptions::Action::kLimit;
  words.new_limit_up = "none";
  const auto limit = InterpretAs<AgentCommandOptions>(words);
  EXPECT_FALSE(limit.limit_down_bytes_per_second.has_value());
  EXPECT_EQ(limit.limit_up_bytes_per_second, net::RateLimit::kUnlimited);
  words.contents = {"model"};
  words.new_limit_up = "3MiB";
  EXPECT_EQ(InterpretAs<AgentCommandOptions>(words).limit_up_bytes_per_second, 3u << 20);
  words.new_limit_up = "fast";
  EXPECT_THAT(Refusal(words), HasSubstr("--up"));
  words.action = AgentCommandOptions::Action::kAdd;
  EXPECT_THAT(Refusal(words), HasSubstr("--limit-up"));
  words.action = AgentCommandOptions::Action::kLimit;
  words.new_limit_up = "";
  words.new_limit_down = "2MiB";
  EXPECT_EQ(InterpretAs<AgentCommandOptions>(words).limit_down_bytes_per_second, 2u << 20);
  words.action = AgentCommandOptions::Action::kAdd;
  EXPECT_EQ(InterpretAs<AgentCommandOptions>(words).limit_down_bytes_per_second, 2u << 20);
  words.new_limit_down = "fast";
  EXPECT_THAT(Refusal(words), HasSubstr("--limit-down"));
  words.new_limit_down = "";
  words.contents = {"a/b"};
  EXPECT_THAT(Refusal(words), HasSubstr("a/b"));
}

TEST(ArgumentsTest, SaveNeedsATrackerAndNoFile) {
  Words words = Typed(CommandName::kSave);
  words.output = "m.shoal";
  words.wait = "5s";
  const auto save = InterpretAs<SaveOptions>(words);
  EXPECT_EQ(save.content, "model");
  EXPECT_EQ(save.output_path, "m.shoal");
  EXPECT_EQ(save.wait, absl::Seconds(5));
  words.subject = "m.shoal";
  EXPECT_THAT(Refusal(words), HasSubstr("already"));
  words = Typed(CommandName::kSave);
  words.trackers.clear();
  EXPECT_THAT(Refusal(words), HasSubstr("--tracker"));
}

TEST(ArgumentsTest, HealthCheckUsesTheAddressOfTheHealthService) {
  Words words = Typed(CommandName::kHealthCheck);
  EXPECT_THAT(Refusal(words), HasSubstr("SHOAL_GRPC"));
  words.grpc = "0.0.0.0:50053";
  EXPECT_EQ(InterpretAs<HealthCheckOptions>(words).target, "127.0.0.1:50053");
  words.health_check = "h:5";
  EXPECT_EQ(InterpretAs<HealthCheckOptions>(words).target, "h:5");
  words.health_check = "/run/shoal/agent.sock";
  EXPECT_EQ(InterpretAs<HealthCheckOptions>(words).target, "unix:/run/shoal/agent.sock");
}

TEST(ClassifyTest, SeparatesNamesIdsAndFiles) {
  EXPECT_EQ(Classify("model.tar"), ContentWord::kName);
  EXPECT_EQ(Classify("dir/model.tar.shoal"), ContentWord::kManifestFile);
  EXPECT_EQ(Classify(".shoal"), ContentWord::kName);
  EXPECT_EQ(Classify(std::string(64, 'a')), ContentWord::kId);
  EXPECT_EQ(Classify(std::string(64, 'g')), ContentWord::kName);
  EXPECT_EQ(Classify("deadbeef"), ContentWord::kName);
  EXPECT_EQ(Classify(std::string(65, 'a')), ContentWord::kName);
}

}  // namespace
}  // namespace shoal::leecher
