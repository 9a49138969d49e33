#pragma once

#include <compare>
#include <cstdint>
#include <utility>

namespace shoal {

// An integer that indexes one kind of thing and does not convert to the index of another kind. `Tag`, any
// type name, tells the kinds apart:
//   using ChunkIndex = StrongIndex<struct ChunkIndexTag, uint32_t>;
// Conversions from and to the plain integer are explicit. Ordered, hashable, as cheap as the integer.
template <typename Tag, typename Integer>
class StrongIndex {
 public:
  using value_type = Integer;

  constexpr StrongIndex() = default;
  constexpr explicit StrongIndex(Integer value) : value_(value) {}

  constexpr Integer value() const { return value_; }
  constexpr StrongIndex& operator++() {
    ++value_;
    return *this;
  }

  friend constexpr auto operator<=>(StrongIndex, StrongIndex) = default;

  template <typename H>
  friend H AbslHashValue(H h, StrongIndex index) {
    return H::combine(std::move(h), index.value_);
  }

 private:
  Integer value_ = 0;
};

}  // namespace shoal
