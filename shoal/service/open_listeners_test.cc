#include "shoal/service/open_listeners.h"

#include <gtest/gtest.h>

#include "tests/support/test_certificates.h"

namespace shoal::service {
namespace {

Endpoint At(const char* text) {
  return *Endpoint::Parse(text);
}

std::string Described(const std::vector<ListenerTerms>& listeners) {
  return DescribeOpenListeners(listeners, "publish here");
}

TEST(OpenListenersTest, NamesEachThatAdmitsAnyone) {
  EXPECT_EQ(Described({{.at = At("0.0.0.0:50051")}}),
            "anyone who reaches 0.0.0.0:50051 can publish here; see docs/security.md");
  EXPECT_EQ(Described({{.at = At("[::]:7")}, {.at = At("192.0.2.7:8"), .scheme = "udp://"}}),
            "anyone who reaches [::]:7 or udp://192.0.2.7:8 can publish here; see docs/security.md");
}

TEST(OpenListenersTest, WhatOnlyThisMachineReachesIsNotOpen) {
  for (const char* loopback : {"127.0.0.1:7", "127.1.2.3:7", "[::1]:7"}) {
    EXPECT_EQ(Described({{.at = At(loopback)}}), "");
  }
  EXPECT_EQ(Described({{.at = At("127.0.0.1:7")}, {.at = At("0.0.0.0:8"), .scheme = "udp://"}}),
            "anyone who reaches udp://0.0.0.0:8 can publish here; see docs/security.md");
  EXPECT_EQ(Described({}), "");
}

TEST(OpenListenersTest, WhatAsksForAPermitIsNotOpen) {
  EXPECT_EQ(Described({{.at = At("0.0.0.0:7"), .asks_for_permit = true}}), "");
}

TEST(OpenListenersTest, TlsClosesAListenerIfItDemandsCertificates) {
  const TestCertificates certificates;
  net::TlsFiles files = certificates.files();
  const auto mutual = TestCertificates::Context(files);
  files.authorities.clear();
  const auto one_sided = TestCertificates::Context(files);
  EXPECT_EQ(Described({{.at = At("0.0.0.0:7"), .tls = mutual.get()}}), "");
  EXPECT_EQ(Described({{.at = At("0.0.0.0:7"), .tls = one_sided.get()}}),
            "anyone who reaches 0.0.0.0:7 can publish here; see docs/security.md");
  EXPECT_EQ(
      Described({{.at = At("0.0.0.0:7"), .tls = mutual.get()}, {.at = At("0.0.0.0:8"), .scheme = "udp://"}}),
      "anyone who reaches udp://0.0.0.0:8 can publish here; see docs/security.md");
}

}  // namespace
}  // namespace shoal::service
