#include "services/tracker/tables/peer_selection.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace shoal::tracker {
namespace {

struct Case {
  std::string name;
  uint32_t complete;
  uint32_t partial;
  uint32_t wanted;
  uint32_t least_complete;
  uint32_t most_complete;
  uint32_t expected;
};

class PeerSelectionCases : public ::testing::TestWithParam<Case> {};

TEST_P(PeerSelectionCases, MixesBothKinds) {
  const Case& c = GetParam();
  RandomSource random(1);
  for (int round = 0; round < 20; ++round) {
    size_t looks = 0;
    const PeerChoice choice = SelectPeers(
        c.complete, c.partial, c.wanted,
        [&](PeerPlace) {
          ++looks;
          return Candidate::kFree;
        },
        &random);
    EXPECT_EQ(choice.size(), c.expected);
    EXPECT_LE(looks, 2 * (2 * c.wanted + 8));
    const auto complete =
        std::count_if(choice.begin(), choice.end(), [](const PeerPlace& p) { return p.complete; });
    EXPECT_GE(complete, c.least_complete);
    EXPECT_LE(complete, c.most_complete);
    std::set<std::pair<bool, uint32_t>> distinct;
    for (const PeerPlace& place : choice) {
      EXPECT_LT(place.place, place.complete ? c.complete : c.partial);
      distinct.insert({place.complete, place.place});
    }
    EXPECT_EQ(distinct.size(), choice.size());
  }
}

TEST(PeerSelectionTest, PeersOfTheCallersSiteComeFirstButNotAlone) {
  RandomSource random(1);
  for (int round = 0; round < 20; ++round) {
    // Half of the seeders are near.
    const PeerChoice choice = SelectPeers(
        1000, 0, 40,
        [](PeerPlace place) { return place.place % 2 == 0 ? Candidate::kFreeNear : Candidate::kFree; },
        &random);
    const auto near =
        std::count_if(choice.begin(), choice.end(), [](PeerPlace p) { return p.place % 2 == 0; });
    EXPECT_EQ(near, 30);
  }
  // Free slots matter more than nearness: a near peer without any can't serve.
  const PeerChoice choice = SelectPeers(
      100, 0, 10, [](PeerPlace place) { return place.place < 50 ? Candidate::kBusyNear : Candidate::kFree; },
      &random);
  EXPECT_TRUE(std::all_of(choice.begin(), choice.end(), [](PeerPlace p) { return p.place >= 50; }));
}

INSTANTIATE_TEST_SUITE_P(All, PeerSelectionCases,
                         ::testing::Values(Case{"EmptySwarm", 0, 0, 50, 0, 0, 0},
                                           Case{"NoneWanted", 10, 10, 0, 0, 0, 0},
                                           Case{"AllOfASmallSwarm", 3, 4, 50, 3, 3, 7},
                                           Case{"OnlySeeders", 1000, 0, 50, 50, 50, 50},
                                           Case{"OnlyLeechers", 0, 1000, 50, 0, 0, 50},
                                           Case{"InProportion", 500, 500, 50, 25, 25, 50},
                                           Case{"FewSeedersAreKept", 20, 100'000, 40, 10, 10, 40},
                                           Case{"OneSeederIsKept", 1, 100'000, 40, 1, 1, 40},
                                           Case{"FewLeechersAreKept", 100'000, 20, 40, 30, 30, 40},
                                           Case{"OneOfEach", 1, 1, 1, 1, 1, 1},
                                           Case{"MostThatIsGiven", 100'000, 100'000, 200, 100, 100, 200}),
                         [](const auto& param) { return param.param.name; });

TEST(PeerSelectionTest, LeavesOutTheUnfit) {
  RandomSource random(2);
  for (int round = 0; round < 50; ++round) {
    const PeerChoice choice = SelectPeers(
        10, 10, 50, [](PeerPlace p) { return p.place % 2 == 0 ? Candidate::kUnfit : Candidate::kFree; },
        &random);
    EXPECT_EQ(choice.size(), 10u);
    for (const PeerPlace& place : choice) EXPECT_EQ(place.place % 2, 1u);
  }
}

TEST(PeerSelectionTest, FillsUpWithTheOtherKindWhenOneIsUnfit) {
  RandomSource random(3);
  const PeerChoice choice = SelectPeers(
      1000, 1000, 40, [](PeerPlace p) { return p.complete ? Candidate::kUnfit : Candidate::kFree; }, &random);
  EXPECT_EQ(choice.size(), 40u);
}

TEST(PeerSelectionTest, PrefersFreeSlots) {
  RandomSource random(4);
  const auto look = [](PeerPlace p) { return p.place < 20 ? Candidate::kBusy : Candidate::kFree; };
  for (int round = 0; round < 50; ++round) {
    const PeerChoice some = SelectPeers(40, 0, 20, look, &random);
    EXPECT_TRUE(std::all_of(some.begin(), some.end(), [](const PeerPlace& p) { return p.place >= 20; }));
    EXPECT_EQ(SelectPeers(40, 0, 30, look, &random).size(), 30u);
  }
}

TEST(PeerSelectionTest, SelectsAllEquallyOften) {
  RandomSource random(5);
  std::vector<int> chosen(1000);
  constexpr int kRounds = 20'000;
  for (int round = 0; round < kRounds; ++round) {
    for (const PeerPlace& place :
         SelectPeers(1000, 0, 10, [](PeerPlace) { return Candidate::kFree; }, &random)) {
      ++chosen[place.place];
    }
  }
  const auto [least, most] = std::minmax_element(chosen.begin(), chosen.end());
  // 200 expected each, standard deviation 14; the seed is fixed.
  EXPECT_GT(*least, 140);
  EXPECT_LT(*most, 260);
}

}  // namespace
}  // namespace shoal::tracker
