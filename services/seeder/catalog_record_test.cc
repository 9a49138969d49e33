#include "services/seeder/catalog_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/base/manual_clock.h"
#include "tests/support/temporary_folder.h"

namespace shoal::seeder {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Omission = CatalogRecord::Omission;

class CatalogRecordTest : public ::testing::Test {
 protected:
  void Publish(const std::string& entry) {
    share_.Write(entry, "bytes of " + entry);
    auto built = BuildManifest(share_.Path(entry), {});
    ASSERT_TRUE(built.ok()) << built.status();
    catalog_.Publish(entry, *std::move(built), /*from_cache=*/false, [](const absl::Status&) {});
  }

  const TemporaryFolder share_;
  ManualClock clock_;
  CatalogRecord record_{clock_};
  Catalog catalog_{&record_};
};

TEST_F(CatalogRecordTest, HasWhatIsOfferedByName) {
  EXPECT_THAT(record_.offered(), IsEmpty());
  Publish("b");
  Publish("a");
  ASSERT_THAT(record_.offered(), SizeIs(2));
  EXPECT_EQ(record_.offered()[0]->manifest()->name(), "a");
  catalog_.Withdraw("a", "test");
  ASSERT_THAT(record_.offered(), SizeIs(1));
  EXPECT_EQ(record_.offered()[0]->manifest()->name(), "b");
}

TEST_F(CatalogRecordTest, HashingEndsWithItsOutcomeOrWithSilence) {
  record_.OnHashing("a", 1, 10);
  record_.OnHashing("b", 2, 10);
  record_.OnHashing("c", 3, 10);
  EXPECT_THAT(record_.hashing(), SizeIs(3));
  record_.OnHashing("a", 10, 10);
  record_.OnProblem("b", absl::DataLossError("broken"));
  ASSERT_THAT(record_.hashing(), SizeIs(1));
  EXPECT_EQ(record_.hashing()[0].entry, "c");
  EXPECT_EQ(record_.hashing()[0].done_bytes, 3u);
  Publish("c");
  EXPECT_THAT(record_.hashing(), IsEmpty());
  record_.OnHashing("d", 4, 10);
  clock_.Advance(CatalogRecord::kHashingForgotten + absl::Seconds(1));
  EXPECT_THAT(record_.hashing(), IsEmpty());
}

TEST_F(CatalogRecordTest, ProblemsEndOneByOne) {
  record_.OnProblem("", absl::UnavailableError("no watch"));
  record_.OnProblem("", absl::UnavailableError("no cache"));
  record_.OnProblem("a", absl::PermissionDeniedError("may not be read"));
  record_.OnProblemOver("", "no watch");
  record_.OnProblemOver("b", "another");
  EXPECT_THAT(record_.omissions(),
              ElementsAre(Field(&Omission::reason, "no cache"), Field(&Omission::reason, "may not be read")));
  record_.OnProblemOver("a", "may not be read");
  record_.OnProblemOver("", "no cache");
  EXPECT_THAT(record_.omissions(), IsEmpty());
}

TEST_F(CatalogRecordTest, HasWhatIsLeftOutOfPublishedFolders) {
  record_.OnLeftOut("folder", {{"link", "leads outside"}, {"socket", "is no file"}});
  EXPECT_THAT(record_.omissions(),
              ElementsAre(Field(&Omission::path, "link"), Field(&Omission::path, "socket")));
  record_.OnLeftOut("folder", {{"link", "leads outside"}});
  EXPECT_THAT(record_.omissions(), SizeIs(1));
  record_.OnLeftOut("folder", {});
  EXPECT_THAT(record_.omissions(), IsEmpty());
}

}  // namespace
}  // namespace shoal::seeder
