#include "clients/leecher/agent/content/content_pages.h"

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "clients/leecher/agent/content/byte_ranges.h"
#include "clients/leecher/agent/content/file_headers.h"
#include "clients/leecher/agent/content/file_stream.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal::leecher {
namespace {

using service::HttpRequest;
using service::HttpResponse;

// A file that is opened by itself may show its media and nothing else.
constexpr char kSandbox[] = "sandbox; default-src 'none'; img-src 'self'; media-src 'self'";
constexpr char kRetrySeconds[] = "1";

HttpResponse Failure(int status, absl::string_view why) {
  HttpResponse response;
  response.status = status;
  response.body = absl::StrCat(why, "\n");
  return response;
}

HttpResponse FailureOf(const absl::Status& status) {
  if (!absl::IsUnavailable(status)) return Failure(404, "there is no such content");
  HttpResponse response = Failure(503, "the content is not known well enough yet");
  response.headers.emplace_back("Retry-After", kRetrySeconds);
  return response;
}

absl::StatusOr<ReadableContent> Find(const ReadableContents& contents, absl::string_view id) {
  // A number of 64 digits is none that a download can have.
  if (id.size() == 2 * ContentId::kSizeBytes) {
    const absl::StatusOr<ContentId> content = ContentId::FromHex(id);
    if (content.ok()) return contents.FindContent(*content);
  }
  uint64_t number = 0;
  const bool is_number = !id.empty() && id.find_first_not_of("0123456789") == absl::string_view::npos;
  if (!is_number || !absl::SimpleAtoi(id, &number)) return absl::NotFoundError("neither a number nor an id");
  return contents.FindDownload(number);
}

std::optional<FileIndex> FindFile(const Manifest& manifest, absl::string_view path) {
  const std::vector<FileEntry>& files = manifest.files();
  const auto found = std::lower_bound(
      files.begin(), files.end(), path,
      [](const FileEntry& file, absl::string_view wanted) { return absl::string_view(file.path) < wanted; });
  if (found == files.end() || found->path != path) return std::nullopt;
  return FileIndex(static_cast<uint32_t>(found - files.begin()));
}

bool WantsToSave(const HttpRequest& request) {
  const auto fields = service::ParseQuery(request.query);
  if (!fields.ok()) return false;
  return std::any_of(fields->begin(), fields->end(),
                     [](const auto& field) { return field.first == "download" && field.second == "1"; });
}

// The ranges that the request asks for, unless they are of another version of the file.
RequestedRanges RangesOf(const HttpRequest& request, absl::string_view tag, uint64_t length_bytes) {
  const std::string& if_range = request.Header("if-range");
  // A date can't match: there is none.
  if (!if_range.empty() && absl::StripAsciiWhitespace(if_range) != tag) return {};
  return RequestedRanges::Parse(request.Header("range"), length_bytes);
}

std::string ContentRange(const ByteRange& range, uint64_t length_bytes) {
  return absl::StrCat("bytes ", range.first, "-", range.first + range.length_bytes - 1, "/", length_bytes);
}

// A line that no file has but by an accident of one in 2^128.
std::string Boundary() {
  std::random_device random;
  std::string boundary;
  for (int word = 0; word < 4; ++word) absl::StrAppend(&boundary, absl::Hex(random(), absl::kZeroPad8));
  return boundary;
}

void SetBody(HttpResponse& response, ReadableContent content, FileIndex file,
             std::vector<FileStream::Section> sections) {
  uint64_t length_bytes = 0;
  for (const FileStream::Section& section : sections) {
    length_bytes += section.text.size() + section.range.length_bytes;
  }
  response.length_bytes = length_bytes;
  response.open_stream = [content = std::move(content), file, sections = std::move(sections)](
                             std::function<void()> wake) -> std::unique_ptr<service::HttpStream> {
    return std::make_unique<FileStream>(content, file, sections, std::move(wake));
  };
}

// Returns whether all of the ranges are held, or may arrive.
bool MayBeSent(const ReadableContent& content, FileIndex file, const std::vector<ByteRange>& ranges) {
  if (content.open_reader != nullptr) return true;
  const ChunkSet held = content.source->Held();
  if (held.full()) return true;
  const Manifest& manifest = *content.source->manifest();
  const uint32_t first = manifest.ChunksOf(file).first.value();
  for (const ByteRange& range : ranges) {
    const uint64_t last = (range.first + range.length_bytes - 1) / manifest.chunk_size_bytes();
    for (uint64_t chunk = range.first / manifest.chunk_size_bytes(); chunk <= last; ++chunk) {
      if (!held.Contains(ChunkIndex(first + static_cast<uint32_t>(chunk)))) return false;
    }
  }
  return true;
}

// RFC 9110, section 14.6.
std::vector<FileStream::Section> Multipart(const std::string& boundary, const std::string& media_type,
                                           const std::vector<ByteRange>& ranges, uint64_t length_bytes) {
  std::vector<FileStream::Section> sections;
  for (const ByteRange& range : ranges) {
    sections.push_back(
        {absl::StrCat(sections.empty() ? "" : "\r\n", "--", boundary, "\r\nContent-Type: ", media_type,
                      "\r\nContent-Range: ", ContentRange(range, length_bytes), "\r\n\r\n"),
         range});
  }
  sections.push_back({absl::StrCat("\r\n--", boundary, "--\r\n"), {}});
  return sections;
}

}  // namespace

HttpResponse ContentPages::Serve(const HttpRequest& request) const {
  absl::string_view rest = request.path;
  const bool is_below = absl::ConsumePrefix(&rest, kPrefix);
  const size_t slash = rest.find('/');
  if (!is_below || slash == absl::string_view::npos) return Failure(404, "there is no such page");
  absl::StatusOr<ReadableContent> content = Find(contents_, rest.substr(0, slash));
  if (!content.ok()) return FailureOf(content.status());
  const Manifest& manifest = *content->source->manifest();
  const std::optional<FileIndex> file = FindFile(manifest, rest.substr(slash + 1));
  if (!file.has_value()) return Failure(404, "the content has no such file");
  const FileEntry& entry = manifest.files()[file->value()];

  const std::string tag = EntityTagOf(manifest, *file);
  HttpResponse response;
  response.headers = {{"ETag", tag},
                      {"Accept-Ranges", "bytes"},
                      {"Content-Security-Policy", kSandbox},
                      {"X-Content-Type-Options", "nosniff"}};
  if (NamesEntityTag(request.Header("if-none-match"), tag)) {
    response.status = 304;
    return response;
  }
  const std::string media_type = MediaTypeOf(entry.path);
  RequestedRanges requested = RangesOf(request, tag, entry.length_bytes);
  if (requested.kind == RequestedRanges::Kind::kUnsatisfiable) {
    response = Failure(416, "the file has no such bytes");
    response.headers = {{"Content-Range", absl::StrCat("bytes */", entry.length_bytes)}};
    return response;
  }
  const bool whole = requested.kind == RequestedRanges::Kind::kWhole;
  if (whole && entry.length_bytes > 0) requested.ranges = {{0, entry.length_bytes}};
  if (!MayBeSent(*content, *file, requested.ranges)) {
    return Failure(409,
                   "not all of this file is here, and no more of it will come: it is skipped, or the "
                   "download has failed");
  }
  response.content_type = media_type;
  if (WantsToSave(request)) response.headers.emplace_back("Content-Disposition", AttachmentOf(entry.path));
  if (whole) {
    if (entry.length_bytes > 0) {
      SetBody(response, *std::move(content), *file, {{"", {0, entry.length_bytes}}});
    }
    return response;
  }
  response.status = 206;
  if (requested.ranges.size() == 1) {
    response.headers.emplace_back("Content-Range", ContentRange(requested.ranges[0], entry.length_bytes));
    SetBody(response, *std::move(content), *file, {{"", requested.ranges[0]}});
    return response;
  }
  const std::string boundary = Boundary();
  response.content_type = absl::StrCat("multipart/byteranges; boundary=", boundary);
  SetBody(response, *std::move(content), *file,
          Multipart(boundary, media_type, requested.ranges, entry.length_bytes));
  return response;
}

}  // namespace shoal::leecher
