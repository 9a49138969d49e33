#include "shoal/stream/wire/manifest_assembly.h"

#include <gtest/gtest.h>

#include "shoal/stream/wire/frame.h"

namespace shoal::stream {
namespace {

const std::string kWholeSlice(kManifestSliceBytes, 's');

TEST(ManifestAssemblyTest, RequestsAFewSlicesAtATime) {
  ManifestAssembly assembly(6 * kManifestSliceBytes + 10);
  auto request = assembly.NextRequest();
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->first_slice, 0);
  EXPECT_EQ(request->slice_count, 4);
  EXPECT_FALSE(assembly.NextRequest().has_value());
  for (uint32_t slice = 0; slice < 6; ++slice) {
    ASSERT_TRUE(assembly.Add(slice, AsBytes(kWholeSlice)).ok()) << slice;
    EXPECT_FALSE(assembly.whole());
    request = assembly.NextRequest();
    EXPECT_EQ(request.has_value(), slice < 3) << slice;
  }
  ASSERT_TRUE(assembly.Add(6, AsBytes(std::string(10, 'e'))).ok());
  EXPECT_TRUE(assembly.whole());
  EXPECT_EQ(assembly.Take().size(), 6 * kManifestSliceBytes + 10);
}

TEST(ManifestAssemblyTest, RefusesSlicesThatDoNotFit) {
  ManifestAssembly assembly(2 * kManifestSliceBytes);
  EXPECT_FALSE(assembly.Add(0, AsBytes(kWholeSlice)).ok());  // not requested yet
  assembly.NextRequest();
  EXPECT_FALSE(assembly.Add(1, AsBytes(kWholeSlice)).ok());
  EXPECT_FALSE(assembly.Add(0, AsBytes(std::string(10, 'x'))).ok());
  EXPECT_TRUE(assembly.Add(0, AsBytes(kWholeSlice)).ok());
  EXPECT_FALSE(assembly.Add(0, AsBytes(kWholeSlice)).ok());
  EXPECT_TRUE(assembly.Add(1, AsBytes(kWholeSlice)).ok());
  EXPECT_TRUE(assembly.whole());
  EXPECT_FALSE(assembly.Add(2, AsBytes(kWholeSlice)).ok());
}

TEST(ManifestAssemblyTest, OneShortSlice) {
  ManifestAssembly assembly(1);
  EXPECT_EQ(assembly.NextRequest()->slice_count, 1);
  EXPECT_TRUE(assembly.Add(0, AsBytes(std::string("x"))).ok());
  EXPECT_EQ(assembly.Take(), "x");
}

}  // namespace
}  // namespace shoal::stream
