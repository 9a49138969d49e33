#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

namespace shoal::tracker {

// A one-byte clock: peers' lives are counted in ticks of 1/128 of a life, and a stamp is the low byte of the
// tick at which a peer was last heard of. Stamps stay unambiguous as long as lapsed peers are swept within
// another life.
struct PeerClock {
  static constexpr uint32_t kTicksPerLife = 128;

  static bool Lapsed(uint8_t stamp, uint8_t now) {
    return static_cast<uint8_t>(now - stamp) >= kTicksPerLife;
  }
};

// The leechers and seeders of a swarm, or of a part of one, in one allocation: per peer its address and port
// in wire form, a byte to find it by, and a stamp. Leechers come first, so that each kind is contiguous and
// can be copied as it lies. Takes 8 bytes when empty; otherwise 8 for the head, and kPeerBytes + 2 for each
// peer of its capacity, of which about an eighth is spare.
//
// Has no clock: the caller passes stamps. Not thread-safe. `kPeerBytes`: 6 or 18.
template <size_t kPeerBytes>
class PeerBucket {
 public:
  static constexpr uint32_t kNone = ~0u;

  uint32_t leechers() const { return head_ ? head_->leechers : 0; }
  uint32_t seeders() const { return head_ ? head_->seeders : 0; }
  uint32_t size() const { return leechers() + seeders(); }
  bool seeder(uint32_t index) const { return index >= leechers(); }
  const uint8_t* peer(uint32_t index) const { return peers() + size_t{index} * kPeerBytes; }
  uint8_t tag(uint32_t index) const { return tags()[index]; }
  uint8_t stamp(uint32_t index) const { return stamps()[index]; }
  uint8_t age(uint32_t index, uint8_t now) const { return static_cast<uint8_t>(now - stamp(index)); }

  // Returns: the place of `peer`, or kNone. `tag`: any byte that is a function of the peer.
  uint32_t Find(const uint8_t* peer, uint8_t tag) const {
    if (head_ == nullptr) return kNone;
    const uint8_t* const begin = tags();
    const uint8_t* const end = begin + size();
    for (const uint8_t* at = begin; at < end; ++at) {
      at = static_cast<const uint8_t*>(std::memchr(at, tag, static_cast<size_t>(end - at)));
      if (at == nullptr) return kNone;
      const auto index = static_cast<uint32_t>(at - begin);
      if (std::memcmp(this->peer(index), peer, kPeerBytes) == 0) return index;
    }
    return kNone;
  }

  // Prefetches the memory that Find reads first.
  void Prefetch() const {
    const auto* const begin = reinterpret_cast<const char*>(head_.get());
    for (size_t line = 0; line < 3; ++line) __builtin_prefetch(begin + 64 * line);
  }

  // Adds a peer last heard of `age` ticks before `now`. Requires: it is not in the bucket. Returns: its
  // place.
  uint32_t Insert(const uint8_t* peer, uint8_t tag, bool seeder, uint8_t now, uint8_t age) {
    if (head_ == nullptr || size() == head_->capacity) Resize(Grown(size() + 1));
    const auto stamp = static_cast<uint8_t>(now - age);
    if (size() == 0 || age > static_cast<uint8_t>(now - head_->oldest)) head_->oldest = stamp;
    uint32_t index = size();
    if (!seeder) {
      if (head_->seeders > 0) Move(head_->leechers, index);
      index = head_->leechers;
    }
    Put(index, peer, tag, stamp);
    ++(seeder ? head_->seeders : head_->leechers);
    return index;
  }

  void Remove(uint32_t index) {
    RemoveKeepingRoom(index);
    Shrink();
  }

  // Stamps the peer with `now`.
  void Renew(uint32_t index, uint8_t stamp) { stamps()[index] = stamp; }

  // Whether some peer may have lapsed by `now`. Cheap; false is always right.
  bool SweepDue(uint8_t now) const { return size() > 0 && PeerClock::Lapsed(head_->oldest, now); }

  // Removes lapsed peers. Returns: how many of each kind.
  struct Swept {
    uint32_t leechers = 0;
    uint32_t seeders = 0;
  };
  Swept Sweep(uint8_t now) {
    Swept swept;
    uint8_t greatest_age = 0;
    // Backward, so that the peer that fills a gap was already looked at.
    for (uint32_t index = size(); index-- > 0;) {
      const uint8_t age = this->age(index, now);
      if (age >= PeerClock::kTicksPerLife) {
        ++(seeder(index) ? swept.seeders : swept.leechers);
        RemoveKeepingRoom(index);
      } else if (age > greatest_age) {
        greatest_age = age;
      }
    }
    if (size() > 0) head_->oldest = static_cast<uint8_t>(now - greatest_age);
    Shrink();
    return swept;
  }

  // Copies up to `count` peers of one kind, from the `first` of that kind on and around, without `except` (an
  // index, or kNone). Requires: `to` has room for `count`. Returns: how many were copied.
  uint32_t Copy(bool seeders, uint32_t first, uint32_t count, uint32_t except, uint8_t* to) const {
    const uint32_t begin = seeders ? leechers() : 0;
    const uint32_t end = seeders ? size() : leechers();
    const uint32_t all = end - begin;
    if (all == 0) return 0;
    const bool has_except = except >= begin && except < end;
    count = count < all - has_except ? count : all - has_except;
    uint32_t left = count;
    for (uint32_t at = begin + first % all; left > 0;) {
      if (at == end) at = begin;
      if (at == except) {
        ++at;
        continue;
      }
      uint32_t stop = except > at && except < end ? except : end;
      if (stop - at > left) stop = at + left;
      std::memcpy(to, peer(at), size_t{stop - at} * kPeerBytes);
      to += size_t{stop - at} * kPeerBytes;
      left -= stop - at;
      at = stop;
    }
    return count;
  }

 private:
  struct Head {
    uint16_t leechers;
    uint16_t seeders;
    uint16_t capacity;
    uint8_t oldest;  // the oldest stamp, or an older one
    uint8_t unused;
  };
  static_assert(sizeof(Head) == 8);
  struct Free {
    void operator()(Head* head) const { std::free(head); }
  };

  // Makes room for `needed`: in multiples of eight, with an eighth to spare.
  static uint32_t Grown(uint32_t needed) { return needed <= 4 ? 4 : (needed + needed / 8 + 7) / 8 * 8; }

  static size_t BucketBytes(uint32_t capacity) { return sizeof(Head) + size_t{capacity} * (kPeerBytes + 2); }

  uint8_t* body() const { return reinterpret_cast<uint8_t*>(head_.get() + 1); }
  uint8_t* tags() const { return body(); }
  uint8_t* stamps() const { return body() + head_->capacity; }
  uint8_t* peers() const { return body() + size_t{2} * head_->capacity; }

  void Put(uint32_t index, const uint8_t* peer, uint8_t tag, uint8_t stamp) {
    std::memcpy(peers() + size_t{index} * kPeerBytes, peer, kPeerBytes);
    tags()[index] = tag;
    stamps()[index] = stamp;
  }
  void Move(uint32_t from, uint32_t to) {
    if (from != to) Put(to, peer(from), tag(from), stamp(from));
  }

  void RemoveKeepingRoom(uint32_t index) {
    const uint32_t last = size() - 1;
    if (seeder(index)) {
      Move(last, index);
      --head_->seeders;
      return;
    }
    const uint32_t last_leecher = head_->leechers - 1u;
    Move(last_leecher, index);
    Move(last, last_leecher);
    --head_->leechers;
  }

  void Shrink() {
    if (head_ == nullptr) return;
    if (size() == 0) {
      head_.reset();
    } else if (head_->capacity > 8 && size() < head_->capacity / 2) {
      Resize(Grown(size()));
    }
  }

  void Resize(uint32_t capacity) {
    auto* const grown = static_cast<Head*>(std::malloc(BucketBytes(capacity)));
    if (grown == nullptr) std::abort();
    PeerBucket old;
    old.head_ = std::exchange(head_, std::unique_ptr<Head, Free>(grown));
    *head_ = {};
    if (old.head_ != nullptr) *head_ = *old.head_;
    head_->capacity = static_cast<uint16_t>(capacity);
    if (old.head_ == nullptr) return;
    std::memcpy(tags(), old.tags(), old.size());
    std::memcpy(stamps(), old.stamps(), old.size());
    std::memcpy(peers(), old.peers(), size_t{old.size()} * kPeerBytes);
  }

  std::unique_ptr<Head, Free> head_;
};

}  // namespace shoal::tracker
