#include "shoal/content/manifest/signing_key.h"

#include <sys/stat.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/base/error_cause.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

// RFC 8032, section 7.1: tests 1, 2, 3 and "SHA(abc)".
struct Vector {
  const char* seed;
  const char* public_key;
  const char* message;
  const char* signature;
};
constexpr Vector kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f"
     "0"
     "595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2ea"
     "e"
     "b4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e"
     "9"
     "716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d442"
     "3"
     "643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179"
     "c"
     "138ac17ad9bef1177331a704"},
};

std::string FromHex(const char* hex) {
  return absl::HexStringToBytes(hex);
}

TEST(SigningKeyTest, SignsAsRfc8032Says) {
  for (const Vector& vector : kVectors) {
    const auto key = SigningKey::FromSeed(AsBytes(FromHex(vector.seed)));
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->public_key().ToString(), FromHex(vector.public_key));
    const std::string message = FromHex(vector.message);
    const SignatureBytes signature = key->Sign(AsBytes(message));
    EXPECT_EQ(signature.ToHex(), vector.signature);
    EXPECT_TRUE(key->public_key().Verify(AsBytes(message), signature));
  }
}

TEST(SigningKeyTest, AChangedMessageSignatureOrKeyIsNotVerified) {
  const SigningKey key = SigningKey::Generate();
  const std::string message = "the tide comes in";
  const SignatureBytes signature = key.Sign(AsBytes(message));
  EXPECT_TRUE(key.public_key().Verify(AsBytes(message), signature));
  EXPECT_FALSE(key.public_key().Verify(AsBytes(message + "."), signature));
  EXPECT_FALSE(SigningKey::Generate().public_key().Verify(AsBytes(message), signature));
  for (size_t i = 0; i < signature.bytes().size(); ++i) {
    auto changed = signature.bytes();
    changed[i] ^= 1;
    EXPECT_FALSE(key.public_key().Verify(AsBytes(message), SignatureBytes(changed))) << i;
  }
  EXPECT_FALSE(PublicKey().Verify(AsBytes(message), SignatureBytes()));
}

TEST(SigningKeyTest, ASeedHas32Bytes) {
  EXPECT_FALSE(SigningKey::FromSeed(AsBytes(std::string(31, 'x'))).ok());
  EXPECT_FALSE(SigningKey::FromSeed(AsBytes(std::string(33, 'x'))).ok());
}

TEST(SigningKeyTest, AFileHasTheKeyAndIsItsOwnersAlone) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/key.pem";
  const SigningKey key = SigningKey::Generate();
  ASSERT_TRUE(key.Write(path).ok());
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const auto read = SigningKey::Read(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->public_key(), key.public_key());
  EXPECT_EQ(read->Sign(AsBytes("x")), key.Sign(AsBytes("x")));

  const absl::Status again = SigningKey::Generate().Write(path);
  EXPECT_TRUE(absl::IsAlreadyExists(again));
  EXPECT_EQ(CauseOf(again), ErrorCause::kTargetExists);
  EXPECT_EQ(SigningKey::Read(path)->public_key(), key.public_key());
}

TEST(SigningKeyTest, ReadsAKeyOfOpenssl) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/key.pem";
  // The example of RFC 8410, section 10.3, and its public key of section 10.1.
  std::ofstream(path) << "-----BEGIN PRIVATE KEY-----\n"
                         "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                         "-----END PRIVATE KEY-----\n";
  const auto key = SigningKey::Read(path);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->public_key().ToText(), "ed25519:Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=");
}

TEST(SigningKeyTest, AFileWithoutAKeyIsAnError) {
  const TemporaryFolder folder;
  EXPECT_TRUE(absl::IsNotFound(SigningKey::Read(folder.path() + "/none").status()));
  const std::string path = folder.path() + "/key.pem";
  for (const char* text :
       {"", "ed25519:AAAA", "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMC4C\n-----END ENCRYPTED PRIVATE KEY-----\n"}) {
    std::ofstream(path, std::ios::trunc) << text;
    const auto key = SigningKey::Read(path);
    EXPECT_TRUE(absl::IsInvalidArgument(key.status())) << text;
    EXPECT_THAT(std::string(key.status().message()), HasSubstr("make one with `shoal key FILE`"));
  }
}

TEST(PublicKeyTest, TextRoundTrips) {
  const PublicKey key = SigningKey::Generate().public_key();
  const std::string text = key.ToText();
  EXPECT_EQ(text.size(), 52u);
  EXPECT_EQ(PublicKey::Parse(text).value(), key);
  EXPECT_EQ(PublicKey::Parse(text.substr(0, 51)).value(), key) << "without the padding";
  EXPECT_EQ(PublicKey::FromBytes(AsBytes(key.ToString())).value(), key);
}

TEST(PublicKeyTest, OtherTextIsAnError) {
  const std::string text = "ed25519:Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
  ASSERT_TRUE(PublicKey::Parse(text).ok());
  for (const std::string& wrong : std::vector<std::string>{
           "", text.substr(8), "rsa:" + text.substr(8), text.substr(0, 50), text + "=", text + " ",
           "ed25519:Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuF=", "ed25519:" + std::string(43, 'A') + "=",
           "ed25519:" + std::string(100000, 'A')}) {
    const auto key = PublicKey::Parse(wrong);
    EXPECT_TRUE(absl::IsInvalidArgument(key.status())) << wrong;
    EXPECT_LT(key.status().message().size(), 500u);
  }
  EXPECT_FALSE(PublicKey::FromBytes(AsBytes(std::string(31, 'x'))).ok());
}

}  // namespace
}  // namespace shoal
