#include "clients/leecher/cli/terminal/console.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
#include "shoal/base/file_descriptor.h"

namespace shoal::leecher {
namespace {

// Redirects stdin, stdout or stderr to another descriptor for its lifetime.
class Redirected {
 public:
  Redirected(int fd, int target) : fd_(fd), before_(::dup(fd)) { ::dup2(target, fd); }
  ~Redirected() { ::dup2(before_.get(), fd_); }
  Redirected(const Redirected&) = delete;
  Redirected& operator=(const Redirected&) = delete;

 private:
  const int fd_;
  const FileDescriptor before_;
};

std::string ReadThere(int fd) {
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  std::string text(4096, '\0');
  const ssize_t count = ::read(fd, text.data(), text.size());
  text.resize(count < 0 ? 0 : static_cast<size_t>(count));
  return text;
}

// The bytes that `use` writes to stdout and stderr when neither is a terminal.
struct Written {
  std::string out;
  std::string errors;
};
template <typename Use>
Written ToPipes(Console::Voice voice, Use use) {
  int out[2];
  int errors[2];
  EXPECT_EQ(::pipe(out), 0);
  EXPECT_EQ(::pipe(errors), 0);
  {
    const Redirected stdout_there(STDOUT_FILENO, out[1]);
    const Redirected stderr_there(STDERR_FILENO, errors[1]);
    Console console(voice);
    use(console);
  }
  const Written written = {ReadThere(out[0]), ReadThere(errors[0])};
  for (const int fd : {out[0], out[1], errors[0], errors[1]}) ::close(fd);
  return written;
}

// The bytes that `use` writes to a terminal of 40 columns and 10 lines, which turns "\n" into "\r\n".
template <typename Use>
std::string ToTerminal(Use use) {
  int master = -1;
  int slave = -1;
  const winsize size{.ws_row = 10, .ws_col = 40, .ws_xpixel = 0, .ws_ypixel = 0};
  EXPECT_EQ(::openpty(&master, &slave, nullptr, nullptr, &size), 0);
  {
    const Redirected stdin_there(STDIN_FILENO, slave);
    const Redirected stdout_there(STDOUT_FILENO, slave);
    Console console(Console::Voice::kNormal);
    use(console);
  }
  // The system moves the bytes to the other end in its own time; all are there once this end is closed.
  ::close(slave);
  std::string written;
  char part[4096];
  for (ssize_t count; (count = ::read(master, part, sizeof part)) > 0;)
    written.append(part, static_cast<size_t>(count));
  ::close(master);
  return written;
}

class ConsoleTest : public testing::Test {
 protected:
  ConsoleTest() {
    ::setenv("TERM", "xterm", 1);
    ::setenv("LC_ALL", "C", 1);
    ::setenv("NO_COLOR", "1", 1);
  }
};

TEST_F(ConsoleTest, TextGoesToStdoutAndErrorsToStderr) {
  const Written written = ToPipes(Console::Voice::kNormal, [](Console& console) {
    EXPECT_FALSE(console.live());
    EXPECT_FALSE(console.can_ask());
    console.Draw({"a bar"});  // has no effect without a terminal
    console.Say("said");
    console.Headline("headed");
    console.Object("{}");
    console.Error("failed");
  });
  EXPECT_EQ(written.out, "said\nheaded\n");
  EXPECT_EQ(written.errors, "failed\n");
}

TEST_F(ConsoleTest, QuietPrintsErrorsOnly) {
  const Written written = ToPipes(Console::Voice::kQuiet, [](Console& console) {
    console.Say("said");
    console.Object("{}");
    console.Error("failed");
  });
  EXPECT_EQ(written.out, "");
  EXPECT_EQ(written.errors, "failed\n");
}

TEST_F(ConsoleTest, JsonPrintsOnlyObjectsOnStdout) {
  const Written written = ToPipes(Console::Voice::kJson, [](Console& console) {
    console.Say("said");
    console.Object(R"({"event":"start"})");
    console.Object("");
    console.Error("failed");
  });
  EXPECT_EQ(written.out, "{\"event\":\"start\"}\n");
  EXPECT_EQ(written.errors, "failed\n");
}

TEST_F(ConsoleTest, ReadsTheSizeAndKindOfTheTerminal) {
  ToTerminal([](Console& console) {
    EXPECT_TRUE(console.live());
    EXPECT_TRUE(console.can_ask());
    EXPECT_EQ(console.style().width, 37);  // room for a ^C
    EXPECT_EQ(console.max_live_lines(), 8);
    EXPECT_FALSE(console.style().color);
    EXPECT_FALSE(console.style().unicode);
  });
  ::setenv("TERM", "dumb", 1);
  ToTerminal([](Console& console) { EXPECT_FALSE(console.live()); });
}

TEST_F(ConsoleTest, LinesArePrintedAboveTheLiveLines) {
  const std::string written = ToTerminal([](Console& console) {
    console.Draw({"one", "two"});
    console.Say("said");
    console.EndDraw(false);
  });
  const std::string drawn = "\x1b[?7lone\x1b[K\r\ntwo\x1b[K\x1b[?7h";
  const std::string erased = "\r\x1b[1A\x1b[J";
  EXPECT_EQ(written, drawn + erased + "said\r\n" + drawn + erased);
}

TEST_F(ConsoleTest, LiveLinesStayVisibleAtTheEnd) {
  const std::string written = ToTerminal([](Console& console) { console.Draw({"done"}); });
  EXPECT_EQ(written,
            "\x1b[?7l"
            "done\x1b[K\x1b[?7h\r\n");
}

TEST_F(ConsoleTest, DrawErasesLinesThatWereRemoved) {
  const std::string written = ToTerminal([](Console& console) {
    console.Draw({"one", "two"});
    console.Draw({"one"});
    console.EndDraw(false);
  });
  EXPECT_NE(written.find("\r\x1b[1Aone\x1b[K\x1b[J"), std::string::npos) << written;
}

TEST_F(ConsoleTest, AFailureIsAnErrorLineAndAnObject) {
  const auto fail = [](Console& console) {
    EXPECT_EQ(console.Fail(absl::NotFoundError("no \x1b file"), ExitCode::kNotFound), ExitCode::kNotFound);
  };
  const Written text = ToPipes(Console::Voice::kQuiet, fail);
  EXPECT_EQ(text.out, "");
  EXPECT_EQ(text.errors, "shoal-leecher: no \\x1b file\n");
  EXPECT_NE(ToPipes(Console::Voice::kJson, fail).out.find("\"exit_code\":3"), std::string::npos);
}

TEST_F(ConsoleTest, OutputThatCannotBeWrittenIsAFailure) {
  const FileDescriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full.valid());
  const auto end = [&](Console::Voice voice, ExitCode code, bool text_is_the_result) {
    const Redirected stdout_there(STDOUT_FILENO, full.get());
    Console console(voice);
    console.Say("said");
    console.Object("{}");
    return console.End(code, text_is_the_result);
  };
  testing::internal::CaptureStderr();
  EXPECT_EQ(end(Console::Voice::kJson, ExitCode::kOk, false), ExitCode::kOther);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "shoal-leecher: cannot write to stdout: No space left on device\n");
  testing::internal::CaptureStderr();
  EXPECT_EQ(end(Console::Voice::kJson, ExitCode::kNoPeer, false), ExitCode::kNoPeer);
  EXPECT_EQ(end(Console::Voice::kNormal, ExitCode::kOk, true), ExitCode::kOther);
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(end(Console::Voice::kNormal, ExitCode::kOk, false), ExitCode::kOk);
  EXPECT_EQ(end(Console::Voice::kQuiet, ExitCode::kOk, true), ExitCode::kOk);
}

TEST(QuestionTest, OnlyAYesIsAYes) {
  for (const char* yes : {"y", "Y", "yes", "YES", " y \r"}) EXPECT_TRUE(IsYes(yes)) << yes;
  for (const char* no : {"", "n", "no", "yo", "yes please", "ye"}) EXPECT_FALSE(IsYes(no)) << no;
}

}  // namespace
}  // namespace shoal::leecher
