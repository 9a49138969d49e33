#include "shoal/content/manifest/content_path.h"

#include <gtest/gtest.h>

#include <string>

namespace shoal {
namespace {

TEST(CheckContentName, AcceptsCommonNames) {
  for (const std::string& name : {std::string("a"), std::string("model v2 (final).tar.gz"),
                                  std::string("Grüße"), std::string("鯛の群れ"), std::string("🐟"),
                                  std::string("..."), std::string(".hidden"), std::string(255, 'x')}) {
    EXPECT_TRUE(CheckContentName(name).ok()) << name;
  }
}

TEST(CheckContentName, RefusesPathsAndControlCharacters) {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("/"),
        std::string("a\\b"), std::string("a\0b", 3), std::string("a\nb"), std::string("\x1b[2J"),
        std::string("\x7f"), std::string(256, 'x')}) {
    EXPECT_FALSE(CheckContentName(name).ok()) << name;
  }
}

TEST(CheckContentName, RefusesInvalidUtf8) {
  for (const std::string& name : {
           std::string("\xff"),
           std::string("a\x80"),  // a continuation byte only
           std::string("\xc3"),
           std::string("\xe2\x82"),  // truncated
           std::string("\xc0\xaf"),
           std::string("\xe0\x80\xaf"),  // overlong '/'
           std::string("\xed\xa0\x80"),  // a surrogate
           std::string("\xf4\x90\x80\x80"),
           std::string("\xf5\x80\x80\x80"),  // past the last character
           std::string("\xf0\x80\x80\x80"),
           std::string("\xe2\x28\xa1"),
       }) {
    EXPECT_FALSE(CheckContentName(name).ok());
  }
  for (const std::string& name :
       {std::string("\xf4\x8f\xbf\xbf"), std::string("\xef\xbf\xbd"), std::string("\xc2\x80"),
        std::string("\xe0\xa0\x80"), std::string("\xf0\x90\x80\x80")}) {
    EXPECT_TRUE(CheckContentName(name).ok());
  }
}

TEST(CheckContentPath, AcceptsRelativePathsOfAnyBytes) {
  for (const std::string& path :
       {std::string("a"), std::string("a/b/c"), std::string("..a/b.."), std::string("\xff/\x01"),
        std::string("...") + "/" + std::string(255, 'x')}) {
    EXPECT_TRUE(CheckContentPath(path).ok()) << path;
  }
}

TEST(CheckContentPath, RefusesPathsThatLeaveTheFolder) {
  std::string deep;
  for (int i = 0; i < 2049; ++i) deep += "a/";
  for (const std::string& path :
       {std::string(), std::string("/"), std::string("/etc/passwd"), std::string(".."), std::string("../a"),
        std::string("a/../b"), std::string("a/.."), std::string("."), std::string("./a"),
        std::string("a/./b"), std::string("a//b"), std::string("a/"), std::string("a\\b"),
        std::string("a\0b", 3), std::string(256, 'x'), deep + "a"}) {
    EXPECT_FALSE(CheckContentPath(path).ok()) << path;
  }
}

TEST(FolderOf, IsThePathBeforeTheLastSlash) {
  EXPECT_EQ(FolderOf("a"), "");
  EXPECT_EQ(FolderOf("a/b"), "a");
  EXPECT_EQ(FolderOf("a/b/c"), "a/b");
}

}  // namespace
}  // namespace shoal
