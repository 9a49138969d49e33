#include "services/tracker/tables/peer_selection.h"

#include <algorithm>
#include <utility>

namespace shoal::tracker {
namespace {

// More are looked at than wanted, to have a choice and to make up for lapsed ones.
constexpr uint32_t LookAt(uint32_t wanted) {
  return 2 * wanted + 8;
}

void Shuffle(PeerChoice* choice, RandomSource* random) {
  for (size_t i = choice->size(); i > 1; --i) {
    std::swap((*choice)[i - 1], (*choice)[random->Below(static_cast<uint32_t>(i))]);
  }
}

// Alternates: three of `near`, then one of `far`; then the rest of the longer one.
void AppendInTurn(const PeerChoice& near, const PeerChoice& far, PeerChoice* to) {
  size_t next_near = 0;
  size_t next_far = 0;
  while (next_near < near.size() || next_far < far.size()) {
    const bool turn_of_far = (next_near + next_far) % 4 == 3;
    if (next_far < far.size() && (turn_of_far || next_near == near.size())) {
      to->push_back(far[next_far++]);
    } else {
      to->push_back(near[next_near++]);
    }
  }
}

// Returns: up to LookAt(wanted) fit peers of one list; those with free slots first, near ones before others,
// each group in random order.
PeerChoice Sample(bool complete, uint32_t count, uint32_t wanted,
                  absl::FunctionRef<Candidate(PeerPlace)> look, RandomSource* random) {
  PeerChoice free;
  PeerChoice free_near;
  PeerChoice busy;
  PeerChoice busy_near;
  const uint32_t stretches = std::min(count, LookAt(wanted));
  for (uint64_t i = 0; i < stretches; ++i) {
    const auto begin = static_cast<uint32_t>(i * count / stretches);
    const auto end = static_cast<uint32_t>((i + 1) * count / stretches);
    const PeerPlace place{complete, begin + random->Below(end - begin)};
    switch (look(place)) {
      case Candidate::kUnfit:
        break;
      case Candidate::kBusy:
        busy.push_back(place);
        break;
      case Candidate::kFree:
        free.push_back(place);
        break;
      case Candidate::kBusyNear:
        busy_near.push_back(place);
        break;
      case Candidate::kFreeNear:
        free_near.push_back(place);
        break;
    }
  }
  for (PeerChoice* group : {&free, &free_near, &busy, &busy_near}) Shuffle(group, random);
  PeerChoice sample;
  AppendInTurn(free_near, free, &sample);
  AppendInTurn(busy_near, busy, &sample);
  return sample;
}

}  // namespace

uint32_t CompleteShare(uint32_t wanted, uint32_t available_complete, uint32_t available_partial,
                       uint32_t complete, uint32_t partial) {
  if (wanted == 0) return 0;
  const uint64_t all = uint64_t{complete} + partial;
  const uint32_t proportion =
      all == 0 ? 0 : static_cast<uint32_t>((uint64_t{wanted} * complete + all / 2) / all);
  const uint32_t quarter = (wanted + 3) / 4;
  const uint32_t most_complete = wanted - std::min({available_partial, quarter, wanted - 1});
  const uint32_t take =
      std::min(available_complete, std::clamp(proportion, std::min(quarter, most_complete), most_complete));
  const uint32_t take_partial = std::min(available_partial, wanted - take);
  return std::min(available_complete, wanted - take_partial);
}

PeerChoice SelectPeers(uint32_t complete_count, uint32_t partial_count, uint32_t wanted,
                       absl::FunctionRef<Candidate(PeerPlace)> look, RandomSource* random) {
  if (wanted == 0) return {};
  PeerChoice choice = Sample(true, complete_count, wanted, look, random);
  const PeerChoice partial = Sample(false, partial_count, wanted, look, random);

  const auto found_complete = static_cast<uint32_t>(choice.size());
  const auto found_partial = static_cast<uint32_t>(partial.size());
  choice.resize(CompleteShare(wanted, found_complete, found_partial, complete_count, partial_count));
  const uint32_t take_partial = std::min(found_partial, wanted - static_cast<uint32_t>(choice.size()));
  choice.insert(choice.end(), partial.begin(), partial.begin() + take_partial);
  Shuffle(&choice, random);
  return choice;
}

}  // namespace shoal::tracker
