#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal::leecher {

// What HTTP headers say about a file of a content. All pure.

// The media type by the extension of the file. What browsers would run or render with scripts (HTML, SVG,
// XML, scripts, style sheets) and all other text is plain text, so that nothing from outside acts in the
// page's origin; what is not known is application/octet-stream.
std::string MediaTypeOf(absl::string_view path);

// A strong entity tag, quotes included: equal for files of equal bytes and chunk size, from whatever content.
// Linear in the chunks of the file.
std::string EntityTagOf(const Manifest& manifest, FileIndex file);

// Whether If-None-Match, a list of tags or "*", names `tag`; weak tags count (RFC 9110, section 13.1.2).
bool NamesEntityTag(absl::string_view if_none_match, absl::string_view tag);

// The value of Content-Disposition that saves the file under its own name, whatever bytes that has (RFC
// 6266).
std::string AttachmentOf(absl::string_view path);

}  // namespace shoal::leecher
