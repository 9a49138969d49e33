#include "shoal/content/store/download_names.h"

#include <gtest/gtest.h>

#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

TEST(DownloadNames, CarryTheNameAndTheId) {
  const SampleContent sample = SampleContent::OfFile("model.bin", SampleBytes(10, 1));
  const DownloadNames names(*sample.manifest());
  const std::string stem = ".model.bin." + sample.manifest()->id().ShortHex();
  EXPECT_EQ(names.data, stem + ".shoal-tmp");
  EXPECT_EQ(names.journal, stem + ".shoal-progress");
}

TEST(DownloadNames, AreCutBetweenTwoCharacters) {
  std::string name;
  while (name.size() < 250) name += "\xc3\xa9";  // two bytes each
  for (const std::string& long_name : {name, "x" + name}) {
    const SampleContent sample = SampleContent::OfFile(long_name, SampleBytes(10, 1));
    const DownloadNames names(*sample.manifest());
    EXPECT_LE(names.journal.size() + std::string(".new").size(), 255u);
    const size_t end = names.journal.rfind("." + sample.manifest()->id().ShortHex());
    ASSERT_NE(end, std::string::npos);
    const std::string kept = names.journal.substr(1, end - 1);
    EXPECT_EQ(kept, long_name.substr(0, kept.size()));
    EXPECT_EQ((kept.size() - (long_name[0] == 'x' ? 1 : 0)) % 2, 0u);
    EXPECT_GT(kept.size(), 200u);
  }
}

}  // namespace
}  // namespace shoal
