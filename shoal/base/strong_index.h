#pragma once

#include <compare>
#include <cstdint>
#include <utility>

namespace shoal {

// A number that counts one kind of thing and refuses to be mixed with numbers that count another. `Tag` is
// any type name. Converts from and to a plain integer only when asked.
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
