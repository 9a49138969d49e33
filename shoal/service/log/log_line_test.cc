#include "shoal/service/log/log_line.h"

#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace shoal::service {
namespace {

LogLine Line(absl::string_view message, const std::vector<LogField>& fields = {}) {
  return {
      absl::FromUnixMillis(1767323045678), LogLevel::kInfo, "tracker", message, fields.data(), fields.size()};
}

TEST(LogLineTest, Text) {
  EXPECT_EQ(Line("started", {{"port", "6969"}, {"path", "/a b"}, {"empty", ""}}).ToText(),
            "2026-01-02T03:04:05.678Z info tracker: started port=6969 path=\"/a b\" empty=\"\"");
}

TEST(LogLineTest, NothingFromOutsideBreaksALineOrDrivesATerminal) {
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
  const std::vector<LogField> fields = {{"path", "a \"b\"\n"}, {"bad", "\xFF"}};
  const std::string json = Line("m", fields).ToJson();
  EXPECT_EQ(json.find('\n'), std::string::npos);
  EXPECT_EQ(json.find("{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"info\",\"program\":\"tracker\","
                      "\"message\":\"m\""),
            0u);
  const auto parsed = nlohmann::json::parse(json);
  EXPECT_EQ(parsed["path"], "a \"b\"\n");
  EXPECT_EQ(parsed["bad"], "\xEF\xBF\xBD");
}

}  // namespace
}  // namespace shoal::service
