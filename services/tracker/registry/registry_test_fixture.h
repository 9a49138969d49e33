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

// A registry on a clock that tests advance, and shortcuts for calls.
class RegistryTest : public ::testing::Test {
 protected:
  static constexpr absl::Duration kLease = absl::Seconds(30);

  RegistryTest() { Restart({}); }

  void Restart(const Registry::Options& options) {
    Registry::Options seeded = options;
    seeded.seed = ++seed_;
    registry_ = std::make_unique<Registry>(seeded, &clock_);
  }

  tracking::LeaseId Register(const tracking::RegisterRequest& request) {
    const auto response = registry_->Register(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->lease_id : tracking::LeaseId();
  }

  std::vector<PeerId> PeersOf(const tracking::ContentKey& key, std::optional<PeerId> exclude = std::nullopt) {
    const auto response = registry_->Lookup({key, exclude, 0});
    EXPECT_TRUE(response.ok()) << response.status();
    std::vector<PeerId> peers;
    if (response.ok()) {
      for (const tracking::PeerInfo& peer : response->peers) peers.push_back(peer.id);
    }
    return peers;
  }

  std::vector<std::string> Listed(const std::string& contains = "") {
    const auto response = registry_->ListContents({contains, 0, ""});
    EXPECT_TRUE(response.ok()) << response.status();
    std::vector<std::string> names;
    for (const tracking::ContentStatus& content : response->contents) names.push_back(content.summary.name);
    return names;
  }

  ManualClock clock_;
  uint64_t seed_ = 0;
  std::unique_ptr<Registry> registry_;
};

}  // namespace shoal::tracker
