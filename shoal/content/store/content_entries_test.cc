#include "shoal/content/store/content_entries.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "shoal/base/file_descriptor.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using OtherLinks = ContentEntries::OtherLinks;

class ContentEntriesTest : public testing::Test {
 protected:
  static Manifest Content(std::vector<std::string> folders, std::vector<LinkEntry> links) {
    return Manifest::Create(Manifest::Kind::kFolder, "c", kMinChunkSizeBytes, {{"a/file", 0, false}}, {},
                            std::move(folders), std::move(links))
        .value();
  }
  absl::Status Make(const ContentEntries::Wants& wants = nullptr,
                    OtherLinks other_links = OtherLinks::kRefuse) {
    return ContentEntries(manifest_, root_.get(), folder_.path(), file_system_).Make(wants, other_links);
  }
  absl::Status Check(const ContentEntries::Wants& wants = nullptr,
                     OtherLinks other_links = OtherLinks::kRefuse) {
    return ContentEntries(manifest_, root_.get(), folder_.path(), file_system_).Check(wants, other_links);
  }
  bool IsFolder(const std::string& path) const {
    return std::filesystem::is_directory(std::filesystem::symlink_status(folder_.Path(path)));
  }
  std::string LinkAt(const std::string& path) const {
    std::error_code error;
    const std::string text = std::filesystem::read_symlink(folder_.Path(path), error);
    return error ? "" : text;
  }

  const TemporaryFolder folder_;
  const TemporaryFolder outside_;
  const FileDescriptor root_ = *FileDescriptor::Open(folder_.path(), O_RDONLY | O_DIRECTORY);
  const TargetFileSystem file_system_{folder_.path()};
  const Manifest manifest_ =
      Content({"empty", "x/y/empty"}, {{"a/up", "../x"}, {"b/link", "../a/file"}, {"top", "a"}});
};

TEST_F(ContentEntriesTest, AreMadeWithTheirParents) {
  EXPECT_EQ(Check(), absl::OkStatus());
  ASSERT_EQ(Make(), absl::OkStatus());
  EXPECT_TRUE(IsFolder("empty"));
  EXPECT_TRUE(IsFolder("x/y/empty"));
  EXPECT_EQ(LinkAt("a/up"), "../x");
  EXPECT_EQ(LinkAt("b/link"), "../a/file");
  EXPECT_EQ(LinkAt("top"), "a");
  EXPECT_EQ(Check(), absl::OkStatus());
  EXPECT_EQ(Make(), absl::OkStatus()) << "again";
}

TEST_F(ContentEntriesTest, OnlyWantedOnesAreMade) {
  folder_.Write("empty", "in the way, but not wanted");
  ASSERT_EQ(Make([](const std::string& path) { return path == "b/link" || path == "x/y/empty"; }),
            absl::OkStatus());
  EXPECT_FALSE(IsFolder("empty"));
  EXPECT_TRUE(IsFolder("x/y/empty"));
  EXPECT_EQ(LinkAt("b/link"), "../a/file");
  EXPECT_EQ(LinkAt("top"), "");
}

TEST_F(ContentEntriesTest, NothingIsReplacedButLinksOnRequest) {
  std::filesystem::create_symlink("elsewhere", folder_.Path("top"));
  EXPECT_EQ(Check().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Make().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(LinkAt("top"), "elsewhere");
  EXPECT_EQ(Check(nullptr, OtherLinks::kReplace), absl::OkStatus());
  ASSERT_EQ(Make(nullptr, OtherLinks::kReplace), absl::OkStatus());
  EXPECT_EQ(LinkAt("top"), "a");

  std::filesystem::remove(folder_.Path("top"));
  folder_.Write("top", "precious");
  EXPECT_EQ(Check(nullptr, OtherLinks::kReplace).code(), absl::StatusCode::kAlreadyExists);
  const absl::Status made = Make(nullptr, OtherLinks::kReplace);
  EXPECT_EQ(made.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(made.message()), HasSubstr(folder_.Path("top")));
  EXPECT_EQ(folder_.Read(folder_.Path("top")), "precious");
}

TEST_F(ContentEntriesTest, AFileInThePlaceOfAFolderIsKept) {
  folder_.Write("empty", "precious");
  EXPECT_EQ(Check().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Make().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(folder_.Read(folder_.Path("empty")), "precious");
}

TEST_F(ContentEntriesTest, NothingIsMadeThroughLinksThatAreThere) {
  for (const char* at : {"x", "b", "empty", "x/y"}) {
    const std::string path = folder_.Path(at);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::filesystem::create_symlink(outside_.path(), path);
    EXPECT_EQ(Check().code(), absl::StatusCode::kAlreadyExists) << at;
    EXPECT_EQ(Make().code(), absl::StatusCode::kAlreadyExists) << at;
    EXPECT_EQ(Make(nullptr, OtherLinks::kReplace).code(), absl::StatusCode::kAlreadyExists) << at;
    EXPECT_TRUE(std::filesystem::is_empty(outside_.path())) << at;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      std::filesystem::remove_all(entry.path());
  }
}

TEST_F(ContentEntriesTest, LinksAreLeftOutWhereThereAreNone) {
  class NoLinks : public FileSystemCalls {
    int MakeLink(const std::string&, int, const std::string&) const override { return EPERM; }
  };
  std::vector<std::string> warnings;
  const TargetFileSystem without(folder_.path(), std::make_shared<const NoLinks>(),
                                 [&](const std::string& warning) { warnings.push_back(warning); });
  const ContentEntries entries(manifest_, root_.get(), folder_.path(), without);
  ASSERT_EQ(entries.Make(nullptr, OtherLinks::kRefuse), absl::OkStatus());
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("has no symbolic links")));
  EXPECT_TRUE(IsFolder("empty"));
  EXPECT_EQ(LinkAt("top"), "");
}

}  // namespace
}  // namespace shoal
