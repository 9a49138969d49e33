#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clients/leecher/agent/content/byte_ranges.h"
#include "clients/leecher/agent/content/content_pages.h"
#include "clients/leecher/download/model/download_reader.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/service/http/http_server.h"

namespace shoal::leecher {

// Ranges of one file as the body of a response, with text between them. A chunk that is not held is waited
// for; the stream ends early when it will not arrive. One thread; `wake` is called from others.
class FileStream final : public service::HttpStream {
 public:
  struct Section {
    std::string text;  // sent before the range
    ByteRange range;   // may be empty
  };

  // Requires: the ranges are within the file.
  FileStream(ReadableContent content, FileIndex file, std::vector<Section> sections,
             std::function<void()> wake);

  Next Take() override;

 private:
  // Says that the chunks from `chunk` to the end of the range are needed.
  void Need(ChunkIndex chunk);

  const ReadableContent content_;
  const ChunkIndex first_chunk_;  // of the file
  const std::vector<Section> sections_;
  const std::function<void()> wake_;
  size_t section_ = 0;
  bool text_sent_ = false;
  uint64_t sent_bytes_ = 0;                 // of the section's range
  std::unique_ptr<DownloadReader> reader_;  // of the section; null: nothing is waited for
  std::optional<ChunkIndex> needed_;        // what the reader was told last
};

}  // namespace shoal::leecher
