#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "shoal/content/manifest/checksum.h"
#include "shoal/content/store/chunk_journal.h"

namespace {

constexpr size_t kHeaderBytes = 72;

void Require(bool holds) {
  if (!holds) std::abort();
}

// Every decoded journal survives a round trip, and never claims more than one chunk a record.
void Check(shoal::ByteView input) {
  const absl::StatusOr<shoal::JournalContents> contents = shoal::DecodeJournal(input);
  if (!contents.ok()) return;
  Require(contents->noted.size() == contents->header.chunk_count);
  Require(contents->noted.count() <= (input.size() - kHeaderBytes) / 8);
  const std::string encoded = shoal::EncodeJournal(contents->header, contents->noted);
  const absl::StatusOr<shoal::JournalContents> again = shoal::DecodeJournal(shoal::AsBytes(encoded));
  Require(again.ok() && again->header == contents->header && again->noted == contents->noted);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Check({data, size});
  // Once more with the header's checksum put right, so that the decoder gets to see headers that are wrong
  // otherwise.
  if (size >= kHeaderBytes) {
    std::string mended(data, data + size);
    const shoal::ByteView covered = shoal::AsBytes(mended).first(kHeaderBytes - 4);
    shoal::StoreBig(shoal::Crc32(covered), reinterpret_cast<uint8_t*>(mended.data()) + kHeaderBytes - 4);
    Check(shoal::AsBytes(mended));
  }
  return 0;
}
