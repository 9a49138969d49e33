#include "shoal/base/code_point.h"

#include <tuple>

#include <gtest/gtest.h>

namespace shoal {
namespace {

TEST(CodePoint, DecodesEachLength) {
  for (const auto& [text, value, bytes] : {std::tuple<absl::string_view, uint32_t, size_t>{"ab", 'a', 1},
                                           {"\u00fcx", 0xfc, 2},
                                           {"\u20ac", 0x20ac, 3},
                                           {"\U0001f600", 0x1f600, 4}}) {
    EXPECT_EQ(CodePoint::At(text).value, value);
    EXPECT_EQ(CodePoint::At(text).bytes, bytes);
  }
}

TEST(CodePoint, RefusesWhatIsNoUtf8) {
  for (const absl::string_view text :
       {"\xff", "\x80", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"})
    EXPECT_EQ(CodePoint::At(text).bytes, 0u) << text;
}

TEST(CodePoint, KnowsWhatMisleads) {
  for (const absl::string_view text :
       {"\n", "\x1b", "\x7f", "\u009b", "\u202e", "\u2066", "\u200b", "\u2028"})
    EXPECT_TRUE(CodePoint::At(text).is_harmful()) << text;
  for (const absl::string_view text : {"a", " ", "\u00fc", "\u6587", "\U0001f600", "\u200d"})
    EXPECT_FALSE(CodePoint::At(text).is_harmful()) << text;
}

}  // namespace
}  // namespace shoal
