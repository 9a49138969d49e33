#include "shoal/net/tls/development_certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temporary_folder.h"

namespace shoal::net {
namespace {

using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

mode_t ModeOf(const std::string& path) {
  struct stat info{};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777;
}

TEST(DevelopmentCertificatesTest, AreForTheGivenHostsAndKeysAreForThisUserAlone) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("certs");
  ASSERT_TRUE(WriteDevelopmentCertificates(path, {"tracker.example", "192.0.2.7"}).ok());
  const auto context = TlsContext::Load(DevelopmentFiles(path));
  ASSERT_TRUE(context.ok()) << context.status();
  EXPECT_THAT((*context)->Current()->dns_names, IsSupersetOf({"localhost", "tracker.example"}));
  EXPECT_EQ(ModeOf(path + "/key.pem"), 0600u);
  EXPECT_EQ(ModeOf(path + "/ca-key.pem"), 0600u);
}

TEST(DevelopmentCertificatesTest, NothingIsOverwritten) {
  const TemporaryFolder folder;
  const std::string mine = folder.Write("key.pem", "mine");
  const absl::Status status = WriteDevelopmentCertificates(folder.path(), {});
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), HasSubstr(mine));
  EXPECT_EQ(TemporaryFolder::Read(mine), "mine");
  EXPECT_EQ(TemporaryFolder::Read(folder.Path("ca.pem")), "");
}

TEST(DevelopmentCertificatesTest, AHostIsANameOrAnAddress) {
  const TemporaryFolder folder;
  for (const char* host : {"", "a b", "a,DNS:b", "http://a", ".a"}) {
    EXPECT_EQ(WriteDevelopmentCertificates(folder.path(), {host}).code(), absl::StatusCode::kInvalidArgument)
        << host;
  }
}

}  // namespace
}  // namespace shoal::net
