#include "services/tracker/udp/udp_listener.h"

#include <sys/socket.h>

#include <array>
#include <span>
#include <string>

#include "gtest/gtest.h"
#include "services/tracker/bittorrent/bep15.h"
#include "services/tracker/registry/test_requests.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/tracking/messages/datagram.h"

namespace shoal::tracker {
namespace {

// Whether the kernel lets a datagram through. The program is attached to one of a pair of local sockets,
// whose datagrams have no UDP header, so they get eight bytes in its place.
class DatagramFilterTest : public ::testing::Test {
 protected:
  DatagramFilterTest() {
    std::array<int, 2> pair;
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM, 0, pair.data()), 0);
    sender_ = FileDescriptor(pair[0]);
    receiver_ = FileDescriptor(pair[1]);
    const std::span<const sock_filter> filter = DatagramFilter();
    const sock_fprog program{static_cast<unsigned short>(filter.size()),
                             const_cast<sock_filter*>(filter.data())};
    EXPECT_EQ(::setsockopt(receiver_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
  }

  bool Keeps(const std::string& datagram) {
    const std::string bytes = std::string(8, '\0') + datagram;
    // A dropped datagram is an error to the sender here, or lost.
    [[maybe_unused]] const ssize_t sent = ::send(sender_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    std::array<char, 2048> room;
    return ::recv(receiver_.get(), room.data(), room.size(), MSG_DONTWAIT) ==
           static_cast<ssize_t>(bytes.size());
  }

  FileDescriptor sender_;
  FileDescriptor receiver_;
};

TEST_F(DatagramFilterTest, KeepsEachKindOfRequest) {
  EXPECT_TRUE(Keeps(bep15::BuildConnect({7})));
  bep15::AnnounceRequest announce;
  announce.connection_id = uint64_t{1} << 63;
  EXPECT_TRUE(Keeps(bep15::BuildAnnounce(announce, "-XX0000-")));
  EXPECT_TRUE(Keeps(bep15::BuildAnnounce(announce, "-XX0000-") + "options"));
  EXPECT_TRUE(Keeps(bep15::BuildScrape(uint64_t{1} << 63, 7, {InfoHash()})));
  tracking::DatagramRequest request;
  request.body = TestLeave(1);
  EXPECT_TRUE(Keeps(*request.Encode()));
  EXPECT_TRUE(Keeps(*request.Encode(tracking::kMaxDatagramBytes)));
}

TEST_F(DatagramFilterTest, DropsOtherDatagrams) {
  EXPECT_FALSE(Keeps(""));
  EXPECT_FALSE(Keeps("SHD1"));
  EXPECT_FALSE(Keeps("SHR1" + std::string(100, '\0')));
  EXPECT_FALSE(Keeps("SHD1" + std::string(tracking::kMaxDatagramBytes, '\0')));
  EXPECT_FALSE(Keeps(std::string(200, '\xff')));
  EXPECT_FALSE(Keeps(std::string(200, '\0')));
  EXPECT_FALSE(Keeps(bep15::BuildConnect({7}).substr(0, 15)));
  bep15::AnnounceRequest announce;  // with a connection id that no tracker of ours gave
  EXPECT_FALSE(Keeps(bep15::BuildAnnounce(announce, "-XX0000-")));
  announce.connection_id = uint64_t{1} << 63;
  EXPECT_FALSE(Keeps(bep15::BuildAnnounce(announce, "-XX0000-").substr(0, 97)));
  EXPECT_FALSE(Keeps(bep15::BuildScrape(uint64_t{1} << 63, 7, {})));
}

}  // namespace
}  // namespace shoal::tracker
