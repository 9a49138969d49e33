// The whole journal of an agent: what of it can be read makes the same state alone, and the state is written
// down in a form that makes it again.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "clients/leecher/agent/agent_journal.h"
#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/checksum.h"

namespace shoal::leecher {
namespace {

constexpr size_t kHeadBytes = 12;
constexpr size_t kFrameBytes = 8;

void Require(bool holds) {
  if (!holds) std::abort();
}

void Check(const std::string& bytes) {
  AgentState state;
  const auto extent = DecodeAgentJournal(AsBytes(bytes), &state);
  if (!extent.ok()) return;
  Require(extent->whole_bytes <= bytes.size());
  AgentState of_whole;
  const auto whole = DecodeAgentJournal(AsBytes(bytes).first(extent->whole_bytes), &of_whole);
  Require(whole.ok() && whole->whole_bytes == extent->whole_bytes && !whole->damaged);
  const std::string encoded = EncodeAgentJournal(state);
  Require(EncodeAgentJournal(of_whole) == encoded);
  AgentState again;
  const auto all = DecodeAgentJournal(AsBytes(encoded), &again);
  Require(all.ok() && all->whole_bytes == encoded.size());
  Require(EncodeAgentJournal(again) == encoded);
}

// Makes the checksums right, which reject nearly all wrong bytes before the decoder sees them.
void Mend(std::string* bytes) {
  auto* const data = reinterpret_cast<uint8_t*>(bytes->data());
  for (size_t at = kHeadBytes; at + kFrameBytes <= bytes->size();) {
    const size_t size = LoadBig<uint32_t>(data + at);
    const ByteView rest = AsBytes(*bytes).subspan(at + kFrameBytes);
    if (size > rest.size()) return;
    StoreBig(Crc32(rest.first(size)), data + at + 4);
    at += kFrameBytes + size;
  }
}

}  // namespace
}  // namespace shoal::leecher

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(data, data + size);
  shoal::leecher::Check(bytes);
  shoal::leecher::Mend(&bytes);
  shoal::leecher::Check(bytes);
  return 0;
}
