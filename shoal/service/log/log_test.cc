#include "shoal/service/log/log.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::service {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(LogTest, WritesOneLineToStderrFromItsLevelOn) {
  StartLog("tester", LogLevel::kInfo, LogFormat::kText);
  ::testing::internal::CaptureStderr();
  Log(LogLevel::kDebug, "not shown");
  LogInfo("shown {} %s", {{"key", "value"}});
  SetLogLevel(LogLevel::kError);
  LogWarning("not shown");
  LogError("shown too");
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, HasSubstr(" info tester: shown {} %s key=value\n"));
  EXPECT_THAT(text, EndsWith(" error tester: shown too\n"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("not shown")));

  StartLog("tester", LogLevel::kInfo, LogFormat::kJson);
  ::testing::internal::CaptureStderr();
  LogInfo("shown");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), StartsWith("{\"time\":"));
}

TEST(LogTest, ParsesLevelsAndFormats) {
  EXPECT_EQ(*ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(*ParseLogLevel("warning"), LogLevel::kWarning);
  EXPECT_EQ(*ParseLogFormat("json"), LogFormat::kJson);
  EXPECT_FALSE(ParseLogLevel("loud").ok());
  EXPECT_FALSE(ParseLogFormat("xml").ok());
}

}  // namespace
}  // namespace shoal::service
