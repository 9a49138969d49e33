#include "shoal/net/accept_loop.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "shoal/base/mutex.h"
#include "shoal/net/sockaddr.h"
#include "tests/support/loopback_client.h"

namespace shoal::net {
namespace {

// Holds the connections that the loop passes on until the test drops them.
class Taker {
 public:
  AcceptLoop::Take Take() {
    return [this](FileDescriptor connection) {
      MutexLock lock(&mutex_);
      connections_.push_back(std::move(connection));
      changed_.NotifyAll();
    };
  }
  void Await(size_t count) {
    MutexLock lock(&mutex_);
    while (connections_.size() < count) changed_.Wait(&mutex_);
  }
  // Sends `text` from `client` and expects `all` on the newest connection.
  void Exchange(const LoopbackClient& client, const std::string& text, const std::string& all) {
    MutexLock lock(&mutex_);
    client.Send(text);
    std::string received(all.size(), '\0');
    size_t size = 0;
    while (size < all.size()) {
      const ssize_t more = recv(connections_.back().get(), received.data() + size, all.size() - size, 0);
      if (more > 0) size += static_cast<size_t>(more);
    }
    EXPECT_EQ(received, all);
  }
  // Closes the connections whose streams have ended, as their owner would.
  void CloseWhatEnded() {
    MutexLock lock(&mutex_);
    std::erase_if(connections_, [](const FileDescriptor& connection) {
      char byte = 0;
      return recv(connection.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
    });
  }
  // How many connections come from each of `remotes`.
  std::vector<size_t> RemotesOf(const std::vector<IpAddress>& remotes) {
    MutexLock lock(&mutex_);
    std::vector<size_t> counts;
    for (const IpAddress& remote : remotes) {
      counts.push_back(static_cast<size_t>(std::count_if(
          connections_.begin(), connections_.end(),
          [&](const FileDescriptor& connection) { return RemoteOf(connection.get()).ip == remote; })));
    }
    return counts;
  }
  size_t Count() {
    MutexLock lock(&mutex_);
    return connections_.size();
  }
  void LetGo() {
    MutexLock lock(&mutex_);
    connections_.clear();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<FileDescriptor> connections_ ABSL_GUARDED_BY(mutex_);
};

Listener OnLoopback() {
  return *Listener::Open(*Endpoint::Parse("127.0.0.1:0"));
}

TEST(AcceptLoopTest, PassesConnectionsOn) {
  Taker taker;
  EventLoop thread("accept");
  AcceptLoop loop(thread, OnLoopback(), {.max_connections = 100}, taker.Take());
  const LoopbackClient a(loop.port());
  const LoopbackClient b(loop.port());
  taker.Await(2);
  EXPECT_EQ(loop.shed(), 0u);
  loop.Stop();
  loop.Stop();
}

TEST(AcceptLoopTest, ExcessConnectionsAreClosedUntilOthersEnd) {
  Taker taker;
  EventLoop thread("accept");
  AcceptLoop loop(thread, OnLoopback(), {.max_connections = 2}, taker.Take());
  const LoopbackClient a(loop.port());
  const LoopbackClient b(loop.port());
  taker.Await(2);
  const LoopbackClient c(loop.port());
  EXPECT_EQ(c.ReadAll(), "");
  EXPECT_EQ(loop.shed(), 1u);
  taker.LetGo();
  const LoopbackClient d(loop.port());
  taker.Await(1);
}

TEST(AcceptLoopTest, TheAddressWithMostConnectionsGivesWay) {
  Taker taker;
  EventLoop thread("accept");
  AcceptLoop loop(thread, OnLoopback(), {.max_connections = 4, .safe_for = std::chrono::milliseconds(0)},
                  taker.Take());
  const IpAddress many = IpAddress::V4({127, 0, 0, 2});
  const IpAddress one = IpAddress::V4({127, 0, 0, 3});
  const LoopbackClient busy(loop.port(), many);
  taker.Await(1);
  taker.Exchange(busy, std::string(1000, 'x'), std::string(1000, 'x'));
  const LoopbackClient idle(loop.port(), many);
  taker.Await(2);
  const LoopbackClient other(loop.port(), one);
  const LoopbackClient busy_too(loop.port(), many);
  taker.Await(4);
  taker.Exchange(busy_too, std::string(1000, 'x'), std::string(1000, 'x'));

  const LoopbackClient further(loop.port(), IpAddress::V4({127, 0, 0, 4}));
  EXPECT_EQ(idle.ReadAll(), "");  // returns once it was shut down
  EXPECT_EQ(loop.shed(), 1u);
  taker.CloseWhatEnded();
  taker.Await(4);
  EXPECT_EQ(taker.RemotesOf({many, one, IpAddress::V4({127, 0, 0, 4})}), (std::vector<size_t>{2, 1, 1}));
}

TEST(AcceptLoopTest, OneAddressCanNotKeepThePlacesOfThoseThatWerePassedOn) {
  Taker taker;
  Taker turned_away;
  EventLoop thread("accept");
  AcceptLoop loop(thread, OnLoopback(),
                  {.max_connections = 100, .max_passed_on = 3, .turn_away = turned_away.Take()},
                  taker.Take());
  const IpAddress many = IpAddress::V4({127, 0, 0, 2});
  const IpAddress one = IpAddress::V4({127, 0, 0, 3});
  const LoopbackClient oldest(loop.port(), many);
  taker.Await(1);
  const LoopbackClient second(loop.port(), many);
  taker.Await(2);
  const LoopbackClient third(loop.port(), many);
  taker.Await(3);
  // They are all young, and a further one of the same address does not get the place of one of them.
  const LoopbackClient fourth(loop.port(), many);
  turned_away.Await(1);
  const LoopbackClient other(loop.port(), one);
  EXPECT_EQ(oldest.ReadAll(), "");
  taker.Await(4);
  // What was shut down counts no more, although its owner has not closed it yet.
  const LoopbackClient another(loop.port(), one);
  EXPECT_EQ(second.ReadAll(), "");
  taker.Await(5);
  // Now the other address has most of them.
  const LoopbackClient one_too_many(loop.port(), one);
  turned_away.Await(2);
  taker.CloseWhatEnded();
  EXPECT_EQ(taker.RemotesOf({many, one}), (std::vector<size_t>{1, 2}));
  EXPECT_EQ(turned_away.RemotesOf({many, one}), (std::vector<size_t>{1, 1}));
}

TEST(AcceptLoopTest, PassesAConnectionOnWithItsFirstBytes) {
  Taker taker;
  EventLoop thread("accept");
  AcceptLoop loop(thread, OnLoopback(), {.max_connections = 4, .first_bytes = 3}, taker.Take());
  LoopbackClient hasty(loop.port());
  const LoopbackClient slow(loop.port(), IpAddress::V4({127, 0, 0, 2}));
  const LoopbackClient fast(loop.port(), IpAddress::V4({127, 0, 0, 3}));
  slow.Send("ab");
  fast.Send("abc");
  taker.Await(1);
  EXPECT_EQ(taker.RemotesOf({IpAddress::V4({127, 0, 0, 3})}), std::vector<size_t>{1});
  taker.Exchange(fast, "d", "abcd");
  slow.Send("c");
  taker.Await(2);
  taker.Exchange(slow, "", "abc");
  hasty.Send("a");
  hasty.Close();
  const LoopbackClient late(loop.port());
  late.Send("abc");
  taker.Await(3);
  taker.Exchange(late, "", "abc");
  loop.Stop();
}

TEST(AcceptLoopTest, PassesASilentConnectionOnWhileMostPlacesAreFree) {
  Taker taker;
  EventLoop thread("accept");
  AcceptLoop loop(thread, OnLoopback(), {.max_connections = 16, .first_bytes = 3}, taker.Take());
  std::vector<std::unique_ptr<LoopbackClient>> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(std::make_unique<LoopbackClient>(loop.port()));
  clients.push_back(std::make_unique<LoopbackClient>(loop.port(), IpAddress::V4({127, 0, 0, 2})));
  clients.back()->Send("abc");
  taker.Await(3);  // two, and the one that spoke
  EXPECT_EQ(taker.RemotesOf({IpAddress::V4({127, 0, 0, 1}), IpAddress::V4({127, 0, 0, 2})}),
            (std::vector<size_t>{2, 1}));
}

TEST(AcceptLoopTest, ClosesAConnectionWhoseFirstBytesDoNotCome) {
  Taker taker;
  EventLoop thread("accept");
  AcceptLoop loop(
      thread, OnLoopback(),
      {.max_connections = 4, .first_bytes = 3, .first_bytes_within = std::chrono::milliseconds(1)},
      taker.Take());
  const LoopbackClient slow(loop.port());
  slow.Send("ab");
  EXPECT_EQ(slow.ReadAll(), "");
  EXPECT_EQ(taker.Count(), 0u);
}

TEST(AcceptLoopTest, StopClosesConnectionsWhoseFirstBytesAreAwaited) {
  Taker taker;
  EventLoop thread("accept");
  AcceptLoop loop(thread, OnLoopback(), {.max_connections = 4, .first_bytes = 3}, taker.Take());
  const LoopbackClient silent(loop.port());
  const LoopbackClient later(loop.port());
  later.Send("abc");
  taker.Await(1);  // so the silent one was accepted
  loop.Stop();
  EXPECT_EQ(silent.ReadAll(), "");
}

TEST(AcceptLoopTest, SurvivesRunningOutOfDescriptors) {
  Taker taker;
  EventLoop thread("accept");
  AcceptLoop loop(thread, OnLoopback(), {.max_connections = 1000}, taker.Take());
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  {
    const LoopbackClient early(loop.port());
    taker.Await(1);
    const rlimit low{256, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    std::vector<FileDescriptor> all;
    for (;;) {
      FileDescriptor copy(dup(0));
      if (!copy.valid()) break;
      all.push_back(std::move(copy));
    }
    // One descriptor for the client's end; none is left for the loop's end.
    all.pop_back();
    const LoopbackClient client(loop.port());
    EXPECT_EQ(client.ReadAll(), "");
  }
  EXPECT_GE(loop.shed(), 1u);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  taker.LetGo();
  const LoopbackClient good(loop.port());
  taker.Await(1);
}

TEST(ListenerTest, AnUnspecifiedAddressTakesIpv4AndAPortIsNotShared) {
  for (const char* any : {"0.0.0.0:0", "[::]:0"}) {
    auto listener = Listener::Open(*Endpoint::Parse(any));
    ASSERT_TRUE(listener.ok()) << listener.status();
    ASSERT_NE(listener->port, 0);
    Taker taker;
    Endpoint same = *Endpoint::Parse(any);
    same.port = listener->port;
    EXPECT_EQ(Listener::Open(same).status().code(), absl::StatusCode::kUnavailable);
    EventLoop thread("accept");
    AcceptLoop loop(thread, *std::move(listener), {.max_connections = 10}, taker.Take());
    const LoopbackClient client(loop.port());
    taker.Await(1);
  }
}

}  // namespace
}  // namespace shoal::net
