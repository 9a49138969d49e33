#include "services/tracker/access/token_table.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::tracker {
namespace {

using ::testing::HasSubstr;

// sha256sum of "secret-of-alice" and of "secret-of-bob"
constexpr char kAlice[] = "2e63581f3ad310ec6d04ce0f6adb96d3a7808722dab1612486486190086013f6";
constexpr char kBob[] = "f6dbcfeb957b327b63c0705f1348f75715f09f5020903b696c43e66a53d0f189";

std::string WhyNot(const std::string& text) {
  const auto table = TokenTable::Parse(text);
  return table.ok() ? "" : std::string(table.status().message());
}

TEST(TokenTableTest, FindsATokenByItsHash) {
  const auto table = TokenTable::Parse(absl::StrCat("# tokens\n\n", kAlice, " publish,list  # Alice\n\t",
                                                    kBob, "\tfetch models-* data.tar\r\n"));
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->size(), 2u);
  const TokenGrant* const alice = table->Find("secret-of-alice");
  ASSERT_NE(alice, nullptr);
  EXPECT_TRUE(alice->Has(Right::kPublish));
  EXPECT_TRUE(alice->Has(Right::kList));
  EXPECT_FALSE(alice->Has(Right::kFetch));
  EXPECT_FALSE(alice->Has(Right::kAdmin));
  EXPECT_TRUE(alice->HasAllNames());
  EXPECT_TRUE(alice->HasName("anything"));
  const TokenGrant* const bob = table->Find("secret-of-bob");
  ASSERT_NE(bob, nullptr);
  EXPECT_TRUE(bob->Has(Right::kFetch));
  EXPECT_FALSE(bob->HasAllNames());
  EXPECT_TRUE(bob->HasName("models-7b"));
  EXPECT_TRUE(bob->HasName("data.tar"));
  EXPECT_FALSE(bob->HasName("data.tar.gz"));
  EXPECT_EQ(table->Find("secret-of-carol"), nullptr);
  EXPECT_EQ(table->Find(""), nullptr);
  EXPECT_EQ(table->Find(kAlice), nullptr) << "the hash is no token";
}

TEST(TokenTableTest, AdminIsEverything) {
  const auto table = TokenTable::Parse(absl::StrCat(kAlice, " admin models-*"));
  ASSERT_TRUE(table.ok()) << table.status();
  const TokenGrant* const alice = table->Find("secret-of-alice");
  ASSERT_NE(alice, nullptr);
  for (const Right right : {Right::kPublish, Right::kFetch, Right::kList, Right::kAdmin})
    EXPECT_TRUE(alice->Has(right)) << RightName(right);
  EXPECT_TRUE(alice->HasName("other"));
}

TEST(TokenTableTest, AnEmptyFileLetsNobodyIn) {
  const auto table = TokenTable::Parse("# nobody yet\n");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->size(), 0u);
}

TEST(TokenTableTest, FaultsNameTheLine) {
  EXPECT_THAT(WhyNot("\n\nsecret-of-alice publish"),
              HasSubstr("line 3: \"secret-of-alice\" is not the SHA-256"));
  EXPECT_THAT(WhyNot(std::string(64, 'g') + " publish"), HasSubstr("64 hex digits"));
  EXPECT_THAT(WhyNot(kAlice), HasSubstr("line 1: has no rights"));
  EXPECT_THAT(WhyNot(absl::StrCat(kAlice, " # publish")), HasSubstr("has no rights"));
  EXPECT_THAT(WhyNot(absl::StrCat(kAlice, " publish,write")), HasSubstr("\"write\" is no right"));
  EXPECT_THAT(WhyNot(absl::StrCat(kAlice, " publish,")), HasSubstr("\"\" is no right"));
  EXPECT_THAT(WhyNot(absl::StrCat(kAlice, " fetch\n", kAlice, " list")), HasSubstr("line 2: has a token"));
  EXPECT_THAT(WhyNot(absl::StrCat(kAlice, " fetch", std::string(3, '\0'))), HasSubstr("NUL"));
  std::string many = absl::StrCat(kAlice, " fetch");
  for (size_t i = 0; i < TokenTable::kMaxGlobsPerToken; ++i) absl::StrAppend(&many, " name", i);
  EXPECT_EQ(WhyNot(many), "");
  EXPECT_THAT(WhyNot(many + " one-more"), HasSubstr("more than 64 names"));
  const std::string longest = absl::StrCat(kAlice, " fetch ", std::string(TokenTable::kMaxGlobBytes, 'x'));
  EXPECT_EQ(WhyNot(longest), "");
  EXPECT_THAT(WhyNot(longest + "x"), HasSubstr("longer than any name"));
}

}  // namespace
}  // namespace shoal::tracker
