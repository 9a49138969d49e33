#include "shoal/net/transport/congestion_watch.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "shoal/base/file_descriptor.h"

namespace shoal::net {
namespace {

FileDescriptor TcpSocketOf() {
  return FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

std::string CongestionControlOf(int socket) {
  std::array<char, 16> name{};
  socklen_t size = name.size() - 1;
  EXPECT_EQ(getsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name.data(), &size), 0);
  return name.data();
}

// Gives a watch one window after the other.
class Windows {
 public:
  void SetLeastRoundTrip(absl::Duration time) { counts_.least_round_trip = time; }

  bool Next(uint32_t sent, uint32_t repeated, absl::Duration length = CongestionWatch::kWindow) {
    counts_.sent_segments += sent;
    counts_.repeated_segments += repeated;
    now_ += length;
    return watch_.LosesTooMuch(counts_, now_);
  }

 private:
  absl::Duration now_ = absl::Seconds(100);
  FileDescriptor socket_ = TcpSocketOf();
  CongestionWatch watch_{socket_.get(), now_};
  TcpCounts counts_;
};

TEST(CongestionWatchTest, TwoWindowsInARowWithManyLossesAreTooMuch) {
  Windows windows;
  EXPECT_FALSE(windows.Next(1000, 100));
  EXPECT_TRUE(windows.Next(1000, 31));
}

TEST(CongestionWatchTest, LossesAtTheStartAreNot) {
  Windows windows;
  EXPECT_FALSE(windows.Next(1000, 300));
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(windows.Next(1000, 30));  // as a bad path has
  EXPECT_FALSE(windows.Next(1000, 31));
  EXPECT_FALSE(windows.Next(1000, 0));
  EXPECT_FALSE(windows.Next(1000, 31));
}

TEST(CongestionWatchTest, AWindowHasTimeAndSegments) {
  Windows windows;
  const absl::Duration half = CongestionWatch::kWindow / 2;
  EXPECT_FALSE(windows.Next(1000, 500, half));
  EXPECT_FALSE(windows.Next(1000, 500, half));  // the first window
  EXPECT_FALSE(windows.Next(CongestionWatch::kWindowSegments - 1, 100));
  EXPECT_TRUE(windows.Next(1, 0));  // the second
}

TEST(CongestionWatchTest, AWindowOfALongPathIsLonger) {
  Windows windows;
  windows.SetLeastRoundTrip(absl::Milliseconds(200));
  const absl::Duration window = CongestionWatch::kWindowRoundTrips * absl::Milliseconds(200);
  EXPECT_FALSE(windows.Next(1000, 500, window / 2));
  EXPECT_FALSE(windows.Next(1000, 500, window / 2));  // the first window
  EXPECT_FALSE(windows.Next(1000, 500, window / 2));
  EXPECT_TRUE(windows.Next(1000, 0, window / 2));  // the second
}

TEST(CongestionWatchTest, CountsMayWrapAround) {
  Windows windows;
  EXPECT_FALSE(windows.Next(UINT32_MAX - 10, UINT32_MAX / 10));
  EXPECT_TRUE(windows.Next(1000, 100));
}

TEST(CongestionWatchTest, ReplacesWhatTheSystemAllows) {
  const FileDescriptor socket = TcpSocketOf();
  ASSERT_TRUE(CongestionWatch::Replace(socket.get()));
  const std::string now = CongestionControlOf(socket.get());
  EXPECT_TRUE(now == "cubic" || now == "reno") << now;
}

TcpCounts LosingATenth(int /*socket*/) {
  static uint32_t sent = 0;  // by the only test that uses it
  sent += 1000;
  TcpCounts counts;
  counts.sent_segments = sent;
  counts.repeated_segments = sent / 10;
  return counts;
}

TEST(CongestionWatchTest, LeavesBbrOnceItLoses) {
  const FileDescriptor socket = TcpSocketOf();
  if (setsockopt(socket.get(), IPPROTO_TCP, TCP_CONGESTION, "bbr", 3) != 0)
    GTEST_SKIP() << "BBR is not available to this process";
  CongestionWatch watch(socket.get(), absl::Seconds(1), LosingATenth);
  ASSERT_TRUE(watch.watching());
  watch.Look(socket.get(), absl::Seconds(1));  // no window yet
  watch.Look(socket.get(), absl::Seconds(2));
  EXPECT_EQ(CongestionControlOf(socket.get()), "bbr");
  watch.Look(socket.get(), absl::Seconds(3));
  EXPECT_NE(CongestionControlOf(socket.get()), "bbr");
  EXPECT_FALSE(watch.watching());
}

TEST(CongestionWatchTest, WithoutLossesTheConnectionStaysAsItIs) {
  const FileDescriptor socket = TcpSocketOf();
  const std::string before = CongestionControlOf(socket.get());
  CongestionWatch watch(socket.get(), absl::Seconds(1));
  for (int second = 2; second < 10; ++second) watch.Look(socket.get(), absl::Seconds(second));
  EXPECT_EQ(CongestionControlOf(socket.get()), before);
}

}  // namespace
}  // namespace shoal::net
