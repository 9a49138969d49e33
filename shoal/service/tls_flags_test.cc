#include "shoal/service/tls_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace shoal::service {
namespace {

using ::testing::StartsWith;

std::string RefusalOfTls(const net::TlsFiles& files, TlsRole role) {
  return std::string(CheckTlsFiles(files, role).message());
}

TEST(TlsFlagsTest, EachRoleNeedsItsFiles) {
  const net::TlsFiles all{"cert", "key", "ca"};
  for (const TlsRole role : {TlsRole::kServer, TlsRole::kPeer, TlsRole::kClient}) {
    EXPECT_EQ(RefusalOfTls({}, role), "");
    EXPECT_EQ(RefusalOfTls(all, role), "");
    EXPECT_THAT(RefusalOfTls({"cert", "", "ca"}, role), StartsWith("--tls-key is missing"));
    EXPECT_THAT(RefusalOfTls({"", "key", "ca"}, role), StartsWith("--tls-cert is missing"));
  }
  EXPECT_EQ(RefusalOfTls({"cert", "key", ""}, TlsRole::kServer), "");
  EXPECT_EQ(RefusalOfTls({"", "", "ca"}, TlsRole::kClient), "");
  EXPECT_THAT(RefusalOfTls({"cert", "key", ""}, TlsRole::kPeer), StartsWith("--tls-ca is missing"));
  EXPECT_THAT(RefusalOfTls({"", "", "ca"}, TlsRole::kPeer), StartsWith("--tls-cert is missing"));
  EXPECT_THAT(RefusalOfTls({"", "", "ca"}, TlsRole::kServer), StartsWith("--tls-cert is missing"));
  EXPECT_THAT(RefusalOfTls({"cert", "key", "", true}, TlsRole::kServer), StartsWith("--tls-ca is missing"));
}

TEST(TlsFlagsTest, NoFlagIsNoTls) {
  EXPECT_EQ(*LoadTls({}, TlsRole::kPeer), nullptr);
  EXPECT_EQ(LoadTls({"/none", "/none", "/none"}, TlsRole::kPeer).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace shoal::service
