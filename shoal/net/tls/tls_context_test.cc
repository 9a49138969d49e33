#include "shoal/net/tls/tls_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/base/manual_clock.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_certificates.h"

namespace shoal::net {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class TlsContextTest : public ::testing::Test {
 protected:
  static std::string RefusalOf(const TlsFiles& files) {
    const auto context = TlsContext::Load(files);
    EXPECT_EQ(context.status().code(), absl::StatusCode::kInvalidArgument) << context.status();
    return std::string(context.status().message());
  }
  TlsContext::Options Options() {
    TlsContext::Options options;
    options.clock = &clock_;
    options.on_reload = [this](const absl::Status& outcome) { outcomes_.push_back(outcome); };
    return options;
  }

  ManualClock clock_;
  std::vector<absl::Status> outcomes_;
  const TestCertificates certificates_;
  const TestCertificates others_;
};

TEST_F(TlsContextTest, HoldsWhatTheFilesHold) {
  const auto context = certificates_.Context();
  const auto current = context->Current();
  EXPECT_EQ(current->generation, 1u);
  EXPECT_EQ(current->certificate, TemporaryFolder::Read(certificates_.files().certificate));
  EXPECT_THAT(current->dns_names, Contains("localhost"));
  EXPECT_TRUE(current->demands_certificates());
}

TEST_F(TlsContextTest, EachHalfCanBeLeftOut) {
  TlsFiles files = certificates_.files();
  files.authorities.clear();
  EXPECT_FALSE(TestCertificates::Context(files)->Current()->demands_certificates());
  files = {"", "", certificates_.files().authorities};
  EXPECT_TRUE(TestCertificates::Context(files)->Current()->certificate.empty());
}

TEST_F(TlsContextTest, FollowsTheFilesOnceAnIntervalHasPassed) {
  const auto context = certificates_.Context(Options());
  const auto before = context->Current();
  certificates_.TakeOver(others_);
  EXPECT_EQ(context->Current(), before);
  clock_.Advance(absl::Seconds(1));
  const auto after = context->Current();
  EXPECT_EQ(after->generation, 2u);
  EXPECT_EQ(after->certificate, TemporaryFolder::Read(others_.files().certificate));
  EXPECT_NE(before->certificate, after->certificate);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(context->Current(), after);
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_TRUE(outcomes_[0].ok());
}

TEST_F(TlsContextTest, FilesThatCannotBeUsedLeaveTheFormerOnesAndAreTriedAgainWhenTheyChange) {
  const auto context = certificates_.Context(Options());
  const auto before = context->Current();
  const std::string good_key = TemporaryFolder::Read(certificates_.files().key);
  certificates_.folder().Write("key.pem", TemporaryFolder::Read(others_.files().key));
  for (int look = 0; look < 3; ++look) {
    clock_.Advance(absl::Seconds(1));
    EXPECT_EQ(context->Current(), before);
  }
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_THAT(std::string(outcomes_[0].message()), HasSubstr("not the key of the certificate"));
  certificates_.folder().Write("key.pem", good_key + "\n");
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(context->Current()->generation, 2u);
  std::remove(certificates_.files().authorities.c_str());
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(context->Current()->generation, 2u);
  EXPECT_EQ(outcomes_.back().code(), absl::StatusCode::kNotFound);
}

TEST_F(TlsContextTest, ReloadDoesNotWait) {
  const auto context = certificates_.Context(Options());
  certificates_.TakeOver(others_);
  EXPECT_TRUE(context->Reload().ok());
  EXPECT_EQ(context->Current()->authorities, TemporaryFolder::Read(others_.files().authorities));
  certificates_.folder().Write("cert.pem", "no certificate");
  EXPECT_EQ(context->Reload().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(context->Current()->generation, 2u);
}

TEST_F(TlsContextTest, RefusalsNameTheFile) {
  const TlsFiles files = certificates_.files();
  EXPECT_THAT(RefusalOf({files.certificate, "", files.authorities}), HasSubstr("together"));
  EXPECT_THAT(RefusalOf({"", files.key, ""}), HasSubstr("together"));
  EXPECT_THAT(RefusalOf({files.key, files.key, ""}), HasSubstr(files.key + ": there is no certificate"));
  EXPECT_THAT(RefusalOf({files.certificate, files.certificate, ""}), HasSubstr("no private key"));
  EXPECT_THAT(RefusalOf({files.certificate, others_.files().key, ""}), HasSubstr("not the key"));
  EXPECT_THAT(RefusalOf({"", "", files.key}), HasSubstr("no certificate"));
  EXPECT_EQ(TlsContext::Load({"/none", files.key, ""}).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace shoal::net
