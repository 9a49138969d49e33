#include "clients/leecher/download/policy/request_rotation.h"

#include <gtest/gtest.h>

#include <vector>

namespace shoal::leecher {
namespace {

struct Taker {
  int credit = 0;
  int got = 0;
};

void Deal(RequestRotation& rotation, std::vector<Taker>& takers, int requests) {
  rotation.Deal(std::span<Taker>(takers), [&](Taker& taker) {
    if (taker.got >= taker.credit || requests == 0) return false;
    --requests;
    ++taker.got;
    return true;
  });
}

TEST(RequestRotation, GivesEqualSharesToEquals) {
  RequestRotation rotation;
  std::vector<Taker> takers{{100}, {100}, {100}};
  Deal(rotation, takers, 30);
  for (const Taker& taker : takers) EXPECT_EQ(taker.got, 10);
}

TEST(RequestRotation, GoesOnWhereItLeftOff) {
  RequestRotation rotation;
  std::vector<Taker> takers{{100}, {100}, {100}};
  for (int i = 0; i < 30; ++i) Deal(rotation, takers, 1);
  for (const Taker& taker : takers) EXPECT_EQ(taker.got, 10);
}

TEST(RequestRotation, GivesWhatOneCanNotTakeToTheOthers) {
  RequestRotation rotation;
  std::vector<Taker> takers{{2}, {100}, {0}};
  Deal(rotation, takers, 12);
  EXPECT_EQ(takers[0].got, 2);
  EXPECT_EQ(takers[1].got, 10);
  EXPECT_EQ(takers[2].got, 0);
}

TEST(RequestRotation, EndsWithoutTakers) {
  RequestRotation rotation;
  std::vector<Taker> none;
  Deal(rotation, none, 5);
  std::vector<Taker> without_credit{{0}, {0}};
  Deal(rotation, without_credit, 5);
  EXPECT_EQ(without_credit[0].got, 0);
}

}  // namespace
}  // namespace shoal::leecher
