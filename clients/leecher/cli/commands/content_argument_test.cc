#include "clients/leecher/cli/commands/content_argument.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::leecher {
namespace {

using ::testing::HasSubstr;

tracking::ContentStatus Content(const std::string& hex_beginning, const std::string& name) {
  tracking::ContentStatus content;
  content.summary.id = *ContentId::FromHex(hex_beginning + std::string(64 - hex_beginning.size(), '0'));
  content.summary.name = name;
  return content;
}

TEST(ContentArgumentTest, TellsWordsApart) {
  EXPECT_EQ(Classify("model.tar"), ContentWord::kName);
  EXPECT_EQ(Classify("dir/model.tar.shoal"), ContentWord::kManifestFile);
  EXPECT_EQ(Classify(".shoal"), ContentWord::kName);
  EXPECT_EQ(Classify(std::string(64, 'a')), ContentWord::kId);
  EXPECT_EQ(Classify(std::string(64, 'g')), ContentWord::kName);
  EXPECT_EQ(Classify("deadbeef"), ContentWord::kNameOrPrefix);
  EXPECT_EQ(Classify("DEADBEEF"), ContentWord::kNameOrPrefix);
  EXPECT_EQ(Classify("deadbee"), ContentWord::kName);
  EXPECT_EQ(Classify(std::string(65, 'a')), ContentWord::kName);
}

TEST(ContentArgumentTest, APrefixOfOneIdIsThatId) {
  const std::vector<tracking::ContentStatus> contents = {Content("deadbeef01", "a"),
                                                         Content("deadbeef02", "b")};
  const auto key = ResolvePrefix("DEADBEEF02", contents);
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(std::get<ContentId>(*key), contents[1].summary.id);
}

TEST(ContentArgumentTest, ANameComesFirst) {
  const auto key = ResolvePrefix("deadbeef", {Content("deadbeef01", "a"), Content("11", "deadbeef")});
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(std::get<std::string>(*key), "deadbeef");
}

TEST(ContentArgumentTest, APrefixOfNothingIsTakenForAName) {
  EXPECT_EQ(std::get<std::string>(*ResolvePrefix("deadbeef", {})), "deadbeef");
}

TEST(ContentArgumentTest, APrefixOfSeveralIsRefused) {
  const auto key = ResolvePrefix("deadbeef", {Content("deadbeef01", "a"), Content("deadbeef02", "b")});
  EXPECT_EQ(key.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(key.status().message()), HasSubstr("deadbeef02"));
}

TEST(ContentArgumentTest, TheSameContentAtTwoTrackersIsOne) {
  EXPECT_TRUE(ResolvePrefix("deadbeef", {Content("deadbeef01", "a"), Content("deadbeef01", "a")}).ok());
}

}  // namespace
}  // namespace shoal::leecher
