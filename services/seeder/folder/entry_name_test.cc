#include "services/seeder/folder/entry_name.h"

#include <string>

#include <gtest/gtest.h>

namespace shoal::seeder {
namespace {

TEST(EntryName, PlainNamesAreOffered) {
  EXPECT_TRUE(IsOfferedName("model.bin"));
  EXPECT_TRUE(IsOfferedName("a"));
  EXPECT_TRUE(IsOfferedName("shoal"));
  EXPECT_TRUE(IsOfferedName("notes.shoal.txt"));
  EXPECT_TRUE(IsOfferedName("Übersicht 漢字 🐟"));
  EXPECT_TRUE(IsOfferedName(std::string(255, 'n')));
}

TEST(EntryName, HiddenMetadataAndTemporaryNamesAreLeftOut) {
  EXPECT_FALSE(IsOfferedName(""));
  EXPECT_FALSE(IsOfferedName("."));
  EXPECT_FALSE(IsOfferedName(".."));
  EXPECT_FALSE(IsOfferedName(".hidden"));
  EXPECT_FALSE(IsOfferedName("model.bin.shoal"));
  EXPECT_FALSE(IsOfferedName("model.bin.0123456789ab.shoal-tmp"));
  EXPECT_FALSE(IsOfferedName("model.bin.0123456789ab.shoal-progress"));
}

}  // namespace
}  // namespace shoal::seeder
