#include "clients/leecher/cli/commands/agent_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::leecher::agent_text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(AgentTextTest, ReadsNumbersThatAreTexts) {
  const Json json = {{"text", "18446744073709551615"}, {"number", 7}, {"word", "seven"}};
  EXPECT_EQ(Number(json, "text"), UINT64_MAX);
  EXPECT_EQ(Number(json, "number"), 7u);
  EXPECT_EQ(Number(json, "word"), 0u);
  EXPECT_EQ(Number(json, "missing"), 0u);
}

TEST(AgentTextTest, AStateIsWhatMattersMost) {
  EXPECT_EQ(StateOf({{"state", "STATE_COMPLETE"}, {"paused", true}}), "complete");
  EXPECT_EQ(StateOf({{"state", "STATE_FETCHING"}, {"paused", true}}), "paused");
  EXPECT_EQ(StateOf({{"state", "STATE_FETCHING"}, {"waitingBecause", "no peer"}}), "waiting");
  EXPECT_EQ(StateOf({{"state", "STATE_FETCHING"}}), "fetching");
  EXPECT_EQ(StateOf({{"state", "STATE_FINDING"}}), "finding");
}

TEST(AgentTextTest, WhatIsDoneNeedsALength) {
  EXPECT_EQ(DoneOf({{"wantedBytes", "200"}, {"heldBytes", "50"}}), "25%");
  EXPECT_EQ(DoneOf({{"state", "STATE_FINDING"}}), "-");
  EXPECT_EQ(DoneOf({{"state", "STATE_COMPLETE"}}), "100%");
}

TEST(AgentTextTest, NamesFromOutsideAreEscaped) {
  const Json download = {{"id", "3"}, {"name", "a\x1b[2Jb"}, {"waitingBecause", "no\npeer"}};
  EXPECT_EQ(NameOf(download).find('\x1b'), std::string::npos);
  const std::vector<std::string> table = TableOf({download}).Render(0);
  ASSERT_EQ(table.size(), 2u);
  EXPECT_EQ(table[1].find('\x1b'), std::string::npos);
  const std::vector<std::string> reasons = ReasonsOf({download});
  ASSERT_EQ(reasons.size(), 1u);
  EXPECT_EQ(reasons[0].find('\n'), std::string::npos);
}

TEST(AgentTextTest, AFailureIsAReasonToo) {
  EXPECT_THAT(ReasonsOf({{{"name", "a"}, {"failure", {{"message", "the disk is full"}}}}, {{"name", "b"}}}),
              ElementsAre("a: the disk is full"));
}

TEST(AgentTextTest, ThePeersAndTheirShare) {
  const Json peers = {{{"endpoint", "10.0.0.1:7001"}, {"chunksHeld", 5}, {"failures", 2}},
                      {{"endpoint", "10.0.0.2:7001"}, {"droppedBecause", "forged chunks"}}};
  const std::vector<std::string> lines = PeerTableOf(peers, 10).Render(0);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[1], HasSubstr("50%"));
  EXPECT_THAT(lines[2], HasSubstr("forged chunks"));
}

TEST(AgentTextTest, TheSumNamesTrackersThatDoNotAnswer) {
  const Json totals = {
      {"downloads", 1},
      {"diskUsedBytes", "1024"},
      {"diskBudgetBytes", "2048"},
      {"trackers", {{{"url", "grpc://a:1"}}, {{"url", "grpc://b:1"}, {"failure", "refused"}}}}};
  EXPECT_THAT(SumOf(totals),
              HasSubstr("1.00 KiB on the disk of 2.00 KiB; tracker grpc://b:1 does not answer"));
}

}  // namespace
}  // namespace shoal::leecher::agent_text
