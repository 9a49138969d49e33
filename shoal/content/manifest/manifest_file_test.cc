#include "shoal/content/manifest/manifest_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "shoal/base/error_cause.h"
#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

ManifestFile Sample() {
  return {*SampleContent::OfFile("a.bin", SampleBytes(40'000, 1)).manifest(),
          {"grpc://tracker.example:50051", "udp://192.0.2.7:6969"}};
}

TEST(ManifestFile, RoundTripsThroughItsBytes) {
  for (const bool with_trackers : {true, false}) {
    ManifestFile file = Sample();
    if (!with_trackers) file.trackers.clear();
    const std::string bytes = file.Encode();
    const absl::StatusOr<ManifestFile> decoded = ManifestFile::Decode(AsBytes(bytes));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->manifest.id(), file.manifest.id());
    EXPECT_EQ(decoded->trackers, file.trackers);
    EXPECT_EQ(decoded->Encode(), bytes);
  }
}

TEST(ManifestFile, DetectsEachDamagedByte) {
  const std::string bytes = Sample().Encode();
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] ^= 0x20;
    const absl::Status status = ManifestFile::Decode(AsBytes(damaged)).status();
    EXPECT_EQ(status.code(), i < 8 ? absl::StatusCode::kInvalidArgument : absl::StatusCode::kDataLoss) << i;
  }
}

TEST(ManifestFile, DetectsTruncation) {
  const std::string bytes = Sample().Encode();
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(ManifestFile::Decode(AsBytes(bytes).first(length)).ok()) << length;
  }
}

ManifestFile SignedSample() {
  ManifestFile file = Sample();
  file.signature =
      PublisherSignature::Make(*SigningKey::FromSeed(AsBytes(std::string(32, 'k'))), file.manifest.id(),
                               file.manifest.name(), absl::FromUnixMillis(1'700'000'000'123));
  return file;
}

TEST(ManifestFile, CarriesASignature) {
  const ManifestFile file = SignedSample();
  const std::string bytes = file.Encode();
  const absl::StatusOr<ManifestFile> decoded = ManifestFile::Decode(AsBytes(bytes));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->signature, file.signature);
  EXPECT_EQ(decoded->Encode(), bytes);
  EXPECT_EQ(bytes[7], 2);
  EXPECT_EQ(Sample().Encode()[7], 1) << "programs that know no signatures read unsigned files";
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(ManifestFile::Decode(AsBytes(bytes).first(length)).ok()) << length;
  }
}

TEST(ManifestFile, RefusesASignatureOfOtherBytes) {
  ManifestFile file = SignedSample();
  file.signature->time += absl::Milliseconds(1);
  const absl::Status status = ManifestFile::Decode(AsBytes(file.Encode())).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_EQ(CauseOf(status), ErrorCause::kUntrusted);
}

TEST(ManifestFile, RefusesTrackersThatAreNoUrls) {
  for (const std::string& tracker : {std::string(), std::string("grpc://a b"), std::string("grpc://a\n"),
                                     std::string("grpc://\x1b[2J"), std::string(2000, 'x')}) {
    ManifestFile file = Sample();
    file.trackers = {tracker};
    EXPECT_EQ(ManifestFile::Decode(AsBytes(file.Encode())).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  ManifestFile file = Sample();
  file.trackers.assign(65, "grpc://a:1");
  EXPECT_EQ(ManifestFile::Decode(AsBytes(file.Encode())).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ManifestFile, IsWrittenAndRead) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("a.shoal");
  folder.Write("a.shoal", "what was there before");
  ASSERT_TRUE(Sample().Write(path).ok());
  const absl::StatusOr<ManifestFile> read = ManifestFile::Read(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->manifest.id(), Sample().manifest.id());
  // No temporary file remains.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(ManifestFile, NamesThePathInItsErrors) {
  const TemporaryFolder folder;
  const auto expect = [&](const absl::Status& status, absl::StatusCode code, const std::string& path) {
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_NE(status.message().find(path), absl::string_view::npos) << status;
  };
  expect(ManifestFile::Read(folder.Path("none")).status(), absl::StatusCode::kNotFound, folder.Path("none"));
  expect(ManifestFile::Read(folder.path()).status(), absl::StatusCode::kInvalidArgument, folder.path());
  const std::string other = folder.Write("other", "some text that is no manifest");
  expect(ManifestFile::Read(other).status(), absl::StatusCode::kInvalidArgument, other);
  expect(Sample().Write(folder.Path("no/folder")), absl::StatusCode::kNotFound, folder.Path("no/folder"));
}

}  // namespace
}  // namespace shoal
