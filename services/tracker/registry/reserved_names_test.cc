#include "services/tracker/registry/reserved_names.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temporary_folder.h"

namespace shoal::tracker {
namespace {

using ::testing::HasSubstr;

PublicKey PublicKeyOf(char n) {
  return SigningKey::FromSeed(AsBytes(std::string(32, n)))->public_key();
}

TEST(ReservedNamesTest, FirstMatchingRuleCounts) {
  const std::string a = PublicKeyOf('a').ToText();
  const std::string b = PublicKeyOf('b').ToText();
  const auto reserved =
      ReservedNames::Parse("# names\n\nmodel-x\t" + b + "\nmodel-*  " + a + " " + b + "\r\n");
  ASSERT_TRUE(reserved.ok()) << reserved.status();
  EXPECT_EQ(reserved->size(), 2u);
  const PublicKey key_a = PublicKeyOf('a');
  const PublicKey key_b = PublicKeyOf('b');
  EXPECT_TRUE(reserved->Check("other", nullptr).ok());
  EXPECT_TRUE(reserved->Check("model-1", &key_a).ok());
  EXPECT_TRUE(reserved->Check("model-1", &key_b).ok());
  EXPECT_TRUE(reserved->Check("model-x", &key_b).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(reserved->Check("model-x", &key_a)));
  const absl::Status unsigned_one = reserved->Check("model-1", nullptr);
  EXPECT_TRUE(absl::IsPermissionDenied(unsigned_one));
  EXPECT_THAT(std::string(unsigned_one.message()), HasSubstr("--sign-key"));
}

TEST(ReservedNamesTest, FaultsNameTheLine) {
  const std::string a = PublicKeyOf('a').ToText();
  const auto fault = [](const std::string& text) {
    return std::string(ReservedNames::Parse(text).status().message());
  };
  EXPECT_THAT(fault("model-*\n"), HasSubstr("line 1: needs a glob and the public keys"));
  EXPECT_THAT(fault("x " + a + "\nmodel " + a + " nonsense\n"), HasSubstr("line 2: \"nonsense\""));
  EXPECT_THAT(fault(std::string(300, '*') + " " + a), HasSubstr("longer than any name"));
  EXPECT_TRUE(ReservedNames::Parse("").ok());
  const TemporaryFolder folder;
  EXPECT_TRUE(absl::IsNotFound(ReservedNames::Read(folder.Path("none")).status()));
}

}  // namespace
}  // namespace shoal::tracker
