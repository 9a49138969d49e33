#include "shoal/service/http/request_guard.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/text_lines.h"

namespace shoal::service {
namespace {

constexpr uint64_t kMaxTokenFileBytes = 1 << 20;

// Of equal length for all tokens, so that comparing tells nothing about them.
std::string DigestOf(absl::string_view token) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

HttpResponse Refusal(int status, const char* code, const char* message) {
  return {status, "application/json",
          absl::StrCat("{\"code\":\"", code, "\",\"message\":\"", message, "\"}")};
}

// The host of "host:port", "[v6]:port" or "host", in lower case and without brackets.
std::string HostOf(absl::string_view authority) {
  if (absl::ConsumePrefix(&authority, "[")) {
    return absl::AsciiStrToLower(authority.substr(0, std::min(authority.find(']'), authority.size())));
  }
  return absl::AsciiStrToLower(authority.substr(0, std::min(authority.find(':'), authority.size())));
}

}  // namespace

absl::StatusOr<AccessTokens> AccessTokens::Read(const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxTokenFileBytes));
  std::vector<std::string> digests;
  for (const TextLine& line : LinesOf(text, Comments::kOwnLines)) {
    const bool printable = std::all_of(line.text.begin(), line.text.end(), absl::ascii_isgraph);
    if (line.text.size() < kMinTokenBytes || !printable) {
      return Annotate(path, line.Fault(absl::StrCat("a token has at least ", kMinTokenBytes,
                                                    " printable ASCII characters and no spaces")));
    }
    digests.push_back(DigestOf(line.text));
  }
  if (digests.empty()) return absl::InvalidArgumentError(absl::StrCat(path, " has no token"));
  return AccessTokens(std::move(digests));
}

absl::StatusOr<std::string> AccessTokens::MakeFile(const std::string& path) {
  std::array<unsigned char, 16> bytes;
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    return absl::InternalError("there are no random bytes");
  const std::string token =
      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  SHOAL_ASSIGN_OR_RETURN(const FileDescriptor file,
                         FileDescriptor::Open(path, O_WRONLY | O_CREAT | O_EXCL, 0600));
  const std::string line = token + "\n";
  const absl::Status written = WriteAt(file.get(), AsBytes(line), 0);
  if (!written.ok()) return absl::Status(written.code(), absl::StrCat(path, ": ", written.message()));
  return token;
}

bool AccessTokens::Accepts(absl::string_view token) const {
  const std::string digest = DigestOf(token);
  bool accepted = false;
  for (const std::string& known : digests_) {
    accepted |= CRYPTO_memcmp(known.data(), digest.data(), digest.size()) == 0;
  }
  return accepted;
}

std::optional<HttpResponse> RequestGuard::Judge(const HttpRequest& head) const {
  const std::string& authority = head.Header("host");
  if (!IsOurName(HostOf(authority))) {
    return Refusal(421, "permission_denied", "this is not a name of this machine; see --http-name");
  }
  const std::string& origin = head.Header("origin");
  // The page itself is of the same authority, whatever the scheme of a proxy before this server.
  absl::string_view origin_host = origin;
  if (!absl::ConsumePrefix(&origin_host, "http://")) absl::ConsumePrefix(&origin_host, "https://");
  const std::string& site = head.Header("sec-fetch-site");
  const bool navigation = head.Header("sec-fetch-mode") == "navigate" && head.method == "GET";
  const bool foreign = (!origin.empty() && !absl::EqualsIgnoreCase(origin_host, authority)) ||
                       site == "same-site" || site == "cross-site";
  const bool guarded =
      std::any_of(options_.guarded_prefixes.begin(), options_.guarded_prefixes.end(),
                  [&](const std::string& prefix) { return absl::StartsWith(head.path, prefix); });
  // A link of another site may lead to the page, but not to what it shows.
  if (foreign && (guarded || !navigation)) {
    return Refusal(403, "permission_denied", "a page of another site may not do this");
  }
  if (guarded && options_.tokens.has_value() && !HasToken(head)) {
    HttpResponse refusal = Refusal(401, "unauthenticated", "a token is needed: Authorization: Bearer TOKEN");
    refusal.headers.emplace_back("WWW-Authenticate", "Bearer");
    return refusal;
  }
  return std::nullopt;
}

bool RequestGuard::IsOurName(absl::string_view host) const {
  if (host == "localhost" || absl::EndsWith(host, ".localhost")) return true;
  // An address can't be rebound. It may be another one than the request came to: a port that a container
  // publishes.
  if (IpAddress::Parse(std::string(host)).ok()) return true;
  return std::any_of(options_.host_names.begin(), options_.host_names.end(),
                     [&](const std::string& name) { return absl::EqualsIgnoreCase(name, host); });
}

bool RequestGuard::HasToken(const HttpRequest& head) const {
  absl::string_view authorization = head.Header("authorization");
  if (absl::StartsWithIgnoreCase(authorization, "bearer ")) {
    return options_.tokens->Accepts(absl::StripAsciiWhitespace(authorization.substr(7)));
  }
  if (head.method != "GET" && head.method != "HEAD") return false;
  const auto fields = ParseQuery(head.query);
  if (!fields.ok()) return false;
  return std::any_of(fields->begin(), fields->end(), [this](const auto& field) {
    return field.first == kAccessTokenField && options_.tokens->Accepts(field.second);
  });
}

std::vector<std::pair<std::string, std::string>> PageHeaders() {
  return {
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
       "media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"}};
}

HttpResponse PageJson(std::string json) {
  HttpResponse response{200, "application/json", std::move(json), PageHeaders()};
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

}  // namespace shoal::service
