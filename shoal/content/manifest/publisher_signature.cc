#include "shoal/content/manifest/publisher_signature.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/text_lines.h"

namespace shoal {
namespace {

constexpr absl::string_view kSignedMagic = "shoal signature v1\n";
constexpr uint64_t kMaxUnixMillis = 253402300799999;  // the end of the year 9999
constexpr uint64_t kMaxTrustFileBytes = 256 << 10;
constexpr size_t kMaxShownSigners = 4;

std::string SignedBytes(const ContentId& content, const std::string& name, absl::Time time) {
  std::string bytes(kSignedMagic);
  bytes += content.ToString();
  AppendBig(static_cast<uint64_t>(absl::ToUnixMillis(time)), &bytes);
  bytes += name;  // last, so that its length needs no bytes
  return bytes;
}

}  // namespace

PublisherSignature PublisherSignature::Make(const SigningKey& key, const ContentId& content,
                                            const std::string& name, absl::Time now) {
  PublisherSignature made;
  made.key = key.public_key();
  made.time = absl::FromUnixMillis(
      std::clamp(absl::ToUnixMillis(now), int64_t{0}, static_cast<int64_t>(kMaxUnixMillis)));
  made.signature = key.Sign(AsBytes(SignedBytes(content, name, made.time)));
  return made;
}

bool PublisherSignature::Verifies(const ContentId& content, const std::string& name) const {
  return key.Verify(AsBytes(SignedBytes(content, name, time)), signature);
}

void PublisherSignature::AppendTo(std::string* bytes) const {
  bytes->append(key.ToString());
  AppendBig(static_cast<uint64_t>(absl::ToUnixMillis(time)), bytes);
  bytes->append(signature.ToString());
}

absl::StatusOr<PublisherSignature> PublisherSignature::Read(ByteReader* reader) {
  PublisherSignature read;
  SHOAL_ASSIGN_OR_RETURN(read.key, PublicKey::FromBytes(reader->ReadBytes(PublicKey::kSizeBytes)));
  const auto millis = reader->ReadBig<uint64_t>();
  if (millis > kMaxUnixMillis) return absl::InvalidArgumentError("a signature after the year 9999");
  read.time = absl::FromUnixMillis(static_cast<int64_t>(millis));
  SHOAL_ASSIGN_OR_RETURN(read.signature,
                         SignatureBytes::FromBytes(reader->ReadBytes(SignatureBytes::kSizeBytes)));
  return read;
}

absl::StatusOr<TrustedKeys> TrustedKeys::ParseFile(absl::string_view text) {
  TrustedKeys trusted;
  for (const TextLine& line : LinesOf(text, Comments::kAnywhere)) {
    const auto key = PublicKey::Parse(line.text);
    const absl::Status added = key.ok() ? trusted.Add(*key) : key.status();
    if (!added.ok()) return line.Fault(added.message());
  }
  if (trusted.empty()) {
    return absl::InvalidArgumentError(
        "it has no public key, and no content would be trusted: name one a line");
  }
  return trusted;
}

absl::StatusOr<TrustedKeys> TrustedKeys::FromWords(const std::vector<std::string>& words) {
  TrustedKeys trusted;
  for (const std::string& word : words) {
    if (absl::StartsWith(word, "ed25519:")) {
      const auto key = PublicKey::Parse(word);
      const absl::Status added = key.ok() ? trusted.Add(*key) : key.status();
      if (!added.ok()) return WithCause(added, ErrorCause::kUsage);
      continue;
    }
    SHOAL_ASSIGN_OR_RETURN(const std::string text, ReadFile(word, kMaxTrustFileBytes));
    const auto listed = ParseFile(text);
    if (!listed.ok()) return WithCause(Annotate(word, listed.status()), ErrorCause::kUsage);
    for (const PublicKey& key : listed->keys()) SHOAL_RETURN_IF_ERROR(trusted.Add(key));
  }
  return trusted;
}

absl::Status TrustedKeys::Add(const PublicKey& key) {
  if (keys_.size() == kMaxKeys && !keys_.contains(key)) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxKeys, " trusted keys"));
  }
  keys_.insert(key);
  return absl::OkStatus();
}

const PublisherSignature* TrustedKeys::Newest(const std::vector<PublisherSignature>& signatures,
                                              const ContentId& content, const std::string& name) const {
  const PublisherSignature* newest = nullptr;
  for (const PublisherSignature& signature : signatures) {
    if (newest != nullptr && newest->time >= signature.time) continue;
    if (keys_.contains(signature.key) && signature.Verifies(content, name)) newest = &signature;
  }
  return newest;
}

absl::Status UntrustedContent(absl::string_view what, const std::vector<PublisherSignature>& signers) {
  std::string whose = "nobody signed it";
  if (!signers.empty()) {
    const auto shown = signers.begin() + static_cast<ptrdiff_t>(std::min(signers.size(), kMaxShownSigners));
    whose = absl::StrCat("it has signatures of ",
                         absl::StrJoin(signers.begin(), shown, ", ",
                                       [](std::string* out, const PublisherSignature& signature) {
                                         out->append(signature.key.ToText());
                                       }));
  }
  return WithCause(
      absl::PermissionDeniedError(absl::StrCat(what, " has no signature of a publisher that you trust (",
                                               whose, "); add its key to --trust if you do trust it")),
      ErrorCause::kUntrusted);
}

}  // namespace shoal
