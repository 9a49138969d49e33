#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/registry_test_fixture.h"

namespace shoal::tracker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

SigningKey KeyOf(char n) {
  return *SigningKey::FromSeed(AsBytes(std::string(32, n)));
}

class RegistrySignaturesTest : public RegistryTest {
 protected:
  PublisherSignature SignedBy(char key, const tracking::ContentSummary& content) const {
    return PublisherSignature::Make(KeyOf(key), content.id, content.name, clock_.Now());
  }
  tracking::RegisterRequest Seeder(uint32_t peer, const tracking::ContentSummary& content, char key) const {
    tracking::RegisterRequest request = TestSeeder(peer, content);
    request.signature = SignedBy(key, content);
    return request;
  }
  std::vector<PublisherSignature> SignaturesOf(const ContentId& id) {
    const auto found = registry_->Lookup({id, std::nullopt, 0});
    return found.ok() && found->contents.size() == 1 ? found->contents[0].signatures
                                                     : std::vector<PublisherSignature>();
  }

  const tracking::ContentSummary content_ = TestContent(1, "model");
};

TEST_F(RegistrySignaturesTest, IsNamedInAllResponses) {
  const tracking::RegisterRequest seeder = Seeder(1, content_, 'a');
  Register(seeder);
  EXPECT_THAT(SignaturesOf(content_.id), ElementsAre(*seeder.signature));
  const auto named = registry_->Lookup({std::string("model"), std::nullopt, 0});
  EXPECT_THAT(named->contents.at(0).signatures, ElementsAre(*seeder.signature));
  EXPECT_THAT(registry_->ListContents({})->contents.at(0).signatures, ElementsAre(*seeder.signature));
  EXPECT_THAT(registry_->GetSwarm(content_.id)->content.signatures, ElementsAre(*seeder.signature));
}

TEST_F(RegistrySignaturesTest, AWrongOneIsRefused) {
  tracking::RegisterRequest seeder = Seeder(1, content_, 'a');
  seeder.signature = SignedBy('a', TestContent(1, "another name"));
  EXPECT_TRUE(absl::IsInvalidArgument(registry_->Register(seeder).status()));
  EXPECT_FALSE(registry_->Lookup({content_.id, std::nullopt, 0}).ok()) << "nothing was registered";
}

TEST_F(RegistrySignaturesTest, StaysWithTheContent) {
  const tracking::RegisterRequest seeder = Seeder(1, content_, 'a');
  const tracking::LeaseId lease = Register(seeder);
  Register(TestRegister(2, content_, 10));
  ASSERT_TRUE(registry_->Leave(TestLeave(1, {lease})).ok());
  EXPECT_THAT(SignaturesOf(content_.id), ElementsAre(*seeder.signature));
}

TEST_F(RegistrySignaturesTest, ANewerOneOfTheSameKeyReplacesIt) {
  const tracking::RegisterRequest first = Seeder(1, content_, 'a');
  Register(first);
  clock_.Advance(absl::Seconds(5));
  const tracking::RegisterRequest second = Seeder(1, content_, 'a');
  Register(second);
  Register(first);
  EXPECT_THAT(SignaturesOf(content_.id), ElementsAre(*second.signature));
}

TEST_F(RegistrySignaturesTest, TheFirstOnesAreKept) {
  Registry::Options options;
  options.limits.max_signatures = 2;
  Restart(options);
  for (const char key : {'a', 'b', 'c'}) Register(Seeder(static_cast<uint32_t>(key), content_, key));
  const auto kept = SignaturesOf(content_.id);
  ASSERT_THAT(kept, SizeIs(2));
  EXPECT_EQ(kept[0].key, KeyOf('a').public_key());
  EXPECT_EQ(kept[1].key, KeyOf('b').public_key());
}

TEST_F(RegistrySignaturesTest, AReservedNameNeedsOneOfItsKeys) {
  registry_->SetReserved(std::make_shared<const ReservedNames>(
      *ReservedNames::Parse("mod* " + KeyOf('a').public_key().ToText() + "\n")));
  EXPECT_TRUE(absl::IsPermissionDenied(registry_->Register(TestSeeder(1, content_)).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(registry_->Register(Seeder(1, content_, 'x')).status()));
  tracking::RegisterRequest forged = Seeder(1, content_, 'x');
  forged.signature->key = KeyOf('a').public_key();
  EXPECT_TRUE(absl::IsInvalidArgument(registry_->Register(forged).status()));
  // A peer that passes an unknown content on could claim any name for it.
  EXPECT_TRUE(absl::IsPermissionDenied(registry_->Register(TestRegister(2, content_, 10)).status()));
  tracking::RegisterRequest with_signature = TestRegister(2, content_, 10);
  with_signature.signature = SignedBy('a', content_);
  Register(with_signature);
  EXPECT_THAT(Listed(), ElementsAre("model"));
  Register(Seeder(1, content_, 'a'));
  Register(TestRegister(5, content_, 10));  // needs no signature now
  EXPECT_TRUE(absl::IsPermissionDenied(registry_->Register(TestSeeder(6, content_)).status()));
  Register(TestSeeder(3, TestContent(2, "other")));
  registry_->SetReserved(nullptr);
  Register(TestSeeder(4, content_));
}

TEST_F(RegistrySignaturesTest, ANameMeansNothingThatWasThereBeforeItWasReserved) {
  Register(TestSeeder(1, TestContent(2, "model")));
  Register(TestRegister(2, TestContent(3, "model"), 10));
  registry_->SetReserved(std::make_shared<const ReservedNames>(
      *ReservedNames::Parse("mod* " + KeyOf('a').public_key().ToText() + "\n")));
  EXPECT_TRUE(absl::IsNotFound(registry_->Lookup({std::string("model"), std::nullopt, 0}).status()));
  Register(Seeder(3, content_, 'a'));
  const auto found = registry_->Lookup({std::string("model"), std::nullopt, 0});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_THAT(found->contents, SizeIs(1));
  EXPECT_EQ(found->contents[0].summary.id, content_.id);
}

}  // namespace
}  // namespace shoal::tracker
