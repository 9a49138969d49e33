#include "clients/leecher/agent/content/file_headers.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/sample_content.h"

namespace shoal::leecher {
namespace {

TEST(MediaTypeOf, GoesByTheExtension) {
  const std::pair<const char*, const char*> cases[] = {
      {"film.mp4", "video/mp4"},
      {"a/b/Film.MKV", "video/x-matroska"},
      {"song.flac", "audio/flac"},
      {"picture.jpg", "image/jpeg"},
      {"paper.pdf", "application/pdf"},
      {"notes.md", "text/plain; charset=utf-8"},
      {"data.tar.gz", "application/gzip"},
      {"weights.safetensors", "application/octet-stream"},
      {"mp4", "application/octet-stream"},
      {"folder.mp4/readme", "application/octet-stream"},
      {"dot.", "application/octet-stream"},
      {"", "application/octet-stream"},
  };
  for (const auto& [path, type] : cases) EXPECT_EQ(MediaTypeOf(path), type) << path;
}

TEST(MediaTypeOf, NothingRunsInABrowser) {
  for (const char* path : {"a.html", "a.HTM", "a.xhtml", "a.svg", "a.xml", "a.js", "a.mjs", "a.css"}) {
    EXPECT_EQ(MediaTypeOf(path), "text/plain; charset=utf-8") << path;
  }
  for (const char* path : {"a.swf", "a.svgz", "a.wasm", "a.shtml", "a.mht"}) {
    EXPECT_EQ(MediaTypeOf(path), "application/octet-stream") << path;
  }
}

TEST(EntityTagOf, FollowsTheBytesOfTheFile) {
  const std::string bytes(50'000, 'x');
  const SampleContent content =
      SampleContent::OfFolder("c", {{"a", bytes}, {"b", bytes}, {"c", bytes + "y"}, {"d", ""}});
  const std::string tag = EntityTagOf(*content.manifest(), FileIndex(0));
  EXPECT_EQ(tag.size(), 34u);
  EXPECT_EQ(tag.front(), '"');
  EXPECT_EQ(tag.back(), '"');
  EXPECT_EQ(EntityTagOf(*content.manifest(), FileIndex(1)), tag);
  EXPECT_NE(EntityTagOf(*content.manifest(), FileIndex(2)), tag);
  EXPECT_NE(EntityTagOf(*content.manifest(), FileIndex(3)), tag);
}

TEST(NamesEntityTag, ComparesWeakly) {
  const std::string tag = "\"abc\"";
  for (const char* header : {"\"abc\"", "*", " * ", "W/\"abc\"", "\"x\", \"abc\"", "\"x\",W/\"abc\" "}) {
    EXPECT_TRUE(NamesEntityTag(header, tag)) << header;
  }
  for (const char* header : {"", "abc", "\"ab\"", "\"abcd\"", "\"x\", *", "w/\"abc\"", ","}) {
    EXPECT_FALSE(NamesEntityTag(header, tag)) << header;
  }
}

TEST(AttachmentOf, NamesTheFile) {
  const std::pair<std::string, const char*> cases[] = {
      {"a/b/film.mp4", R"(attachment; filename="film.mp4"; filename*=UTF-8''film.mp4)"},
      {"two words.txt", R"(attachment; filename="two words.txt"; filename*=UTF-8''two%20words.txt)"},
      {"\xc3\xbc.txt", R"(attachment; filename="__.txt"; filename*=UTF-8''%c3%bc.txt)"},
      {"a\"b\\c%41.txt", R"(attachment; filename="a_b_c_41.txt"; filename*=UTF-8''a%22b%5cc%2541.txt)"},
      {"line\r\nX: y", R"(attachment; filename="line__X: y"; filename*=UTF-8''line%0d%0aX%3a%20y)"},
      {"\xff", R"(attachment; filename="_"; filename*=UTF-8''%ff)"},
  };
  for (const auto& [path, value] : cases) EXPECT_EQ(AttachmentOf(path), value);
}

}  // namespace
}  // namespace shoal::leecher
