#include "shoal/service/systemd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "shoal/base/file_descriptor.h"

namespace shoal::service {
namespace {

// Receives what a service sends to systemd.
class NoticeReceiver {
 public:
  // `name`: as in NOTIFY_SOCKET, "@" for an abstract address.
  explicit NoticeReceiver(const std::string& name)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), length), 0)
        << std::strerror(errno);
  }

  // The next notice that was sent already, or "".
  std::string Take() {
    char notice[64];
    const ssize_t length = ::recv(socket_.get(), notice, sizeof(notice), MSG_DONTWAIT);
    return length < 0 ? "" : std::string(notice, static_cast<size_t>(length));
  }

 private:
  FileDescriptor socket_;
};

class SystemdTest : public testing::Test {
 protected:
  void TearDown() override { ::unsetenv("NOTIFY_SOCKET"); }
  static void UseSocket(const std::string& name) { ::setenv("NOTIFY_SOCKET", name.c_str(), 1); }
};

TEST_F(SystemdTest, WithoutASocketNothingIsSent) {
  EXPECT_TRUE(NotifyReady().ok());
  UseSocket("");
  EXPECT_TRUE(NotifyStopping().ok());
}

TEST_F(SystemdTest, ASocketInTheFileSystemReceivesTheNotices) {
  const std::string folder = absl::StrCat(testing::TempDir(), "notify-", ::getpid());
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/socket";
  NoticeReceiver receiver(path);
  UseSocket(path);
  EXPECT_TRUE(NotifyReady().ok());
  EXPECT_EQ(receiver.Take(), "READY=1");
  EXPECT_TRUE(NotifyStopping().ok());
  EXPECT_EQ(receiver.Take(), "STOPPING=1");
  EXPECT_EQ(receiver.Take(), "");
  std::filesystem::remove_all(folder);
}

TEST_F(SystemdTest, AnAbstractSocketReceivesTheNotices) {
  const std::string name = absl::StrCat("@shoal-notify-", ::getpid());
  NoticeReceiver receiver(name);
  UseSocket(name);
  EXPECT_TRUE(NotifyReady().ok());
  EXPECT_EQ(receiver.Take(), "READY=1");
}

TEST_F(SystemdTest, WhatIsNoAddressIsRefused) {
  UseSocket("relative/path");
  EXPECT_EQ(NotifyReady().code(), absl::StatusCode::kInvalidArgument);
  UseSocket("/" + std::string(sizeof(sockaddr_un::sun_path), 'a'));
  EXPECT_EQ(NotifyReady().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SystemdTest, AnErrorNamesTheSocketThatIsNotThere) {
  UseSocket("/nowhere/socket");
  const absl::Status sent = NotifyReady();
  EXPECT_EQ(sent.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(sent.message()), testing::HasSubstr("/nowhere/socket"));
}

}  // namespace
}  // namespace shoal::service
