#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "services/tracker/registry/registry.h"
#include "services/tracker/registry/test_requests.h"
#include "shoal/base/manual_clock.h"

namespace shoal::tracker {

// A registry on a clock that stands still, and short ways to ask it.
class RegistryTest : public ::testing::Test {
 protected:
  static constexpr absl::Duration kLease = absl::Seconds(30);

  RegistryTest() { Restart({}); }

  void Restart(const Registry::Options& options) {
    Registry::Options seeded = options;
    seeded.seed = ++seed_;
    registry_ = std::make_unique<Registry>(seeded, &clock_);
  }

  LeaseId Register(const RegisterRequest& request) {
    const auto reply = registry_->Register(request);
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? reply->lease_id : LeaseId();
  }

  std::vector<PeerId> PeersOf(const ContentKey& key, std::optional<PeerId> exclude = std::nullopt) {
    const auto reply = registry_->Lookup({key, exclude, 0});
    EXPECT_TRUE(reply.ok()) << reply.status();
    std::vector<PeerId> peers;
    if (reply.ok()) {
      for (const PeerInfo& peer : reply->peers) peers.push_back(peer.id);
    }
    return peers;
  }

  std::vector<std::string> Listed(const std::string& contains = "") {
    const auto reply = registry_->ListContents({contains, 0, ""});
    EXPECT_TRUE(reply.ok()) << reply.status();
    std::vector<std::string> names;
    for (const ContentStatus& content : reply->contents) names.push_back(content.summary.name);
    return names;
  }

  ManualClock clock_;
  uint64_t seed_ = 0;
  std::unique_ptr<Registry> registry_;
};

}  // namespace shoal::tracker
