#include "shoal/content/manifest/manifest_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/checksum.h"

namespace shoal {
namespace {

// docs/wire_format.md, "Manifest file"; the version follows. Files without a signature have version 1, so
// that programs that know no signatures read them.
constexpr std::array<uint8_t, 7> kFileMagic = {'S', 'H', 'O', 'A', 'L', 'F', 'L'};
constexpr uint8_t kUnsignedVersion = 1;
constexpr uint8_t kSignedVersion = 2;
constexpr size_t kMaxTrackers = 64;
constexpr size_t kMaxTrackerBytes = 1024;
constexpr size_t kMaxFileBytes =
    kMaxManifestBytes + kMaxTrackers * (kMaxTrackerBytes + 2) + PublisherSignature::kEncodedBytes + 64;

absl::Status InvalidFile(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("no .shoal file: ", why));
}

absl::Status CheckTrackers(const std::vector<std::string>& trackers) {
  if (trackers.size() > kMaxTrackers)
    return InvalidFile(absl::StrCat("more than ", kMaxTrackers, " trackers"));
  for (const std::string& tracker : trackers) {
    const bool printable =
        std::all_of(tracker.begin(), tracker.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (tracker.empty() || tracker.size() > kMaxTrackerBytes || !printable)
      return InvalidFile("a tracker that is no URL");
  }
  return absl::OkStatus();
}

}  // namespace

std::string ManifestFile::Encode() const {
  std::string bytes(kFileMagic.begin(), kFileMagic.end());
  AppendBig(signature.has_value() ? kSignedVersion : kUnsignedVersion, &bytes);
  AppendBig(static_cast<uint16_t>(trackers.size()), &bytes);
  for (const std::string& tracker : trackers) {
    AppendBig(static_cast<uint16_t>(tracker.size()), &bytes);
    bytes.append(tracker);
  }
  const std::string canonical = manifest.Encode();
  AppendBig(static_cast<uint32_t>(canonical.size()), &bytes);
  bytes.append(canonical);
  if (signature.has_value()) signature->AppendTo(&bytes);
  AppendBig(Crc32(AsBytes(bytes)), &bytes);
  return bytes;
}

absl::StatusOr<ManifestFile> ManifestFile::Decode(ByteView bytes) {
  if (bytes.size() > kMaxFileBytes) return InvalidFile("too large");
  const size_t head = kFileMagic.size() + 1;
  if (bytes.size() < head + sizeof(uint32_t) ||
      !std::equal(kFileMagic.begin(), kFileMagic.end(), bytes.begin()) ||
      (bytes[head - 1] != kUnsignedVersion && bytes[head - 1] != kSignedVersion)) {
    return InvalidFile("it does not begin as one, or is of a version that is not known here");
  }
  const ByteView checked = bytes.first(bytes.size() - sizeof(uint32_t));
  if (Crc32(checked) != LoadBig<uint32_t>(bytes.data() + checked.size())) {
    return absl::DataLossError(
        "the file is damaged or cut off: its checksum is wrong; copy it here once more");
  }
  ByteReader reader(checked.subspan(head));
  const auto tracker_count = reader.ReadBig<uint16_t>();
  if (tracker_count > kMaxTrackers) return InvalidFile("too many trackers");
  std::vector<std::string> trackers(tracker_count);
  for (std::string& tracker : trackers) tracker = reader.ReadString(reader.ReadBig<uint16_t>());
  const ByteView canonical = reader.ReadBytes(reader.ReadBig<uint32_t>());
  const bool is_signed = bytes[head - 1] == kSignedVersion;
  const size_t signature_bytes = is_signed ? PublisherSignature::kEncodedBytes : 0;
  if (!reader.ok() || reader.remaining() != signature_bytes)
    return InvalidFile("its length is not what its counts make");
  SHOAL_RETURN_IF_ERROR(CheckTrackers(trackers));
  SHOAL_ASSIGN_OR_RETURN(Manifest manifest, Manifest::Decode(canonical));
  ManifestFile file{std::move(manifest), std::move(trackers)};
  if (is_signed) {
    auto signature = PublisherSignature::Read(&reader);
    if (!signature.ok()) return InvalidFile(signature.status().message());
    if (!signature->Verifies(file.manifest.id(), file.manifest.name())) {
      return WithCause(
          absl::PermissionDeniedError(
              "its signature is not of its content: somebody changed the file; get it again from "
              "its publisher"),
          ErrorCause::kUntrusted);
    }
    file.signature = *std::move(signature);
  }
  return file;
}

absl::StatusOr<ManifestFile> ManifestFile::Read(const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(const FileDescriptor file, FileDescriptor::Open(path, O_RDONLY | O_NONBLOCK));
  struct stat info;
  if (fstat(file.get(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("cannot read ", path));
  if (!S_ISREG(info.st_mode)) return Annotate(path, InvalidFile("no regular file"));
  if (static_cast<uint64_t>(info.st_size) > kMaxFileBytes) return Annotate(path, InvalidFile("too large"));
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  if (auto status = ReadAt(file.get(), {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()}, 0);
      !status.ok()) {
    return Annotate(path, status);
  }
  absl::StatusOr<ManifestFile> decoded = Decode(AsBytes(bytes));
  if (!decoded.ok()) return Annotate(path, decoded.status());
  return decoded;
}

absl::Status ManifestFile::Write(const std::string& path) const {
  SHOAL_RETURN_IF_ERROR(CheckTrackers(trackers));
  return ReplaceFile(path, AsBytes(Encode()), 0666);
}

}  // namespace shoal
