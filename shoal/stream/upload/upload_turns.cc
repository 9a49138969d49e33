#include "shoal/stream/upload/upload_turns.h"

#include <algorithm>

namespace shoal::stream {
namespace {

// So many times as much on each place of the others makes a turn a slow one. Connections that share a link
// get unequal parts of it for a while, so that less would mean little.
constexpr uint64_t kTimesOvertaken = 4;
// How long a turn may take before it is looked at, at least; and while turns were too few to compare with.
constexpr absl::Duration kMinPatience = absl::Seconds(2);
constexpr absl::Duration kFirstPatience = absl::Seconds(5);
constexpr size_t kTurnsToCompare = 4;
// A source is slow for so long after it was found slow, and its slow turns are counted for so long.
constexpr absl::Duration kSlowSourceTime = absl::Seconds(30);

}  // namespace

UploadTurns::UploadTurns(uint32_t parallel) : parallel_(std::max(parallel, 1u)) {}

Uploader UploadTurns::Join(std::optional<IpAddress> source) {
  const Uploader uploader(next_++);
  State state;
  state.source = source;
  states_.emplace(uploader, state);
  if (source.has_value()) ++sources_[*source].uploaders;
  return uploader;
}

bool UploadTurns::IsSlowSource(const State& state, absl::Duration now) const {
  return state.source.has_value() && now < sources_.at(*state.source).slow_until;
}

void UploadTurns::EndCounting(Uploader uploader, const State& state) {
  if (std::erase(sending_, uploader) > 0 && state.source.has_value()) --sources_.at(*state.source).sending;
}

bool UploadTurns::Ask(Uploader uploader, uint64_t bytes, absl::Duration now) {
  State& state = states_[uploader];
  if (state.doing != Doing::kNothing) return state.doing == Doing::kSending;
  state.bytes = bytes;
  if (IsSlowSource(state, now)) state.slow = true;
  if (!state.slow && sending_.size() >= parallel_) {
    state.doing = Doing::kWaiting;
    line_.push_back(uploader);
    return false;
  }
  Begin(uploader, state, now);
  return true;
}

std::vector<Uploader> UploadTurns::Done(Uploader uploader, absl::Duration now) {
  State& state = states_[uploader];
  if (state.doing == Doing::kWaiting) {
    std::erase(line_, uploader);
  } else if (state.doing == Doing::kSending) {
    EndCounting(uploader, state);
    state.slow = IsOvertaken(state);
    sent_bytes_ += state.bytes;
    if (state.bytes > 0) {
      seconds_per_byte_[turns_++ % seconds_per_byte_.size()] =
          absl::ToDoubleSeconds(now - state.began) / static_cast<double>(state.bytes);
    }
    for (size_t i = sending_.size(); i-- > 0;) {
      if (IsOvertaken(states_[sending_[i]])) StopCounting(i, now);
    }
  }
  state.doing = Doing::kNothing;
  return Grant(now);
}

std::vector<Uploader> UploadTurns::Leave(Uploader uploader, absl::Duration now) {
  std::erase(line_, uploader);
  const auto left = states_.find(uploader);
  EndCounting(uploader, left->second);
  if (const std::optional<IpAddress> source = left->second.source; source.has_value()) {
    if (--sources_.at(*source).uploaders == 0) sources_.erase(*source);
  }
  states_.erase(left);
  return Grant(now);
}

std::vector<Uploader> UploadTurns::Look(absl::Duration now) {
  if (line_.empty()) return {};
  const double typical = TypicalSecondsPerByte();
  for (size_t i = sending_.size(); i-- > 0;) {
    const State& state = states_[sending_[i]];
    // Turns of late may have had the link to themselves, which in the worst case goes `parallel` times slower
    // now.
    const absl::Duration patience =
        turns_ < kTurnsToCompare
            ? kFirstPatience
            : std::max(kMinPatience,
                       absl::Seconds(2.0 * parallel_ * typical * static_cast<double>(state.bytes)));
    if (now - state.began > patience) StopCounting(i, now);
  }
  return Grant(now);
}

void UploadTurns::Begin(Uploader uploader, State& state, absl::Duration now) {
  state.doing = Doing::kSending;
  state.bytes_before = sent_bytes_;
  state.began = now;
  if (state.slow) return;
  sending_.push_back(uploader);
  if (state.source.has_value()) ++sources_.at(*state.source).sending;
}

bool UploadTurns::IsOvertaken(const State& state) const {
  return parallel_ > 1 && sent_bytes_ - state.bytes_before >= kTimesOvertaken * (parallel_ - 1) * state.bytes;
}

double UploadTurns::TypicalSecondsPerByte() const {
  std::array<double, 16> sorted = seconds_per_byte_;
  const auto end = sorted.begin() + static_cast<ptrdiff_t>(std::min(turns_, sorted.size()));
  if (end == sorted.begin()) return 0;
  const auto median = sorted.begin() + (end - sorted.begin()) / 2;
  std::nth_element(sorted.begin(), median, end);
  return *median;
}

void UploadTurns::StopCounting(size_t place, absl::Duration now) {
  const Uploader uploader = sending_[place];
  State& state = states_[uploader];
  state.slow = true;
  EndCounting(uploader, state);
  if (!state.source.has_value()) return;
  Source& source = sources_.at(*state.source);
  if (now - source.slow_since > kSlowSourceTime) source.slow = 0;
  if (source.slow++ == 0) source.slow_since = now;
  if (parallel_ > 1 && source.slow >= parallel_ / 2) source.slow_until = now + kSlowSourceTime;
}

std::vector<Uploader> UploadTurns::Grant(absl::Duration now) {
  std::vector<Uploader> granted;
  // Those of a slow source take no turns of others.
  std::erase_if(line_, [&](Uploader uploader) {
    State& state = states_[uploader];
    if (!IsSlowSource(state, now)) return false;
    state.slow = true;
    Begin(uploader, state, now);
    granted.push_back(uploader);
    return true;
  });
  while (!line_.empty() && sending_.size() < parallel_) {
    const auto sending_to = [&](Uploader uploader) {
      const State& state = states_.at(uploader);
      return state.source.has_value() ? sources_.at(*state.source).sending : 0;
    };
    auto next = line_.begin();
    uint32_t fewest = sending_to(*next);
    for (auto other = next; other != line_.end() && fewest > 0; ++other) {
      if (const uint32_t sending = sending_to(*other); sending < fewest) {
        next = other;
        fewest = sending;
      }
    }
    const Uploader uploader = *next;
    line_.erase(next);
    Begin(uploader, states_[uploader], now);
    granted.push_back(uploader);
  }
  return granted;
}

}  // namespace shoal::stream
