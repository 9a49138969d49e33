#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "services/tracker/state_file/state_format.h"
#include "shoal/content/manifest/checksum.h"

// A state file whose checksums are corrected before it is read: otherwise no input would pass them. The state
// survives a round trip through the writer and the reader.

namespace shoal::tracker {
namespace {

void Store(uint32_t value, size_t at, std::string* to) {
  StoreBig(value, reinterpret_cast<uint8_t*>(to->data()) + at);
}
uint32_t CrcOf(const std::string& bytes, size_t from, size_t size) {
  return Crc32(AsBytes(bytes).subspan(from, size));
}

void MakeChecksumsRight(std::string* bytes) {
  if (bytes->size() < 24) return;
  Store(CrcOf(*bytes, 0, 20), 20, bytes);
  size_t at = 24;
  while (bytes->size() - at >= 8) {
    const uint32_t size = LoadBig<uint32_t>(AsBytes(*bytes).data() + at);
    if (size == 0 && bytes->size() - at >= 16) Store(CrcOf(*bytes, at, 12), at + 12, bytes);
    if (size == 0 || size > bytes->size() - at - 8) return;
    Store(CrcOf(*bytes, at + 8, size), at + 4, bytes);
    at += 8 + size;
  }
}

std::string Rewrite(const std::string& bytes) {
  std::string out;
  StateWriter writer(absl::UnixEpoch(), [&](ByteView part) {
    out.append(reinterpret_cast<const char*>(part.data()), part.size());
    return absl::OkStatus();
  });
  if (!ReadState(AsBytes(bytes), &writer).ok()) return "";
  if (!writer.Finish().ok()) std::abort();
  return out;
}

}  // namespace
}  // namespace shoal::tracker

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace shoal::tracker;  // NOLINT: the names below are all from there
  std::string bytes(reinterpret_cast<const char*>(data), size);
  MakeChecksumsRight(&bytes);
  const std::string first = Rewrite(bytes);
  if (!first.empty() && Rewrite(first) != first) std::abort();
  return 0;
}
