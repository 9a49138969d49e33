#include "services/tracker/registry/peer_reports.h"

#include "gtest/gtest.h"
#include "services/tracker/registry/test_requests.h"

namespace shoal::tracker {
namespace {

ReportOrigin From(uint32_t reporter, const char* source, const char* reported = "198.51.100.7") {
  return OriginOf(TestPeerId(reporter), *IpAddress::Parse(source), *IpAddress::Parse(reported));
}

TEST(ReportOriginTest, AForeignNetworkCountsOnceHoweverManyPeersItInvents) {
  EXPECT_EQ(From(1, "203.0.113.1"), From(2, "203.0.113.1"));
  EXPECT_EQ(From(1, "203.0.113.1"), From(2, "203.0.113.200"));
  EXPECT_NE(From(1, "203.0.113.1"), From(1, "203.0.114.1"));
  EXPECT_EQ(From(1, "2001:db8::1"), From(2, "2001:db8::ffff:1:2:3"));
  EXPECT_NE(From(1, "2001:db8::1"), From(1, "2001:db8:0:1::1"));
}

TEST(ReportOriginTest, NeighboursAndPrivateAddressesCountEach) {
  EXPECT_NE(From(1, "198.51.100.8"), From(1, "198.51.100.9"));
  EXPECT_NE(From(1, "2001:db8::1", "2001:db8::7"), From(1, "2001:db8::2", "2001:db8::7"));
  for (const char* ip : {"10.0.0.1", "172.16.0.1", "172.31.0.1", "192.168.3.1"}) {
    std::string neighbour = ip;
    neighbour.back() = '2';
    EXPECT_NE(From(1, ip), From(1, neighbour.c_str())) << ip;
    EXPECT_EQ(From(1, ip), From(2, ip)) << "one address is one origin: " << ip;
  }
  for (const char* ip : {"172.15.0.1", "172.32.0.1", "192.169.3.1", "11.0.0.1"}) {
    std::string neighbour = ip;
    neighbour.back() = '2';
    EXPECT_EQ(From(1, ip), From(1, neighbour.c_str())) << ip;
  }
}

TEST(ReportOriginTest, PeersOfThisMachineCountEach) {
  for (const char* ip : {"127.0.0.1", "::1", "::", "0.0.0.0"}) {
    EXPECT_NE(From(1, ip), From(2, ip)) << ip;
    EXPECT_EQ(From(1, ip), From(1, ip)) << ip;
  }
}

TEST(PeerReportsTest, ThreeOriginsAreEnough) {
  PeerReports reports;
  EXPECT_FALSE(reports.Add(7, From(1, "10.0.0.1")));
  EXPECT_FALSE(reports.Add(7, From(2, "10.0.0.2")));
  EXPECT_FALSE(reports.Add(7, From(3, "10.0.0.2")));
  EXPECT_FALSE(reports.Add(8, From(4, "10.0.0.3")));
  EXPECT_TRUE(reports.Add(7, From(4, "10.0.0.3")));
  EXPECT_TRUE(reports.Add(7, From(5, "10.0.0.4")));
  reports.Forget(7);
  EXPECT_FALSE(reports.Add(7, From(1, "10.0.0.1")));
}

}  // namespace
}  // namespace shoal::tracker
