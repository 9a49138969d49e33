#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "clients/leecher/download/model/download_reader.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/service/http/http_server.h"

namespace shoal::leecher {

// A content whose files can be read, all of it or what is held so far.
struct ReadableContent {
  // With its manifest. Required.
  std::shared_ptr<const ChunkSource> source;
  // See Download::OpenReader, also for its errors. Null when no chunk arrives any more. Called on the thread
  // of the HTTP server, as long as a response lasts.
  std::function<absl::StatusOr<std::unique_ptr<DownloadReader>>(ChunkRange chunks,
                                                                std::function<void()> wake)>
      open_reader;
  // Held until the response ends, so that the content is not removed meanwhile. May be null.
  std::shared_ptr<const void> in_use;
};

// The contents of this process, for ContentPages. Called on the thread of the HTTP server; must not block.
//
// Errors of both: NOT_FOUND: there is none. UNAVAILABLE: it is there, and its files are not known yet; the
// caller retries in a second.
class ReadableContents {
 public:
  virtual ~ReadableContents() = default;
  virtual absl::StatusOr<ReadableContent> FindDownload(uint64_t id) const = 0;
  virtual absl::StatusOr<ReadableContent> FindContent(const ContentId& id) const = 0;
};

// Serves the files of contents while they are downloaded: GET /content/ID/PATH, where ID is the number of a
// download or the 64 hex digits of a content id, and PATH is looked up in the manifest, never on the disk.
//
//   - Range (one, or up to 16 as multipart/byteranges), If-Range, If-None-Match and HEAD as in RFC 9110; the
//     entity tag is strong and comes from the hashes of the chunks.
//   - What is held is sent from the page cache. A chunk that is not held is waited for, and requested before
//     others (DownloadReader). A download that ends without it breaks the connection before Content-Length: a
//     client never gets wrong bytes, nor too few that look like all.
//   - `?download=1` asks the browser to save the file.
//   - Nothing that is served runs in the page's origin: see MediaTypeOf; the responses are sandboxed besides.
//
// Statuses: 200, 206, 304, 404, 416; 409 for bytes that are not here and will not come; 503 with Retry-After
// while the manifest is not there.
//
// Thread safety: immutable; the handler and its streams run on the thread of the HTTP server.
class ContentPages {
 public:
  static constexpr char kPrefix[] = "/content/";

  // `contents` must outlive this and all responses.
  explicit ContentPages(const ReadableContents& contents) : contents_(contents) {}

  // The handler of the route kPrefix.
  service::HttpResponse Serve(const service::HttpRequest& request) const;

 private:
  const ReadableContents& contents_;
};

}  // namespace shoal::leecher
