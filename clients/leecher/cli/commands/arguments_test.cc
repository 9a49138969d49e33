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
  EXPECT_EQ(get.wait, absl::Minutes(1));
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
  words.verify = words.json = words.quiet = true;
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
  EXPECT_TRUE(get.verify && get.json && get.quiet);
}

TEST(ArgumentsTest, WaysToSaySeed) {
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
  const auto get = InterpretAs<GetOptions>(words);
  EXPECT_THAT(get.selection.include, ElementsAre("*.csv", "train/", "a\\,b"));
  EXPECT_THAT(get.selection.exclude, ElementsAre("*.tmp"));
  using Priority = SelectionRules::Priority;
  EXPECT_THAT(get.selection.priorities,
              ElementsAre(Priority{"first/*", FilePriority::kHigh}, Priority{"last", FilePriority::kLow},
                          Priority{"x=y", FilePriority::kSkip}));
  EXPECT_TRUE(get.sequential);
  for (const char* fault : {"", "a", "a=", "=high", "a=best", "a=high,"}) {
    words.priority = {fault};
    EXPECT_THAT(Refusal(words), HasSubstr("--priority")) << fault;
  }
  words = Typed(CommandName::kGet);
  words.include = {"a,,b"};
  EXPECT_THAT(Refusal(words), HasSubstr("--include"));
}

TEST(ArgumentsTest, OnlyManifestFilesNeedNoTracker) {
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

TEST(ArgumentsTest, FaultsNameTheirFlag) {
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

TEST(ArgumentsTest, HealthCheckAsksWhereTheHealthServiceIs) {
  Words words = Typed(CommandName::kHealthCheck);
  EXPECT_THAT(Refusal(words), HasSubstr("SHOAL_GRPC"));
  words.grpc = "0.0.0.0:50053";
  EXPECT_EQ(InterpretAs<HealthCheckOptions>(words).address.ToString(), "127.0.0.1:50053");
  words.health_check = "h:5";
  EXPECT_EQ(InterpretAs<HealthCheckOptions>(words).address.ToString(), "h:5");
}

}  // namespace
}  // namespace shoal::leecher
