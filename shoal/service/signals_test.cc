#include "shoal/service/signals.h"

#include <unistd.h>

#include <csignal>
#include <thread>

#include "gtest/gtest.h"

namespace shoal::service {
namespace {

TEST(SignalsTest, WaitTakesSignalsOneByOneAndIsWoken) {
  SignalWaiter waiter({SIGUSR1, SIGUSR2});
  kill(getpid(), SIGUSR1);
  EXPECT_EQ(waiter.Wait(), SIGUSR1);
  waiter.Wake();
  EXPECT_EQ(waiter.Wait(), 0);
  std::thread sender([] { kill(getpid(), SIGUSR2); });
  EXPECT_EQ(waiter.Wait(), SIGUSR2);
  sender.join();
}

}  // namespace
}  // namespace shoal::service
