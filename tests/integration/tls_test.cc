#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/tracker.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/manual_clock.h"
#include "shoal/service/grpc/health_endpoint.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/messages/sample_messages.h"
#include "tests/support/test_certificates.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;
using tracker::Tracker;

constexpr absl::Duration kPatience = absl::Seconds(60);

// A tracker in this process, with TLS or without, and clients of it.
class TrackerOverTlsTest : public ::testing::Test {
 protected:
  void Start(std::shared_ptr<net::TlsContext> tls, const std::string& address = "127.0.0.1") {
    Tracker::Options options;
    options.grpc = {*IpAddress::Parse(address), 0};
    options.tls = std::move(tls);
    options.trusts_addresses = true;  // those of the samples lead nowhere
    auto started = Tracker::Start(options);
    ASSERT_TRUE(started.ok()) << started.status();
    tracker_ = *std::move(started);
  }
  std::unique_ptr<tracking::TrackerClient> Client(std::shared_ptr<net::TlsContext> tls,
                                                  const std::string& host = "127.0.0.1") const {
    return tracking::MakeTrackerClient({tracking::TrackerUrl::Protocol::kGrpc, {host, tracker_->grpc_port()}},
                                       {std::move(tls)});
  }
  static absl::Status List(tracking::TrackerClient& client) {
    return client.ListContents({}, kPatience).status();
  }
  std::string RefusalOf(std::shared_ptr<net::TlsContext> tls, const std::string& host = "127.0.0.1",
                        ErrorCause cause = ErrorCause::kNotPermitted) const {
    const absl::Status refused = List(*Client(std::move(tls), host));
    EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable) << refused;
    EXPECT_EQ(CauseOf(refused), cause) << refused;
    return std::string(refused.message());
  }

  const TestCertificates certificates_;
  const TestCertificates others_;
  std::unique_ptr<Tracker> tracker_;
};

TEST_F(TrackerOverTlsTest, AnswersClientsWithACertificate) {
  Start(certificates_.Context());
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const auto client = Client(certificates_.Context(), host);
    EXPECT_TRUE(client->Register(tracking::sample::Register(), kPatience).ok());
    EXPECT_TRUE(List(*client).ok());
  }
  const std::string target = absl::StrCat("127.0.0.1:", tracker_->grpc_port());
  EXPECT_TRUE(service::CheckHealth(target, kPatience, certificates_.Context()).ok());
  EXPECT_FALSE(service::CheckHealth(target, kPatience).ok());
}

TEST_F(TrackerOverTlsTest, TellsOthersWhatIsMissing) {
  Start(certificates_.Context());
  EXPECT_THAT(RefusalOf(nullptr, "127.0.0.1", ErrorCause::kTrackerUnreachable),
              HasSubstr("if it speaks TLS: give --tls-ca"));
  EXPECT_THAT(RefusalOf(others_.Context()), HasSubstr("is its certificate from a CA in --tls-ca"));
  const net::TlsFiles mine = certificates_.files();
  EXPECT_THAT(RefusalOf(TestCertificates::Context({"", "", mine.authorities})),
              HasSubstr("if it demands a certificate: give --tls-cert and --tls-key"));
  EXPECT_THAT(RefusalOf(TestCertificates::Context(
                  {others_.files().certificate, others_.files().key, mine.authorities})),
              HasSubstr("is the certificate of --tls-cert from its CA"));
}

TEST_F(TrackerOverTlsTest, TheCertificateNamesTheHost) {
  Start(certificates_.Context(), "127.0.0.2");
  EXPECT_THAT(RefusalOf(certificates_.Context(), "127.0.0.2"), HasSubstr("names another host"));
}

TEST_F(TrackerOverTlsTest, ATrackerWithoutTlsIsNamed) {
  Start(nullptr);
  EXPECT_THAT(RefusalOf(certificates_.Context(), "127.0.0.1", ErrorCause::kTrackerUnreachable),
              HasSubstr("it speaks no TLS"));
}

TEST_F(TrackerOverTlsTest, WithoutAuthoritiesClientsNeedNoCertificate) {
  const net::TlsFiles mine = certificates_.files();
  Start(TestCertificates::Context({mine.certificate, mine.key, ""}));
  EXPECT_TRUE(List(*Client(TestCertificates::Context({"", "", mine.authorities}))).ok());
  EXPECT_TRUE(service::CheckHealth(absl::StrCat("127.0.0.1:", tracker_->grpc_port()), kPatience,
                                   TestCertificates::Context({mine.certificate, mine.key, ""}))
                  .ok());
}

TEST_F(TrackerOverTlsTest, BothEndsFollowTheirFiles) {
  ManualClock clock;
  net::TlsContext::Options options;
  options.clock = &clock;
  const auto context = certificates_.Context(options);
  Start(context);
  const auto client = Client(context);
  EXPECT_TRUE(List(*client).ok());
  certificates_.TakeOver(others_);
  clock.Advance(absl::Seconds(1));
  EXPECT_TRUE(List(*client).ok());
  EXPECT_TRUE(List(*Client(others_.Context())).ok());
}

}  // namespace
}  // namespace shoal
