#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "shoal/service/http/http_server.h"

namespace shoal::service {

// The field of a query that carries a token where no header can be set (Server-Sent Events, media elements).
inline constexpr char kAccessTokenField[] = "access_token";

// The tokens that a server accepts. Immutable.
class AccessTokens {
 public:
  static constexpr size_t kMinTokenBytes = 16;

  // Reads one token per line; empty lines and those that begin with '#' are ignored. Errors: as ReadFile;
  // INVALID_ARGUMENT for a token that is too short or has spaces, and for a file without any.
  static absl::StatusOr<AccessTokens> Read(const std::string& path);
  // Creates the file with one random token, readable by its owner alone. Returns the token. Errors:
  // ALREADY_EXISTS; others from errno, with the path.
  static absl::StatusOr<std::string> MakeFile(const std::string& path);

  // Returns whether `token` is one of the tokens. Compares in constant time.
  bool Accepts(absl::string_view token) const;

 private:
  explicit AccessTokens(std::vector<std::string> digests) : digests_(std::move(digests)) {}

  std::vector<std::string> digests_;  // SHA-256 of each token
};

// Decides which requests a server on this machine takes from a browser and from others. It defends against
// pages of other sites: their requests are refused by Origin and Sec-Fetch-Site, and names that were rebound
// to this address by Host. No cookie is ever read.
//
// Thread safety: immutable.
class RequestGuard {
 public:
  struct Options {
    // Names besides localhost that Host may have. Any address may stand there.
    std::vector<std::string> host_names = {};
    // Unset: no token is needed.
    std::optional<AccessTokens> tokens = std::nullopt;
    // Paths below these need a token, if there are any.
    std::vector<std::string> guarded_prefixes = {};
  };

  explicit RequestGuard(Options options) : options_(std::move(options)) {}

  // Returns a response to refuse the request; nothing to admit it. For HttpServer::Options::admit.
  std::optional<HttpResponse> Judge(const HttpRequest& head) const;

 private:
  bool IsOurName(absl::string_view host) const;
  bool HasToken(const HttpRequest& head) const;

  const Options options_;
};

// What the responses of pages carry, so that a browser runs nothing but the page's own files.
std::vector<std::pair<std::string, std::string>> PageHeaders();

// A JSON document that a page shows, and that a browser can open by itself: with PageHeaders, and not kept.
HttpResponse PageJson(std::string json);

}  // namespace shoal::service
