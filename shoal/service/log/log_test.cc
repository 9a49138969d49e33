#include "shoal/service/log/log.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace shoal::service {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(LogTest, WritesOneLineToStderrFromItsLevelUp) {
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

TEST(LogTest, TheFormatIsKnownBeforeTheArgumentsAreParsed) {
  const auto early = [](std::vector<const char*> argv) {
    argv.insert(argv.begin(), "program");
    return EarlyLogFormat(static_cast<int>(argv.size()), argv.data());
  };
  unsetenv("SHOAL_LOG_FORMAT");
  EXPECT_EQ(early({}), LogFormat::kText);
  EXPECT_EQ(early({"--share=x", "--log-format=json", "--wrong"}), LogFormat::kJson);
  EXPECT_EQ(early({"--log-format", "json"}), LogFormat::kJson);
  EXPECT_EQ(early({"--log-format=xml"}), LogFormat::kText);
  EXPECT_EQ(early({"--log-format"}), LogFormat::kText);
  EXPECT_EQ(early({"--log-formats=json"}), LogFormat::kText);
  setenv("SHOAL_LOG_FORMAT", "json", 1);
  EXPECT_EQ(early({}), LogFormat::kJson);
  EXPECT_EQ(early({"--log-format=text"}), LogFormat::kText);
  unsetenv("SHOAL_LOG_FORMAT");
}

TEST(LogTest, AFatalErrorIsPlainInTextAndALineInJson) {
  StartLog("tester", LogLevel::kInfo, LogFormat::kText);
  ::testing::internal::CaptureStderr();
  ReportFatal("no such\nfolder");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "tester: no such\\nfolder\n");
  StartLog("tester", LogLevel::kInfo, LogFormat::kJson);
  ::testing::internal::CaptureStderr();
  ReportFatal("no such\nfolder");
  const auto line = nlohmann::json::parse(::testing::internal::GetCapturedStderr());
  EXPECT_EQ(line["level"], "error");
  EXPECT_EQ(line["message"], "no such\nfolder");
}

TEST(LogDeathTest, ALackOfResourcesExitsAndADefectAborts) {
  StartLog("tester", LogLevel::kInfo, LogFormat::kText);
  const auto end_by = [](const auto& error) {
    ExitWhenResourcesEnd(7);
    std::thread([&error] { throw error; }).join();
  };
  EXPECT_EXIT(end_by(std::system_error(EMFILE, std::generic_category(), "eventfd")),
              ::testing::ExitedWithCode(7),
              "tester: the system lacks a resource: eventfd: Too many open files");
  EXPECT_EXIT(end_by(std::logic_error("defect")), ::testing::KilledBySignal(SIGABRT), "");
}

TEST(LogTest, ParsesLevelsAndFormats) {
  EXPECT_EQ(*ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(*ParseLogLevel("warning"), LogLevel::kWarning);
  EXPECT_EQ(*ParseLogFormat("json"), LogFormat::kJson);
  EXPECT_EQ(*ParseLogLevel("WARN"), LogLevel::kWarning);
  EXPECT_FALSE(ParseLogLevel("loud").ok());
  EXPECT_FALSE(ParseLogFormat("xml").ok());
}

LogLine Line(absl::string_view message, const std::vector<LogField>& fields = {}) {
  return {
      absl::FromUnixMillis(1767323045678), LogLevel::kInfo, "tracker", message, fields.data(), fields.size()};
}

TEST(LogLineTest, Text) {
  EXPECT_EQ(Line("started", {{"port", "6969"}, {"path", "/a b"}, {"empty", ""}}).ToText(),
            "2026-01-02T03:04:05.678Z info tracker: started port=6969 path=\"/a b\" empty=\"\"");
}

TEST(LogLineTest, HostileBytesNeitherBreakALineNorControlATerminal) {
  const struct {
    const char* value;
    const char* shown;
  } cases[] = {
      {"plain", "plain"},
      {"a=b", "\"a=b\""},
      {"say \"hi\"", "\"say \\\"hi\\\"\""},
      {"back\\slash", "\"back\\\\slash\""},
      {"two\nlines\r\t", "\"two\\nlines\\r\\t\""},
      {"\x1B[2J", "\"\\x1b[2J\""},
      {"\x7F", "\"\\x7f\""},
      {"gr\xC3\xBC\xC3\x9F", "gr\xC3\xBC\xC3\x9F"},
      {"\xF0\x9F\x90\x9F", "\xF0\x9F\x90\x9F"},
      {"\xC2\x9B"
       "2J",
       "\\xc2\\x9b2J"},
      {"exe.\u202Efdp", "exe.\\xe2\\x80\\xaefdp"},
      {"\xFF\xC3", "\\xff\\xc3"},
      {"\xED\xA0\x80", "\\xed\\xa0\\x80"},
      {"\xC0\xAF", "\\xc0\\xaf"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Line("m", {{"k", c.value}}).ToText(),
              std::string("2026-01-02T03:04:05.678Z info tracker: m k=") + c.shown);
  }
  EXPECT_EQ(Line("two\nlines").ToText(), "2026-01-02T03:04:05.678Z info tracker: two\\nlines");
}

TEST(LogLineTest, Json) {
  const std::vector<LogField> fields = {{"path", "a \"b\"\n"},
                                        {"bad", "\xFF"},
                                        {"port", uint16_t{6969}},
                                        {"change", -3},
                                        {"most", UINT64_MAX},
                                        {"ratio", 0.25},
                                        {"ready", true},
                                        {"digits", "42"},
                                        {"size", LogValue::Bytes(3 * 1024 * 1024)},
                                        {"rate", LogValue::BytesPerSecond(1536)}};
  const std::string json = Line("m", fields).ToJson();
  EXPECT_EQ(json.find('\n'), std::string::npos);
  EXPECT_EQ(json.find("{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"info\",\"program\":\"tracker\","
                      "\"message\":\"m\""),
            0u);
  const auto parsed = nlohmann::json::parse(json);
  EXPECT_EQ(parsed["path"], "a \"b\"\n");
  EXPECT_EQ(parsed["bad"], "\xEF\xBF\xBD");
  EXPECT_EQ(parsed["port"], 6969);
  EXPECT_EQ(parsed["change"], -3);
  EXPECT_EQ(parsed["most"], UINT64_MAX);
  EXPECT_EQ(parsed["ratio"], 0.25);
  EXPECT_EQ(parsed["ready"], true);
  EXPECT_EQ(parsed["digits"], "42");
  EXPECT_EQ(parsed["size"], 3 * 1024 * 1024);
  EXPECT_EQ(parsed["rate"], 1536.0);
  EXPECT_EQ(
      Line("m", {fields.begin() + 2, fields.end()}).ToText(),
      "2026-01-02T03:04:05.678Z info tracker: m port=6969 change=-3 most=18446744073709551615 ratio=0.25 "
      "ready=true digits=42 size=\"3.00 MiB\" rate=\"1.50 KiB/s\"");
}

}  // namespace
}  // namespace shoal::service
