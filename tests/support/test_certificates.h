#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "shoal/net/tls/development_certificates.h"
#include "shoal/net/tls/tls_context.h"
#include "tests/support/temporary_folder.h"

namespace shoal {

// A development CA with one certificate, in a folder of its own.
class TestCertificates {
 public:
  TestCertificates() { EXPECT_TRUE(net::WriteDevelopmentCertificates(folder_.path(), {}).ok()); }

  net::TlsFiles files() const { return net::DevelopmentFiles(folder_.path()); }
  std::shared_ptr<net::TlsContext> Context(const net::TlsContext::Options& options = {}) const {
    return Context(files(), options);
  }
  static std::shared_ptr<net::TlsContext> Context(const net::TlsFiles& files,
                                                  const net::TlsContext::Options& options = {}) {
    auto context = net::TlsContext::Load(files, options);
    EXPECT_TRUE(context.ok()) << context.status();
    return *std::move(context);
  }
  // Puts the certificate, the key and the authority of `other` in the place of these, as new files: a file
  // written twice within a tick of the file system's clock looks the same.
  void TakeOver(const TestCertificates& other) const {
    for (const char* name : {"cert.pem", "key.pem", "ca.pem"}) {
      folder_.Write("next", TemporaryFolder::Read(other.folder_.Path(name)));
      std::filesystem::rename(folder_.Path("next"), folder_.Path(name));
    }
  }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
};

}  // namespace shoal
