#include "shoal/content/manifest/chunk_set.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace shoal {
namespace {

// The first byte is the encoding of the rest (docs/wire_format.md, "Chunk set").
constexpr uint8_t kEmptyForm = 0;
constexpr uint8_t kFullForm = 1;
constexpr uint8_t kRunsForm = 2;
constexpr uint8_t kBitmapForm = 3;

constexpr size_t kMaxVarintBytes = 5;

void AppendVarint(uint32_t value, std::string* to) {
  for (; value >= 0x80; value >>= 7) to->push_back(static_cast<char>(value | 0x80));
  to->push_back(static_cast<char>(value));
}

// Reads a number of 32 bits from the front of `bytes` and removes it. Returns: nothing if it is truncated,
// too large or overlong.
std::optional<uint32_t> TakeVarint(ByteView* bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < std::min(kMaxVarintBytes, bytes->size()); ++i) {
    const uint8_t byte = (*bytes)[i];
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) != 0) continue;
    if (value > UINT32_MAX || (byte == 0 && i > 0)) return std::nullopt;
    *bytes = bytes->subspan(i + 1);
    return static_cast<uint32_t>(value);
  }
  return std::nullopt;
}

// Returns: the mask of `count` bits from `first` on within one word.
uint64_t Mask(uint32_t first, uint32_t count) {
  return (count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1) << first;
}

// Calls visit(first, end) for each run of ones in the bitmap, in ascending order.
template <typename Visit>
void VisitRuns(const std::vector<uint64_t>& words, uint32_t size, const Visit& visit) {
  // The next bit at or after `from` that is (or is not) set, or size.
  const auto next = [&](uint32_t from, bool set) -> uint32_t {
    while (from < size) {
      const uint64_t word = (set ? words[from / 64] : ~words[from / 64]) >> (from % 64);
      if (word != 0) return std::min<uint32_t>(from + static_cast<uint32_t>(std::countr_zero(word)), size);
      from = (from / 64 + 1) * 64;
    }
    return size;
  };
  for (uint32_t first = next(0, true); first < size;) {
    const uint32_t end = next(first, false);
    visit(first, end);
    first = next(end, true);
  }
}

}  // namespace

ChunkSet ChunkSet::All(uint32_t size) {
  ChunkSet set(size);
  std::fill(set.words_.begin(), set.words_.end(), ~uint64_t{0});
  if (size % 64 != 0) set.words_.back() = Mask(0, size % 64);
  set.count_ = size;
  return set;
}

bool ChunkSet::Insert(ChunkIndex index) {
  uint64_t& word = words_[index.value() / 64];
  const uint64_t bit = Mask(index.value() % 64, 1);
  if ((word & bit) != 0) return false;
  word |= bit;
  ++count_;
  return true;
}

bool ChunkSet::Erase(ChunkIndex index) {
  uint64_t& word = words_[index.value() / 64];
  const uint64_t bit = Mask(index.value() % 64, 1);
  if ((word & bit) == 0) return false;
  word &= ~bit;
  --count_;
  return true;
}

void ChunkSet::KeepOnly(const ChunkSet& other) {
  for (size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
  Recount();
}

void ChunkSet::Add(const ChunkSet& other) {
  for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  Recount();
}

void ChunkSet::Remove(const ChunkSet& other) {
  for (size_t i = 0; i < words_.size(); ++i) words_[i] &= ~other.words_[i];
  Recount();
}

void ChunkSet::Recount() {
  count_ = 0;
  for (const uint64_t word : words_) count_ += static_cast<uint32_t>(std::popcount(word));
}

std::vector<ChunkRange> ChunkSet::Ranges() const {
  std::vector<ChunkRange> ranges;
  VisitRuns(words_, size_,
            [&](uint32_t first, uint32_t end) { ranges.push_back({ChunkIndex(first), end - first}); });
  return ranges;
}

void ChunkSet::ForEach(const std::function<void(ChunkIndex)>& visit) const {
  for (size_t i = 0; i < words_.size(); ++i) {
    for (uint64_t word = words_[i]; word != 0; word &= word - 1) {
      visit(ChunkIndex(static_cast<uint32_t>(i * 64) + static_cast<uint32_t>(std::countr_zero(word))));
    }
  }
}

absl::Status ChunkSet::InsertRanges(const std::vector<ChunkRange>& ranges) {
  for (const ChunkRange& range : ranges) {
    if (range.first.value() > size_ || range.count > size_ - range.first.value()) {
      return absl::OutOfRangeError(absl::StrCat("chunks ", range.first.value(), " + ", range.count,
                                                " reach past the content's ", size_));
    }
  }
  for (const ChunkRange& range : ranges) {
    const uint64_t end = uint64_t{range.first.value()} + range.count;
    for (uint64_t at = range.first.value(); at < end;) {
      const uint32_t bit = at % 64;
      const uint32_t taken = static_cast<uint32_t>(std::min<uint64_t>(64 - bit, end - at));
      uint64_t& word = words_[at / 64];
      const uint64_t fresh = Mask(bit, taken) & ~word;
      word |= fresh;
      count_ += static_cast<uint32_t>(std::popcount(fresh));
      at += taken;
    }
  }
  return absl::OkStatus();
}

std::string ChunkSet::Encode() const {
  if (empty()) return std::string(1, static_cast<char>(kEmptyForm));
  if (full()) return std::string(1, static_cast<char>(kFullForm));
  const size_t bitmap_bytes = (size_t{size_} + 7) / 8;
  std::string runs(1, static_cast<char>(kRunsForm));
  uint32_t previous_end = 0;
  bool runs_are_shorter = true;
  VisitRuns(words_, size_, [&](uint32_t first, uint32_t end) {
    if (!runs_are_shorter) return;
    AppendVarint(first - previous_end, &runs);
    AppendVarint(end - first, &runs);
    previous_end = end;
    runs_are_shorter = runs.size() <= 1 + bitmap_bytes;
  });
  if (runs_are_shorter) return runs;

  std::string bitmap(1 + bitmap_bytes, '\0');
  bitmap[0] = static_cast<char>(kBitmapForm);
  for (size_t i = 0; i < bitmap_bytes; ++i) {
    bitmap[1 + i] = static_cast<char>(words_[i / 8] >> (8 * (i % 8)));
  }
  return bitmap;
}

absl::StatusOr<ChunkSet> ChunkSet::Decode(uint32_t size, ByteView bytes) {
  const auto wrong = [&](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("no set of ", size, " chunks: ", why));
  };
  if (bytes.empty()) return ChunkSet(size);
  const uint8_t form = bytes.front();
  bytes = bytes.subspan(1);
  switch (form) {
    case kEmptyForm:
    case kFullForm:
      if (!bytes.empty()) return wrong("bytes after its end");
      return form == kFullForm ? All(size) : ChunkSet(size);
    case kRunsForm: {
      ChunkSet set(size);
      std::vector<ChunkRange> one(1);
      uint64_t end = 0;
      for (bool first = true; !bytes.empty(); first = false) {
        const std::optional<uint32_t> gap = TakeVarint(&bytes);
        const std::optional<uint32_t> count = TakeVarint(&bytes);
        if (!gap || !count) return wrong("a number that is cut off or badly written");
        if (*count == 0 || (*gap == 0 && !first)) return wrong("an empty run or gap");
        if (end + *gap + *count > size) return wrong("a run that reaches past its end");
        one[0] = {ChunkIndex(static_cast<uint32_t>(end + *gap)), *count};
        if (const absl::Status status = set.InsertRanges(one); !status.ok()) return status;
        end += uint64_t{*gap} + *count;
      }
      return set;
    }
    case kBitmapForm: {
      if (bytes.size() != (size_t{size} + 7) / 8) return wrong("a bitmap of another length");
      if (size % 8 != 0 && (bytes.back() >> (size % 8)) != 0) return wrong("bits past its end");
      ChunkSet set(size);
      for (size_t i = 0; i < bytes.size(); ++i) {
        set.words_[i / 8] |= uint64_t{bytes[i]} << (8 * (i % 8));
        set.count_ += static_cast<uint32_t>(std::popcount(bytes[i]));
      }
      return set;
    }
    default:
      return wrong("an unknown form");
  }
}

}  // namespace shoal
