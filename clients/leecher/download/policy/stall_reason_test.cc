#include "clients/leecher/download/policy/stall_reason.h"

#include <gtest/gtest.h>

namespace shoal::leecher {
namespace {

StallFacts Fetching() {
  StallFacts facts;
  facts.content_found = true;
  facts.have_manifest = true;
  facts.trackers = 1;
  return facts;
}

TEST(StallReason, SaysWhatIsMissing) {
  StallFacts facts;
  facts.trackers = 1;
  EXPECT_EQ(StallReason(facts), "the tracker does not answer");
  facts.trackers = 2;
  EXPECT_EQ(StallReason(facts), "no tracker answers");

  facts = Fetching();
  EXPECT_EQ(StallReason(facts), "no peer has it at the moment");
  facts.trackers_away = 1;
  EXPECT_EQ(StallReason(facts), "no peer has it at the moment; the tracker does not answer");

  facts = Fetching();
  facts.peers_known = 2;
  EXPECT_EQ(StallReason(facts), "2 known peers can't be reached; trying again soon");
  facts.peers_busy = 2;
  EXPECT_EQ(StallReason(facts), "2 known peers are busy; trying again soon");
  facts.peers_connecting = 1;
  EXPECT_EQ(StallReason(facts), "connecting to 1 peer");
  facts.peers_ready = 1;
  EXPECT_EQ(StallReason(facts), "none of 1 connected peer has a chunk that is missing here");
  facts.have_manifest = false;
  EXPECT_EQ(StallReason(facts), "none of 1 peer has the manifest yet");
  facts.peers_owing = 1;
  EXPECT_EQ(StallReason(facts), "1 peer has been asked, and nothing comes");
  facts.disk_behind = true;
  EXPECT_EQ(StallReason(facts), "the disk is still writing what has arrived");

  facts = Fetching();
  facts.peers_dropped = 1;
  EXPECT_EQ(StallReason(facts), "no peer is left: 1 peer sent wrong bytes and will not be asked again");
}

}  // namespace
}  // namespace shoal::leecher
