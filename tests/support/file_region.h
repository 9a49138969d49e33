#pragma once

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "shoal/base/file_descriptor.h"

namespace shoal {

// An unnamed file, and regions of it.
class RegionFile {
 public:
  explicit RegionFile(const std::string& bytes) {
    FILE* const file = tmpfile();
    EXPECT_NE(file, nullptr);
    file_ = std::make_shared<const FileDescriptor>(dup(fileno(file)));
    fclose(file);
    EXPECT_EQ(pwrite(file_->get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }

  FileRegion Region(uint64_t offset_bytes, uint32_t length_bytes) const {
    return {file_, offset_bytes, length_bytes};
  }
  void Truncate(off_t length_bytes) const { EXPECT_EQ(ftruncate(file_->get(), length_bytes), 0); }

 private:
  std::shared_ptr<const FileDescriptor> file_;
};

}  // namespace shoal
