#include "shoal/service/ticket_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "shoal/content/manifest/signing_key.h"
#include "tests/support/temporary_folder.h"

namespace shoal::service {
namespace {

using ::testing::StartsWith;

std::string RefusalOfTickets(const TicketFlags& flags, bool may_learn) {
  return std::string(LoadTicketIssuers(flags, may_learn).status().message());
}

TEST(TicketFlagsTest, NoFlagIsNoDemand) {
  EXPECT_EQ(*LoadTicketIssuers({}, /*may_learn=*/true), std::nullopt);
  EXPECT_THAT(RefusalOfTickets({false, {"ed25519:x"}}, true), StartsWith("--ticket-issuer: has no effect"));
}

TEST(TicketFlagsTest, SomebodysTicketsNeedToCount) {
  const TemporaryFolder folder;
  const std::string key = SigningKey::Generate().public_key().ToText();
  const std::string file = folder.Write("keys", key + "  # of the tracker\n");
  EXPECT_THAT(RefusalOfTickets({true, {}}, /*may_learn=*/false),
              StartsWith("--require-ticket: whose tickets"));
  EXPECT_TRUE((*LoadTicketIssuers({true, {}}, /*may_learn=*/true))->empty());
  EXPECT_EQ((*LoadTicketIssuers({true, {key}}, /*may_learn=*/false))->keys().size(), 1u);
  EXPECT_EQ((*LoadTicketIssuers({true, {key + "," + file}}, /*may_learn=*/false))->keys().size(), 1u);
  EXPECT_THAT(RefusalOfTickets({true, {"ed25519:nonsense"}}, true), StartsWith("--ticket-issuer: "));
  EXPECT_THAT(RefusalOfTickets({true, {folder.Path("nothing")}}, true), StartsWith("--ticket-issuer: "));
}

}  // namespace
}  // namespace shoal::service
