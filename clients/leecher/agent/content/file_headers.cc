#include "clients/leecher/agent/content/file_headers.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/checksum.h"

namespace shoal::leecher {
namespace {

constexpr char kPlainText[] = "text/plain; charset=utf-8";
// Bytes of the digest in an entity tag.
constexpr size_t kTagBytes = 16;

// By extension, ascending.
constexpr std::pair<absl::string_view, absl::string_view> kMediaTypes[] = {
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"avi", "video/x-msvideo"},
    {"avif", "image/avif"},
    {"bmp", "image/bmp"},
    {"bz2", "application/x-bzip2"},
    {"c", kPlainText},
    {"cc", kPlainText},
    {"cfg", kPlainText},
    {"conf", kPlainText},
    {"cpp", kPlainText},
    {"css", kPlainText},
    {"csv", kPlainText},
    {"flac", "audio/flac"},
    {"gif", "image/gif"},
    {"go", kPlainText},
    {"gz", "application/gzip"},
    {"h", kPlainText},
    {"htm", kPlainText},
    {"html", kPlainText},
    {"ico", "image/x-icon"},
    {"ini", kPlainText},
    {"iso", "application/x-iso9660-image"},
    {"java", kPlainText},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", kPlainText},
    {"json", kPlainText},
    {"jsonl", kPlainText},
    {"log", kPlainText},
    {"m4a", "audio/mp4"},
    {"m4v", "video/mp4"},
    {"md", kPlainText},
    {"mjs", kPlainText},
    {"mkv", "video/x-matroska"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpeg", "video/mpeg"},
    {"mpg", "video/mpeg"},
    {"oga", "audio/ogg"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"opus", "audio/ogg"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"py", kPlainText},
    {"rs", kPlainText},
    {"rst", kPlainText},
    {"sh", kPlainText},
    {"srt", kPlainText},
    {"svg", kPlainText},
    {"tar", "application/x-tar"},
    {"toml", kPlainText},
    {"tsv", kPlainText},
    {"txt", kPlainText},
    {"vtt", "text/vtt; charset=utf-8"},
    {"wav", "audio/wav"},
    {"weba", "audio/webm"},
    {"webm", "video/webm"},
    {"webp", "image/webp"},
    {"xhtml", kPlainText},
    {"xml", kPlainText},
    {"xz", "application/x-xz"},
    {"yaml", kPlainText},
    {"yml", kPlainText},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};
static_assert(std::is_sorted(std::begin(kMediaTypes), std::end(kMediaTypes)));

absl::string_view NameOf(absl::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

std::string MediaTypeOf(absl::string_view path) {
  const absl::string_view name = NameOf(path);
  const size_t dot = name.rfind('.');
  if (dot != absl::string_view::npos) {
    const std::string extension = absl::AsciiStrToLower(name.substr(dot + 1));
    const auto* const found =
        std::lower_bound(std::begin(kMediaTypes), std::end(kMediaTypes), extension,
                         [](const auto& entry, const std::string& wanted) { return entry.first < wanted; });
    if (found != std::end(kMediaTypes) && found->first == extension) return std::string(found->second);
  }
  return "application/octet-stream";
}

std::string EntityTagOf(const Manifest& manifest, FileIndex file) {
  Sha256 hash;
  const auto [first, end] = manifest.ChunksOf(file);
  for (ChunkIndex chunk = first; chunk < end; ++chunk) hash.Update(manifest.checksums(chunk).sha256);
  const Sha256Digest digest = hash.Finish();
  return absl::StrCat(
      "\"",
      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest.data()), kTagBytes)),
      "\"");
}

bool NamesEntityTag(absl::string_view if_none_match, absl::string_view tag) {
  if (absl::StripAsciiWhitespace(if_none_match) == "*") return true;
  for (absl::string_view each : absl::StrSplit(if_none_match, ',')) {
    each = absl::StripAsciiWhitespace(each);
    absl::ConsumePrefix(&each, "W/");
    if (each == tag) return true;
  }
  return false;
}

std::string AttachmentOf(absl::string_view path) {
  constexpr absl::string_view kAttributeCharacters = "!#$&+-.^_`|~";
  std::string plain;
  std::string encoded;
  for (const char byte : NameOf(path)) {
    const auto value = static_cast<unsigned char>(byte);
    const bool is_plain = absl::ascii_isprint(value) && byte != '"' && byte != '\\' && byte != '%';
    plain += is_plain ? byte : '_';
    if (absl::ascii_isalnum(value) || kAttributeCharacters.find(byte) != absl::string_view::npos) {
      encoded += byte;
    } else {
      absl::StrAppend(&encoded, "%", absl::Hex(value, absl::kZeroPad2));
    }
  }
  return absl::StrCat("attachment; filename=\"", plain, "\"; filename*=UTF-8''", encoded);
}

}  // namespace shoal::leecher
