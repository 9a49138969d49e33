#include "clients/leecher/cli/terminal/interrupts.h"

#include <unistd.h>

#include <csignal>

#include "gtest/gtest.h"

namespace shoal::leecher {
namespace {

// Each test runs in a process of its own, because signals belong to the process.
class InterruptsDeathTest : public testing::Test {
 protected:
  InterruptsDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

// Ends this process with code `then` when `signal` is recorded.
void NoteOne(int signal, int then) {
  Interrupts interrupts;
  interrupts.Catch();
  ::kill(::getpid(), signal);
  while (interrupts.signal() == 0) interrupts.Wait(absl::Hours(1));
  ::_exit(interrupts.signal() == signal ? then : 1);
}

TEST_F(InterruptsDeathTest, TheFirstSignalIsRecordedAfterCatch) {
  EXPECT_EXIT(NoteOne(SIGINT, 7), testing::ExitedWithCode(7), "");
  EXPECT_EXIT(NoteOne(SIGTERM, 8), testing::ExitedWithCode(8), "");
  EXPECT_EXIT(NoteOne(SIGHUP, 9), testing::ExitedWithCode(9), "");
}

TEST_F(InterruptsDeathTest, FurtherHangUpsDoNotEndTheProcess) {
  const auto hang_up_twice = [] {
    Interrupts interrupts;
    interrupts.Catch();
    ::kill(::getpid(), SIGHUP);
    while (interrupts.signal() == 0) interrupts.Wait(absl::Hours(1));
    ::kill(::getpid(), SIGHUP);
    ::kill(::getpid(), SIGUSR1);  // taken after the hang-up
    while (!interrupts.pause_wanted()) interrupts.Wait(absl::Hours(1));
    ::_exit(9);
  };
  EXPECT_EXIT(hang_up_twice(), testing::ExitedWithCode(9), "");
}

TEST_F(InterruptsDeathTest, TheSecondSignalEndsTheProcess) {
  const auto interrupt_twice = [] {
    Interrupts interrupts;
    interrupts.Catch();
    ::kill(::getpid(), SIGINT);
    while (interrupts.signal() == 0) interrupts.Wait(absl::Hours(1));
    ::kill(::getpid(), SIGINT);
    for (;;) interrupts.Wait(absl::Hours(1));
  };
  EXPECT_EXIT(interrupt_twice(), testing::ExitedWithCode(128 + SIGINT), "");
}

TEST_F(InterruptsDeathTest, ASignalBeforeCatchEndsTheProcess) {
  const auto interrupt = [] {
    Interrupts interrupts;
    ::kill(::getpid(), SIGTERM);
    for (;;) interrupts.Wait(absl::Hours(1));
  };
  EXPECT_EXIT(interrupt(), testing::ExitedWithCode(128 + SIGTERM), "");
}

TEST_F(InterruptsDeathTest, SIGUSR1PausesAndSIGUSR2Resumes) {
  const auto pause_and_resume = [] {
    Interrupts interrupts;
    ::kill(::getpid(), SIGUSR1);
    while (!interrupts.pause_wanted()) interrupts.Wait(absl::Hours(1));
    ::kill(::getpid(), SIGUSR2);
    while (interrupts.pause_wanted()) interrupts.Wait(absl::Hours(1));
    ::_exit(interrupts.signal() == 0 ? 9 : 1);
  };
  EXPECT_EXIT(pause_and_resume(), testing::ExitedWithCode(9), "");
}

TEST_F(InterruptsDeathTest, WaitReturnsTrueForTheOtherDescriptorOnly) {
  const auto wait = [] {
    Interrupts interrupts;
    int ends[2];
    if (::pipe(ends) != 0) ::_exit(1);
    interrupts.Nudge();
    if (interrupts.Wait(absl::Hours(1), ends[0])) ::_exit(2);
    if (interrupts.Wait(absl::ZeroDuration(), ends[0])) ::_exit(3);
    if (::write(ends[1], "x", 1) != 1) ::_exit(4);
    ::_exit(interrupts.Wait(absl::Hours(1), ends[0]) ? 9 : 5);
  };
  EXPECT_EXIT(wait(), testing::ExitedWithCode(9), "");
}

}  // namespace
}  // namespace shoal::leecher
