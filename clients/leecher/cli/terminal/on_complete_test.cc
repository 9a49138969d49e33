#include "clients/leecher/cli/terminal/on_complete.h"

#include <fstream>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::leecher {
namespace {

using ::testing::HasSubstr;

TEST(OnCompleteTest, TheEnvironmentNamesTheContent) {
  const std::string path = testing::TempDir() + "on_complete_test.out";
  const CompletedContent content{"/data/a \"b\" $c", "0123", "a \"b\" $c"};
  const std::string command =
      "printf '%s|%s|%s' \"$SHOAL_FILE\" \"$SHOAL_CONTENT_ID\" \"$SHOAL_NAME\" > '" + path + "'";
  ASSERT_TRUE(RunOnComplete(command, content, true).ok());
  std::stringstream written;
  written << std::ifstream(path).rdbuf();
  EXPECT_EQ(written.str(), "/data/a \"b\" $c|0123|a \"b\" $c");
}

TEST(OnCompleteTest, AFailureNamesTheExitCodeOrTheSignal) {
  const absl::Status failed = RunOnComplete("exit 7", {}, true);
  EXPECT_EQ(failed.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(failed.message()), HasSubstr("exit code 7"));
  EXPECT_THAT(std::string(RunOnComplete("kill -KILL $$", {}, true).message()), HasSubstr("signal 9"));
}

TEST(OnCompleteTest, StdinIsEmpty) {
  EXPECT_TRUE(RunOnComplete("! read line", {}, true).ok());
}

}  // namespace
}  // namespace shoal::leecher
