#include "shoal/net/accept_loop.h"

#include <sys/resource.h>

#include <vector>

#include "gtest/gtest.h"
#include "shoal/base/mutex.h"
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
  AcceptLoop loop(thread, OnLoopback(), 100, taker.Take());
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
  AcceptLoop loop(thread, OnLoopback(), 2, taker.Take());
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

TEST(AcceptLoopTest, SurvivesRunningOutOfDescriptors) {
  Taker taker;
  EventLoop thread("accept");
  AcceptLoop loop(thread, OnLoopback(), 1000, taker.Take());
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
    AcceptLoop loop(thread, *std::move(listener), 10, taker.Take());
    const LoopbackClient client(loop.port());
    taker.Await(1);
  }
}

}  // namespace
}  // namespace shoal::net
