#include "shoal/service/command_line.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

class CommandLineTest : public testing::Test {
 protected:
  CommandLineTest()
      : app_("Moves carps from pond to pond, in order and in good health, at any time of the day.") {
    ::setenv("COLUMNS", "80", 1);
    app_.footer(
        "\nExamples:\n  ponds move carp --tracker=tracker.example:50051 --include='*.csv,train/' "
        "--pond=two\n");
    CLI::App& move = *app_.add_subcommand("move", "Move a carp");
    move.add_option("carp", carp_, "Its name")->type_name("NAME")->required();
    move.add_option("-p,--pond", pond_,
                    "The pond to move it to, of which there are several, all of them cold")
        ->envname("POND")
        ->type_name("POND|none")
        ->capture_default_str();
    move.add_flag("--feed", feed_, "Feed it first");
    app_.add_subcommand("list", "List the carps");
  }

  // Parses, and keeps what is printed.
  std::optional<int> Parse(std::vector<std::string> words) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const std::optional<int> code = ParseCommandLine(app_, {"ponds", "1.2.3"}, std::move(words));
    out_ = testing::internal::GetCapturedStdout();
    errors_ = testing::internal::GetCapturedStderr();
    return code;
  }
  std::string Refusal(std::vector<std::string> words) {
    EXPECT_EQ(Parse(std::move(words)), kUsageExitCode);
    EXPECT_EQ(out_, "");
    return errors_;
  }

  CLI::App app_;
  std::string carp_;
  std::string pond_ = "one";
  bool feed_ = false;
  std::string out_;
  std::string errors_;
};

TEST_F(CommandLineTest, AFlagThatMayBeRepeatedTakesNoArgument) {
  std::vector<std::string> feeds;
  std::string text;
  CLI::App& find = *app_.add_subcommand("find", "Find carps");
  find.add_option("text", text, "A part of their names");
  find.add_option("--food", feeds, "Food")->expected(1)->take_all();
  EXPECT_EQ(Parse({"find", "--food=corn", "--food", "peas", "koi"}), std::nullopt) << errors_;
  EXPECT_EQ(text, "koi");
  EXPECT_THAT(feeds, ElementsAre("corn", "peas"));
}

TEST_F(CommandLineTest, AWrongValueIsNamedWithItsPlace) {
  const CLI::App& move = *app_.get_subcommand("move");
  const auto place_of = [&](const std::vector<std::string>& words) {
    return WithPlace(move, words, "--pond: it is dry");
  };
  EXPECT_EQ(place_of({"move"}), "--pond: it is dry");
  ::setenv("POND", "two", 1);
  EXPECT_EQ(place_of({"move", "koi"}), "$POND: --pond: it is dry");
  for (const char* word : {"--pond", "--pond=one", "-p", "-pone"}) {
    EXPECT_EQ(place_of({"move", word}), "--pond: it is dry") << word;
  }
  EXPECT_EQ(WithPlace(move, {}, "no pond: it is dry"), "no pond: it is dry");
  EXPECT_EQ(WithPlace(move, {}, "--feed: it is not hungry"), "--feed: it is not hungry");
  ::unsetenv("POND");
}

TEST_F(CommandLineTest, ACorrectCommandLineRuns) {
  EXPECT_EQ(Parse({"move", "koi", "--pond=two"}), std::nullopt);
  EXPECT_EQ(carp_, "koi");
  EXPECT_EQ(pond_, "two");
  EXPECT_EQ(out_ + errors_, "");
}

TEST_F(CommandLineTest, AFlagWithoutItsValueTakesNoOtherWord) {
  EXPECT_THAT(Refusal({"move", "koi", "--pond=", "--feed"}), HasSubstr("--pond: its value is missing"));
  EXPECT_THAT(Refusal({"move", "--pond=", "koi"}), HasSubstr("--pond: its value is missing"));
  EXPECT_THAT(Refusal({"move", "koi", "--pond="}), HasSubstr("--pond: its value is missing"));
}

TEST_F(CommandLineTest, UnknownCommandsSuggestTheNearest) {
  EXPECT_THAT(Refusal({"lsit"}), HasSubstr("ponds: unknown command 'lsit'; did you mean 'list'?"));
  EXPECT_THAT(Refusal({"MOVE", "koi"}), HasSubstr("did you mean 'move'?"));
  EXPECT_THAT(Refusal({"drain"}), HasSubstr("there are move, list"));
}

TEST_F(CommandLineTest, UnknownFlagsSuggestTheNearest) {
  EXPECT_THAT(Refusal({"move", "koi", "--pnod=two"}), HasSubstr("unknown flag --pnod; did you mean --pond?"));
  EXPECT_THAT(Refusal({"move", "--fed"}), HasSubstr("did you mean --feed?"));  // and not: a carp is missing
  EXPECT_THAT(Refusal({"move", "koi", "--colour=red"}), HasSubstr("unknown flag --colour\n"));
  EXPECT_THAT(Refusal({"--versoin"}), HasSubstr("did you mean --version?"));
  EXPECT_THAT(errors_, HasSubstr("Run 'ponds --help'"));
}

TEST_F(CommandLineTest, AFlagOfAnotherCommandIsNamed) {
  EXPECT_THAT(Refusal({"list", "--feed"}), HasSubstr("it is a flag of 'move'"));
  EXPECT_THAT(errors_, HasSubstr("Run 'ponds list --help'"));
  EXPECT_THAT(Refusal({"--pond=two", "move", "koi"}), HasSubstr("behind its command"));
}

TEST_F(CommandLineTest, OtherMistakesAreUsageErrors) {
  EXPECT_THAT(Refusal({"move"}), HasSubstr("carp"));
  EXPECT_THAT(Refusal({"move", "koi", "tench"}), HasSubstr("unexpected argument 'tench'"));
  EXPECT_THAT(Refusal({"move", "koi", "--pond"}), HasSubstr("--pond"));
}

TEST_F(CommandLineTest, HelpFitsTheTerminal) {
  for (const char* columns : {"20", "40", "63", "80", "100", "300"}) {
    ::setenv("COLUMNS", columns, 1);
    for (const std::vector<std::string>& words : {std::vector<std::string>{"--help"}, {"move", "--help"}}) {
      EXPECT_EQ(Parse(words), 0);
      const std::vector<std::string> lines = absl::StrSplit(out_, '\n');
      for (const std::string& line : lines) {
        EXPECT_LE(static_cast<int>(line.size()), std::min(100, std::atoi(columns))) << line;
      }
    }
    EXPECT_THAT(out_, HasSubstr("--feed"));
  }
}

TEST_F(CommandLineTest, HelpNamesValuesDefaultsAndVariables) {
  EXPECT_EQ(Parse({"move", "--help"}), 0);
  EXPECT_THAT(out_, HasSubstr("ponds move [OPTIONS]"));
  EXPECT_THAT(out_, HasSubstr("-p,--pond POND|none"));
  EXPECT_THAT(out_, HasSubstr("(default one; $POND)"));
  EXPECT_THAT(out_, Not(HasSubstr("dump-flags")));
}

TEST_F(CommandLineTest, VersionHasTheNameOfTheCall) {
  EXPECT_EQ(Parse({"--version"}), 0);
  EXPECT_EQ(out_, "ponds 1.2.3\n");
}

TEST_F(CommandLineTest, FlagsAreAvailableAsData) {
  EXPECT_EQ(Parse({"--dump-flags"}), 0);
  const Json json = Json::parse(out_);
  EXPECT_EQ(json["program"], "ponds");
  EXPECT_EQ(json["version"], "1.2.3");
  ASSERT_EQ(json["commands"].size(), 2u);
  const Json& move = json["commands"][0];
  EXPECT_EQ(move["name"], "move");
  EXPECT_EQ(move["arguments"][0]["name"], "carp");
  EXPECT_EQ(move["arguments"][0]["required"], true);
  const Json& pond = move["flags"][1];
  EXPECT_EQ(pond["names"], Json::array({"-p", "--pond"}));
  EXPECT_EQ(pond["value"], "POND|none");
  EXPECT_EQ(pond["default"], "one");
  EXPECT_EQ(pond["env"], "POND");
  EXPECT_EQ(pond["repeatable"], false);
  EXPECT_TRUE(move["flags"][2]["value"].is_null());
}

TEST(NearestWordTest, AllowsFewEdits) {
  const std::vector<std::string> words = {"--tracker", "--listen", "get", "seed"};
  EXPECT_EQ(NearestWord("--trcaker", words), "--tracker");
  EXPECT_EQ(NearestWord("--TRACKER", words), "--tracker");
  EXPECT_EQ(NearestWord("gte", words), "get");
  EXPECT_EQ(NearestWord("sed", words), "seed");
  EXPECT_EQ(NearestWord("--output", words), std::nullopt);
  EXPECT_EQ(NearestWord("x", words), std::nullopt);
  EXPECT_EQ(NearestWord("", words), std::nullopt);
  EXPECT_EQ(NearestWord(std::string(100'000, 'a'), words), std::nullopt);
}

TEST(WrapTextTest, CommandsAreContinuedForTheShell) {
  EXPECT_EQ(WrapText("  ponds move koi --pond=two", 20), "  ponds move koi \\\n      --pond=two");
}

TEST(WrapTextTest, TablesKeepTheirColumn) {
  EXPECT_EQ(WrapText("    0  all went well today", 20), "    0  all went well\n       today");
  EXPECT_EQ(WrapText("  130  ended by a signal", 20), "  130  ended by a\n       signal");
  EXPECT_EQ(WrapText("one two three", 7), "one two\nthree");
  EXPECT_EQ(WrapText("short\n\nlines", 20), "short\n\nlines");
}

TEST(ProgramNameTest, IsOneOfTheKnownNames) {
  const std::vector<std::string> names = {"shoal-leecher", "shoal"};
  EXPECT_EQ(ProgramName("/usr/bin/shoal", names), "shoal");
  EXPECT_EQ(ProgramName("shoal-leecher", names), "shoal-leecher");
  EXPECT_EQ(ProgramName("./a.out", names), "shoal-leecher");
  EXPECT_EQ(ProgramName(nullptr, names), "shoal-leecher");
}

// A service with flags that a configuration file can set, which are those of the program or of a command.
class ConfigFileTest : public testing::TestWithParam<bool> {
 protected:
  ConfigFileTest() : path_(absl::StrCat(testing::TempDir(), "config-file-", ::getpid())) {
    CLI::App& owner = is_command() ? *app_.add_subcommand("dig", "Dig a pond") : app_;
    if (is_command()) owner.parse_complete_callback([&owner] { ReadConfigFile(owner); });
    owner.add_option("--pond", pond_, "The pond")->envname("TEST_POND")->capture_default_str();
    owner.add_option("--depth", depth_, "Its depth")->envname("TEST_DEPTH")->check(CLI::Range(1, 9));
    owner.add_option("--carp", carps_, "Carps")->envname("TEST_CARP")->expected(1)->take_all();
    owner.add_option("--ask", pond_, "An action, which has no variable");
    AddConfigFile(owner);
  }
  ~ConfigFileTest() override {
    ::unsetenv("TEST_POND");
    std::filesystem::remove(path_);
  }

  static bool is_command() { return GetParam(); }
  std::optional<int> Parse(const std::string& text, std::vector<std::string> words = {}) {
    std::ofstream(path_) << text;
    words.push_back("--config=" + path_);
    if (is_command()) words.insert(words.begin(), "dig");
    testing::internal::CaptureStderr();
    const std::optional<int> code = ParseCommandLine(app_, {"ponds", "1.2.3"}, std::move(words));
    errors_ = testing::internal::GetCapturedStderr();
    return code;
  }

  CLI::App app_;
  std::string path_;
  std::string pond_ = "one";
  int depth_ = 1;
  std::vector<std::string> carps_;
  std::string errors_;
};

TEST_P(ConfigFileTest, LinesSetTheFlagsOfTheirNames) {
  EXPECT_EQ(Parse("# comment\n\n pond = two,three \ndepth=5\n#depth=7\n"), std::nullopt) << errors_;
  EXPECT_EQ(pond_, "two,three");
  EXPECT_EQ(depth_, 5);
}

TEST_P(ConfigFileTest, ARepeatedLineAddsAValueWhereTheFlagMayBeRepeated) {
  EXPECT_EQ(Parse("carp=Ann\ncarp=Bob\n"), std::nullopt) << errors_;
  EXPECT_THAT(carps_, ElementsAre("Ann", "Bob"));
  EXPECT_EQ(Parse("depth=2\ndepth=3\n"), kUsageExitCode);
}

TEST_P(ConfigFileTest, TheCommandLineOverridesTheEnvironmentWhichOverridesTheFile) {
  ::setenv("TEST_POND", "from the environment", 1);
  EXPECT_EQ(Parse("pond=from the file\ndepth=5\n", {"--depth=6"}), std::nullopt) << errors_;
  EXPECT_EQ(pond_, "from the environment");
  EXPECT_EQ(depth_, 6);
}

TEST_P(ConfigFileTest, AnErrorNamesTheFileAndTheLine) {
  EXPECT_EQ(Parse("pond=two\nponds=3\n"), kUsageExitCode);
  EXPECT_THAT(errors_, HasSubstr(path_ + ":2: unknown name 'ponds'; did you mean 'pond'?"));
  EXPECT_EQ(Parse("pond\n"), kUsageExitCode);
  EXPECT_THAT(errors_, HasSubstr(path_ + ":1: a line needs to be NAME=VALUE"));
}

TEST_P(ConfigFileTest, ActionsAndWrongValuesAreRefused) {
  for (const std::string line : {"ask=two", "config=other", "help=true", "version=1"}) {
    EXPECT_EQ(Parse(line), kUsageExitCode) << line;
    EXPECT_THAT(errors_, HasSubstr("unknown name")) << line;
  }
  EXPECT_EQ(Parse("# its depth\ndepth=10"), kUsageExitCode);
  EXPECT_THAT(errors_, HasSubstr(path_ + ":2: --depth"));
  EXPECT_EQ(Parse("depth=deep"), kUsageExitCode);
  EXPECT_THAT(errors_, HasSubstr(path_ + ":1: --depth: Value deep not in range"));
}

TEST_P(ConfigFileTest, AFileThatIsMissingOrTooLargeIsRefused) {
  EXPECT_EQ(Parse(std::string(64 * 1024 + 1, '#')), kUsageExitCode);
  EXPECT_THAT(errors_, HasSubstr("larger than 65536 bytes"));
  path_ = "/nowhere/ponds.conf";
  EXPECT_EQ(Parse(""), kUsageExitCode);
  EXPECT_THAT(errors_, HasSubstr("/nowhere/ponds.conf"));
}

INSTANTIATE_TEST_SUITE_P(OfAProgramAndOfACommand, ConfigFileTest, testing::Bool());

}  // namespace
}  // namespace shoal::service
