// A change in an agent's journal: every decoded one has exactly these bytes as its only encoding, and
// applying it twice is applying it once.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "clients/leecher/agent/agent_journal.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto change = shoal::leecher::DecodeChange(shoal::ByteView(data, size));
  if (!change.ok()) return 0;
  if (shoal::leecher::EncodeChange(*change) != std::string(data, data + size)) std::abort();
  shoal::leecher::AgentState state;
  shoal::leecher::Apply(*change, &state);
  const size_t downloads = state.downloads.size();
  const size_t rules = state.follows.size();
  shoal::leecher::Apply(*change, &state);
  if (state.downloads.size() != downloads || state.follows.size() != rules) std::abort();
  return 0;
}
