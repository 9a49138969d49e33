#include "shoal/service/signals.h"

#include <unistd.h>

#include <csignal>
#include <thread>

#include "gtest/gtest.h"

namespace shoal::service {
namespace {

TEST(SignalsTest, WaitReturnsSignalsOneByOneAndIsWoken) {
  SignalWaiter waiter({SIGUSR1, SIGUSR2});
  kill(getpid(), SIGUSR1);
  EXPECT_EQ(waiter.Wait(), SIGUSR1);
  waiter.Wake();
  EXPECT_EQ(waiter.Wait(), 0);
  std::thread sender([] { kill(getpid(), SIGUSR2); });
  EXPECT_EQ(waiter.Wait(), SIGUSR2);
  sender.join();
}

TEST(SignalsTest, SighupStaysIgnoredUnderNohup) {
  std::signal(SIGHUP, SIG_IGN);
  SignalWaiter nohup({SIGHUP, SIGUSR1});
  kill(getpid(), SIGHUP);
  kill(getpid(), SIGUSR1);
  EXPECT_EQ(nohup.Wait(), SIGUSR1);
  std::signal(SIGHUP, SIG_DFL);
  SignalWaiter waiter({SIGHUP});
  kill(getpid(), SIGHUP);
  EXPECT_EQ(waiter.Wait(), SIGHUP);
}

TEST(SignalsTest, SignalsHaveNames) {
  EXPECT_EQ(SignalName(SIGHUP), "SIGHUP");
  EXPECT_EQ(SignalName(SIGTERM), "SIGTERM");
  EXPECT_EQ(SignalName(9999), "signal 9999");
}

}  // namespace
}  // namespace shoal::service
