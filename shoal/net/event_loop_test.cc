#include "shoal/net/event_loop.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <memory>
#include <set>
#include <thread>

namespace shoal::net {
namespace {

TEST(EventLoopTest, RunsWorkInOrderOnItsThread) {
  EventLoop loop("test");
  std::vector<int> order;
  std::promise<bool> in_loop;
  EXPECT_FALSE(loop.InLoop());
  for (int i = 0; i < 100; ++i) loop.Post([&order, i] { order.push_back(i); });
  loop.Post([&] { in_loop.set_value(loop.InLoop()); });
  EXPECT_TRUE(in_loop.get_future().get());
  ASSERT_EQ(order.size(), 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
}

TEST(EventLoopTest, StopRunsEarlierWorkAndDropsLaterWork) {
  EventLoop loop("test");
  int ran = 0;
  for (int i = 0; i < 10; ++i) loop.Post([&ran] { ++ran; });
  loop.Stop();
  EXPECT_EQ(ran, 10);
  auto token = std::make_shared<int>(1);
  loop.Post([&ran, token] { ++ran; });
  EXPECT_EQ(token.use_count(), 1);
  loop.Stop();
  EXPECT_EQ(ran, 10);
}

TEST(EventLoopTest, StopDestroysPendingOperations) {
  EventLoop loop("test");
  auto token = std::make_shared<int>(1);
  boost::asio::steady_timer timer(loop.context());
  std::promise<void> armed;
  loop.Post([&] {
    timer.expires_after(std::chrono::hours(1));
    timer.async_wait([token](const boost::system::error_code&) { FAIL(); });
    armed.set_value();
  });
  armed.get_future().wait();
  EXPECT_GT(token.use_count(), 1);
  loop.Stop();
  EXPECT_EQ(token.use_count(), 1);
}

TEST(EventLoopTest, WorkThatPostsFromManyThreadsAllRuns) {
  EventLoop loop("test");
  std::atomic<int> ran{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) loop.Post([&] { ++ran; });
    });
  }
  for (std::thread& thread : threads) thread.join();
  loop.Stop();
  EXPECT_EQ(ran, 2000);
}

TEST(EventLoopTest, ItsThreadBlocksSigpipe) {
  EventLoop loop("test");
  std::promise<bool> blocked;
  loop.Post([&] {
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    blocked.set_value(sigismember(&mask, SIGPIPE) == 1);
  });
  EXPECT_TRUE(blocked.get_future().get());
}

TEST(EventLoopGroupTest, AssignsItsLoopsInTurn) {
  EventLoopGroup group("test", 3);
  ASSERT_EQ(group.loops().size(), 3);
  std::set<EventLoop*> seen;
  EventLoop* first = &group.Next();
  seen.insert(first);
  seen.insert(&group.Next());
  seen.insert(&group.Next());
  EXPECT_EQ(seen.size(), 3);
  EXPECT_EQ(&group.Next(), first);
}

TEST(EventLoopGroupTest, HasAtLeastOneLoop) {
  EventLoopGroup group("test", 0);
  EXPECT_EQ(group.loops().size(), 1);
}

}  // namespace
}  // namespace shoal::net
