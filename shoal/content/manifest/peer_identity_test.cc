#include "shoal/content/manifest/peer_identity.h"

#include "gtest/gtest.h"

namespace shoal {
namespace {

TEST(PeerIdentityTest, TheIdIsTheHashOfTheSecret) {
  // printf 'shoal peer id v1\n' | cat - <(head -c 32 /dev/zero) | sha256sum
  EXPECT_EQ(PeerIdOf(PeerSecret()).ToHex(), "ac4f797cb51ac5984342fb80fa668472");
  std::array<uint8_t, PeerSecret::kSizeBytes> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  EXPECT_EQ(PeerIdOf(PeerSecret(bytes)).ToHex(), "6f05cecbd00e6fbb52c8edcf6f1ae33a");
}

TEST(PeerIdentityTest, EachIsAnother) {
  const PeerIdentity one = PeerIdentity::Random();
  const PeerIdentity other = PeerIdentity::Random();
  EXPECT_NE(one.secret(), other.secret());
  EXPECT_NE(one.id(), other.id());
  EXPECT_EQ(one.id(), PeerIdOf(one.secret()));
}

}  // namespace
}  // namespace shoal
