#include "shoal/content/manifest/publisher_signature.h"

#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/base/error_cause.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixMillis(1'700'000'000'123);

ContentId IdOf(uint8_t n) {
  std::array<uint8_t, 32> bytes{};
  bytes.fill(n);
  return ContentId(bytes);
}

SigningKey KeyOf(char n) {
  return *SigningKey::FromSeed(AsBytes(std::string(32, n)));
}

PublisherSignature SignedBy(const SigningKey& key, absl::Time time = kNow) {
  return PublisherSignature::Make(key, IdOf(1), "model", time);
}

TEST(PublisherSignatureTest, IsOverContentNameAndTime) {
  const SigningKey key = KeyOf('a');
  const PublisherSignature signature = SignedBy(key, kNow + absl::Microseconds(7));
  EXPECT_EQ(signature.key, key.public_key());
  EXPECT_EQ(signature.time, kNow) << "in whole milliseconds";
  EXPECT_TRUE(signature.Verifies(IdOf(1), "model"));
  EXPECT_FALSE(signature.Verifies(IdOf(2), "model"));
  EXPECT_FALSE(signature.Verifies(IdOf(1), "model2"));
  PublisherSignature later = signature;
  later.time += absl::Milliseconds(1);
  EXPECT_FALSE(later.Verifies(IdOf(1), "model"));
  PublisherSignature others = signature;
  others.key = KeyOf('b').public_key();
  EXPECT_FALSE(others.Verifies(IdOf(1), "model"));
}

// The bytes are those of docs/wire_format.md, "Signatures": other programs can make and check them.
TEST(PublisherSignatureTest, SignsTheDocumentedBytes) {
  const SigningKey key = KeyOf('a');
  std::string bytes = "shoal signature v1\n" + IdOf(1).ToString();
  AppendBig(uint64_t{1'700'000'000'123}, &bytes);
  bytes += "model";
  EXPECT_EQ(SignedBy(key).signature, key.Sign(AsBytes(bytes)));
}

TEST(PublisherSignatureTest, EncodingRoundTrips) {
  const PublisherSignature signature = SignedBy(KeyOf('a'));
  std::string bytes;
  signature.AppendTo(&bytes);
  ASSERT_EQ(bytes.size(), PublisherSignature::kEncodedBytes);
  ByteReader reader(AsBytes(bytes));
  EXPECT_EQ(PublisherSignature::Read(&reader).value(), signature);
  EXPECT_EQ(reader.remaining(), 0u);
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string part = bytes.substr(0, size);
    ByteReader shorter(AsBytes(part));
    EXPECT_FALSE(PublisherSignature::Read(&shorter).ok()) << size;
  }
  bytes[32] = 1;
  ByteReader late(AsBytes(bytes));
  EXPECT_FALSE(PublisherSignature::Read(&late).ok()) << "a time after the year 9999";
}

TEST(TrustedKeysTest, FileHasKeysAndComments) {
  const std::string a = KeyOf('a').public_key().ToText();
  const std::string b = KeyOf('b').public_key().ToText();
  const auto trusted = TrustedKeys::ParseFile("# ours\n\n  " + a + "  # the build machine\r\n" + b);
  ASSERT_TRUE(trusted.ok()) << trusted.status();
  EXPECT_EQ(trusted->keys(), (std::set<PublicKey>{KeyOf('a').public_key(), KeyOf('b').public_key()}));
  EXPECT_THAT(std::string(TrustedKeys::ParseFile(a + "\nnonsense\n").status().message()),
              HasSubstr("line 2: \"nonsense\" is no public key"));
  EXPECT_FALSE(TrustedKeys::ParseFile("# nobody\n").ok());
}

TEST(TrustedKeysTest, WordsAreKeysOrFiles) {
  const TemporaryFolder folder;
  const std::string a = KeyOf('a').public_key().ToText();
  const std::string path = folder.Path("trusted");
  std::ofstream(path) << KeyOf('b').public_key().ToText() << "\n";
  const auto trusted = TrustedKeys::FromWords({a, path});
  ASSERT_TRUE(trusted.ok()) << trusted.status();
  EXPECT_EQ(trusted->keys().size(), 2u);
  EXPECT_TRUE(TrustedKeys::FromWords({})->empty());
  EXPECT_EQ(CauseOf(TrustedKeys::FromWords({"ed25519:x"}).status()), ErrorCause::kUsage);
  EXPECT_EQ(CauseOf(TrustedKeys::FromWords({folder.Path("none")}).status()), ErrorCause::kNoSuchPath);
  std::ofstream(path) << "nonsense\n";
  const absl::Status status = TrustedKeys::FromWords({path}).status();
  EXPECT_EQ(CauseOf(status), ErrorCause::kUsage);
  EXPECT_THAT(std::string(status.message()), HasSubstr(path + ": line 1"));
}

TEST(TrustedKeysTest, NewestIsOfATrustedKeyAndRight) {
  TrustedKeys trusted;
  ASSERT_TRUE(trusted.Add(KeyOf('a').public_key()).ok());
  ASSERT_TRUE(trusted.Add(KeyOf('b').public_key()).ok());
  PublisherSignature forged = SignedBy(KeyOf('x'), kNow + absl::Hours(2));
  forged.key = KeyOf('a').public_key();
  const std::vector<PublisherSignature> signatures = {SignedBy(KeyOf('x'), kNow + absl::Hours(3)), forged,
                                                      SignedBy(KeyOf('a')),
                                                      SignedBy(KeyOf('b'), kNow + absl::Hours(1))};
  EXPECT_EQ(trusted.Newest(signatures, IdOf(1), "model"), &signatures[3]);
  EXPECT_EQ(trusted.Newest(signatures, IdOf(1), "another"), nullptr);
  EXPECT_EQ(trusted.Newest({signatures[0], forged}, IdOf(1), "model"), nullptr);
  EXPECT_EQ(trusted.Newest({}, IdOf(1), "model"), nullptr);
}

TEST(TrustedKeysTest, ErrorNamesTheSigners) {
  const absl::Status nobody = UntrustedContent("model", {});
  EXPECT_EQ(CauseOf(nobody), ErrorCause::kUntrusted);
  EXPECT_THAT(std::string(nobody.message()), HasSubstr("nobody signed it"));
  EXPECT_THAT(std::string(UntrustedContent("model", {SignedBy(KeyOf('x'))}).message()),
              HasSubstr(KeyOf('x').public_key().ToText()));
}

}  // namespace
}  // namespace shoal
