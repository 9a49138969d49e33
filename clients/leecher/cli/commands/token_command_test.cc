#include "clients/leecher/cli/commands/arguments.h"
#include "clients/leecher/cli/commands/commands.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::leecher {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<Command> MakeToken(const std::string& rights, const std::vector<std::string>& names = {}) {
  Words words;
  words.command = CommandName::kToken;
  words.rights = rights;
  words.names = names;
  return Interpret(words);
}

std::string WhyNot(const std::string& rights, const std::vector<std::string>& names = {}) {
  return std::string(MakeToken(rights, names).status().message());
}

TEST(TokenCommandTest, TheLineHasTheHashTheRightsAndTheNames) {
  const auto command = MakeToken("publish,fetch", {"llama*,data-?", "x"});
  ASSERT_TRUE(command.ok()) << command.status();
  const auto& options = std::get<TokenOptions>(*command);
  // printf %s secret | sha256sum
  EXPECT_EQ(TokenLine("secret", options),
            "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b publish,fetch llama* data-? x");
  EXPECT_EQ(TokenLine("secret", {.rights = "list", .names = {}}),
            "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b list");
}

TEST(TokenCommandTest, WrongRightsAndNamesAreRefused) {
  EXPECT_THAT(WhyNot("publish,write"), HasSubstr("'write' is not publish, fetch, list or admin"));
  EXPECT_THAT(WhyNot(""), HasSubstr("--rights"));
  EXPECT_THAT(WhyNot("list", {"a b"}), HasSubstr("a ? stands"));
  EXPECT_THAT(WhyNot("list", {"a#b"}), HasSubstr("a ? stands"));
  EXPECT_THAT(WhyNot("list", {"a,,b"}), HasSubstr("can't be empty"));
}

}  // namespace
}  // namespace shoal::leecher
