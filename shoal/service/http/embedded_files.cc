#include "shoal/service/http/embedded_files.h"

#include <openssl/sha.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "shoal/service/http/request_guard.h"

namespace shoal::service {
namespace {

std::string TypeOf(absl::string_view path) {
  static constexpr struct {
    const char* ending;
    const char* type;
  } kTypes[] = {{".html", "text/html; charset=utf-8"},
                {".css", "text/css; charset=utf-8"},
                {".js", "text/javascript; charset=utf-8"},
                {".svg", "image/svg+xml"},
                {".png", "image/png"}};
  for (const auto& known : kTypes) {
    if (absl::EndsWith(path, known.ending)) return known.type;
  }
  return "application/octet-stream";
}

std::string TagOf(const EmbeddedFile& file) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(file.bytes, file.length_bytes, reinterpret_cast<unsigned char*>(digest.data()));
  return absl::StrCat("\"", absl::BytesToHexString(digest.substr(0, 12)), "\"");
}

}  // namespace

HttpServer::Routes FileRoutes(const std::vector<EmbeddedFile>& files, const std::string& prefix) {
  HttpServer::Routes routes;
  for (const EmbeddedFile& file : files) {
    HttpResponse whole{200, TypeOf(file.path),
                       std::string(reinterpret_cast<const char*>(file.bytes), file.length_bytes),
                       PageHeaders()};
    const std::string tag = TagOf(file);
    whole.headers.emplace_back("ETag", tag);
    // A new version of the program has new files.
    whole.headers.emplace_back("Cache-Control", "no-cache");
    HttpResponse same = whole;
    same.status = 304;
    same.content_type.clear();
    same.body.clear();
    const HttpServer::Route route([whole, same, tag](const HttpRequest& request) {
      return absl::StrContains(request.Header("if-none-match"), tag) ? same : whole;
    });
    const std::string path = absl::StrCat(prefix, file.path);
    routes[path] = route;
    absl::string_view folder = path;
    if (absl::ConsumeSuffix(&folder, "index.html")) routes[std::string(folder)] = route;
  }
  return routes;
}

}  // namespace shoal::service
