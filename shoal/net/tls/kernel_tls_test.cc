#include "shoal/net/tls/kernel_tls.h"

#include <gtest/gtest.h>
#include <linux/tls.h>
#include <sys/socket.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "shoal/base/byte_order.h"
#include "shoal/base/file_descriptor.h"
#include "tests/support/raw_connection.h"

namespace shoal::net {
namespace {

TEST(KernelTlsTest, TheProbeSaysWhatTheKernelLists) {
  // Asking may load the protocol, so first.
  const bool available = SystemKernelTls()->available();
  std::ifstream list("/proc/sys/net/ipv4/tcp_available_ulp");
  if (!list) GTEST_SKIP() << "this kernel lists nothing";
  const std::vector<std::string> listed{std::istream_iterator<std::string>(list), {}};
  EXPECT_EQ(available, std::find(listed.begin(), listed.end(), "tls") != listed.end());
}

TEST(KernelTlsTest, ACipherThatIsNotUsedIsUnimplemented) {
  const FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const tls_crypto_info keys{TLS_1_3_VERSION, TLS_CIPHER_AES_CCM_128};
  EXPECT_EQ(SystemKernelTls()->Enable(socket.get(), keys).code(), absl::StatusCode::kUnimplemented);
}

TEST(KernelTlsTest, ASocketWhoseKeysWereRefusedSendsWhatItIsGiven) {
  if (SystemKernelTls()->available()) GTEST_SKIP() << "this kernel takes keys";
  RawListener listener;
  const FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const SocketAddress address = RawConnection::Loopback(listener.port());
  ASSERT_EQ(::connect(socket.get(), address.get(), address.size), 0);
  tls12_crypto_info_aes_gcm_128 keys{};
  keys.info = {TLS_1_3_VERSION, TLS_CIPHER_AES_GCM_128};
  EXPECT_EQ(SystemKernelTls()->Enable(socket.get(), keys.info).code(), absl::StatusCode::kUnavailable);
  const std::string bytes = "in the clear";
  EXPECT_EQ(::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
  EXPECT_EQ(SystemKernelTls()->SendRecord(socket.get(), 21, AsBytes(bytes)),
            static_cast<ssize_t>(bytes.size()));
  EXPECT_EQ(listener.Accept().Read(2 * bytes.size()), bytes + bytes);
}

}  // namespace
}  // namespace shoal::net
