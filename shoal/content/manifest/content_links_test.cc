#include "shoal/content/manifest/content_links.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace shoal {
namespace {

// Checks the first of `links` with the others around it.
absl::Status CheckFirst(const std::vector<LinkEntry>& links) {
  return ContentLinks(links).Check(links[0]);
}

void ExpectRefused(const std::vector<LinkEntry>& links, absl::string_view why) {
  const absl::Status status = CheckFirst(links);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find(why), absl::string_view::npos) << status;
}

TEST(ContentLinks, AcceptsTargetsInside) {
  for (const LinkEntry& link : std::vector<LinkEntry>{
           {"l", "a"},
           {"l", "a/b/c"},
           {"l", "nothing/there"},
           {"l", "."},
           {"l", "./a//b/"},
           {"l", "a/.."},
           {"a/l", ".."},
           {"a/l", "../b"},
           {"a/b/l", "../../c/d"},
           {"a/b/l", "x/../../../y"},
           {"l", "\xff\n"},
       }) {
    EXPECT_TRUE(CheckFirst({link}).ok()) << link.path << " -> " << link.target;
  }
}

TEST(ContentLinks, RefusesTargetsOutside) {
  for (const LinkEntry& link : std::vector<LinkEntry>{
           {"l", ".."},
           {"l", "../l"},
           {"l", "a/../.."},
           {"a/l", "../.."},
           {"a/l", "../../a"},
           {"a/b/l", "../../../etc/passwd"},
           {"l", "nothing/../../there"},
       }) {
    ExpectRefused({link}, "leads out");
  }
  ExpectRefused({{"l", "/"}}, "absolute");
  ExpectRefused({{"l", "/etc/passwd"}}, "absolute");
  ExpectRefused({{"l", "//a"}}, "absolute");
}

TEST(ContentLinks, RefusesTargetsThatCannotBeSent) {
  ExpectRefused({{"l", ""}}, "empty");
  ExpectRefused({{"l", std::string(kMaxLinkTargetBytes + 1, 'x')}}, "bytes");
  EXPECT_TRUE(CheckFirst({{"l", std::string(kMaxLinkTargetBytes, 'x')}}).ok());
  ExpectRefused({{"l", std::string("a\0b", 3)}}, "NUL");
  ExpectRefused({{"l", "..\\a"}}, "backslash");
}

TEST(ContentLinks, FollowsLinksOnTheWay) {
  // Each target stays inside as text, but `up` leads to the content's folder, and from there ".." leads out.
  ExpectRefused({{"a/b/l", "up/../x"}, {"a/b/up", "../.."}}, "leads out");
  ExpectRefused({{"a/b/l", "one/x"}, {"a/b/one", "two/.."}, {"a/b/two", "../.."}}, "leads out");
  // The same text through a link that leads deeper stays inside.
  EXPECT_TRUE(CheckFirst({{"a/b/l", "deep/../x"}, {"a/b/deep", "c/d"}}).ok());
  // As text these lead out; through the link they don't.
  EXPECT_TRUE(CheckFirst({{"l", "deep/../../x"}, {"deep", "c/d"}}).ok());
  ExpectRefused({{"l", "deep/../../../x"}, {"deep", "c/d"}}, "leads out");
}

TEST(ContentLinks, RefusesLinksToRefusedLinks) {
  ExpectRefused({{"l", "out"}, {"out", "/etc"}}, "refused (which is absolute)");
  ExpectRefused({{"l", "out/x"}, {"out", ".."}}, "leads out");
}

TEST(ContentLinks, RefusesTargetsWithoutEnd) {
  ExpectRefused({{"l", "l"}}, "leads to itself");
  ExpectRefused({{"l", "m/x"}, {"m", "l"}}, "leads to itself");
  ExpectRefused({{"a/l", "../a/l/x"}}, "leads to itself");
  // A chain of as many links as a kernel follows, and one more.
  std::vector<LinkEntry> chain;
  for (int i = 0; i < kMaxLinksFollowed; ++i)
    chain.push_back({absl::StrCat("l", i), absl::StrCat("l", i + 1)});
  EXPECT_TRUE(CheckFirst(chain).ok());
  chain.push_back({absl::StrCat("l", kMaxLinksFollowed), "end"});
  ExpectRefused(chain, "more than");
}

TEST(ContentLinks, BoundsTheWorkOfCraftedLinks) {
  // Long chains of long targets, each below the bounds by itself.
  std::string winding;
  while (winding.size() + 5 < kMaxLinkTargetBytes) winding.append("a/../");
  std::vector<LinkEntry> links;
  for (int i = 0; i < 39; ++i) links.push_back({absl::StrCat("l", i), absl::StrCat(winding, "l", i + 1)});
  const uint64_t one_check = 39 * (2 * winding.size() / 5 + 1) * 513;
  ContentLinks content_links(links, 10 * one_check);
  int checks = 0;
  absl::Status status;
  for (; status.ok() && checks < 100; ++checks) status = content_links.Check(links[0]);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(checks, 11);
}

}  // namespace
}  // namespace shoal
