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

}  // namespace

UploadTurns::UploadTurns(uint32_t parallel) : parallel_(std::max(parallel, 1u)) {}

Uploader UploadTurns::Join() {
  const Uploader uploader(next_++);
  states_.emplace(uploader, State());
  return uploader;
}

bool UploadTurns::Ask(Uploader uploader, uint64_t bytes, absl::Duration now) {
  State& state = states_[uploader];
  if (state.doing != Doing::kNothing) return state.doing == Doing::kSending;
  state.bytes = bytes;
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
    std::erase(sending_, uploader);
    state.slow = IsOvertaken(state);
    sent_bytes_ += state.bytes;
    if (state.bytes > 0) {
      seconds_per_byte_[turns_++ % seconds_per_byte_.size()] =
          absl::ToDoubleSeconds(now - state.began) / static_cast<double>(state.bytes);
    }
    for (size_t i = sending_.size(); i-- > 0;) {
      if (IsOvertaken(states_[sending_[i]])) StopCounting(i);
    }
  }
  state.doing = Doing::kNothing;
  return Grant(now);
}

std::vector<Uploader> UploadTurns::Leave(Uploader uploader, absl::Duration now) {
  std::erase(line_, uploader);
  std::erase(sending_, uploader);
  states_.erase(uploader);
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
    if (now - state.began > patience) StopCounting(i);
  }
  return Grant(now);
}

void UploadTurns::Begin(Uploader uploader, State& state, absl::Duration now) {
  state.doing = Doing::kSending;
  state.bytes_before = sent_bytes_;
  state.began = now;
  if (!state.slow) sending_.push_back(uploader);
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

void UploadTurns::StopCounting(size_t place) {
  states_[sending_[place]].slow = true;
  sending_.erase(sending_.begin() + static_cast<ptrdiff_t>(place));
}

std::vector<Uploader> UploadTurns::Grant(absl::Duration now) {
  std::vector<Uploader> granted;
  while (!line_.empty() && sending_.size() < parallel_) {
    const Uploader next = line_.front();
    line_.pop_front();
    Begin(next, states_[next], now);
    granted.push_back(next);
  }
  return granted;
}

}  // namespace shoal::stream
