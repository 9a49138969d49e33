#include "services/tracker/access/access_control.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/base/byte_order.h"
#include "tests/support/temporary_folder.h"

namespace shoal::tracker {
namespace {

using ::testing::HasSubstr;

constexpr Right kList[] = {Right::kList};
constexpr Right kServing[] = {Right::kPublish, Right::kFetch};

std::string Line(const std::string& token, const std::string& rest) {
  const Sha256Digest digest = Sha256::Of(AsBytes(token));
  return absl::StrCat(absl::BytesToHexString(std::string(digest.begin(), digest.end())), " ", rest, "\n");
}

class AccessControlTest : public ::testing::Test {
 protected:
  std::unique_ptr<AccessControl> Open() {
    auto control = AccessControl::Open(folder_.Path("tokens"));
    EXPECT_TRUE(control.ok()) << control.status();
    return *std::move(control);
  }

  TemporaryFolder folder_;
};

TEST_F(AccessControlTest, WithoutAFileEveryoneMayDoEverything) {
  const AccessControl open;
  EXPECT_FALSE(open.needs_tokens());
  const auto access = open.Of("");
  ASSERT_TRUE(access.ok());
  EXPECT_TRUE(access->Need(kList).ok());
  EXPECT_TRUE(access->NeedName("anything").ok());
}

TEST_F(AccessControlTest, ErrorsSayWhatToDo) {
  folder_.Write("tokens", Line("alice", "fetch models-* data"));
  const auto control = Open();
  const absl::Status missing = control->Of("").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("--tracker-token-file"));
  EXPECT_EQ(control->Of("Basic alice").status().code(), absl::StatusCode::kUnauthenticated);
  const absl::Status unknown = control->Of("Bearer bob").status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("does not know the token"));

  const auto access = control->Of("bearer  alice ");
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_TRUE(access->Need(kServing).ok());
  const absl::Status lacks = access->Need(kList);
  EXPECT_EQ(lacks.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(lacks.message()), HasSubstr("lacks the right list"));
  EXPECT_TRUE(access->NeedName("models-7b").ok());
  const absl::Status name = access->NeedName("other");
  EXPECT_EQ(name.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(name.message()), HasSubstr("named models-* or data, not \"other\""));
}

TEST_F(AccessControlTest, AChangedFileIsReadAgain) {
  folder_.Write("tokens", Line("alice", "list"));
  const auto control = Open();
  EXPECT_EQ(*control->Refresh(), false);
  const auto before = control->Of("Bearer alice");
  folder_.Write("tokens", Line("alice", "fetch") + Line("bob", "list"));
  EXPECT_EQ(*control->Refresh(), true);
  EXPECT_EQ(*control->Refresh(), false);
  EXPECT_EQ(control->tokens(), 2u);
  EXPECT_TRUE(control->Of("Bearer bob").ok());
  EXPECT_FALSE(control->Of("Bearer alice")->Need(kList).ok());
  EXPECT_TRUE(before->Need(kList).ok()) << "a call that has begun is not cut short";
  EXPECT_EQ(*control->Reload(), true);
}

TEST_F(AccessControlTest, ABrokenFileChangesNothingAndIsReportedOnce) {
  folder_.Write("tokens", Line("alice", "list"));
  const auto control = Open();
  folder_.Write("tokens", Line("bob", "list") + "not a line\n");
  const auto broken = control->Refresh();
  EXPECT_EQ(broken.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(broken.status().message()), HasSubstr("line 2"));
  EXPECT_EQ(*control->Refresh(), false);
  EXPECT_TRUE(control->Of("Bearer alice").ok());
  EXPECT_FALSE(control->Of("Bearer bob").ok());
  std::filesystem::remove(folder_.Path("tokens"));
  EXPECT_FALSE(control->Refresh().ok());
  EXPECT_TRUE(control->Of("Bearer alice").ok());
  EXPECT_FALSE(AccessControl::Open(folder_.Path("tokens")).ok());
}

}  // namespace
}  // namespace shoal::tracker
