#pragma once

#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl3.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/mutex.h"
#include "shoal/net/tls/kernel_tls.h"
#include "tests/support/raw_connection.h"

namespace shoal {

// Plays a kernel with TLS for one transport. What its socket is given in the clear is encrypted, with the
// keys that the transport gave, by the TlsRelay through which the connection runs, so that the other end
// reads what it would read from a machine with such a kernel.
//
// Thread safety: all methods are thread-safe, but those of KernelTls are called on the transport's thread.
class FakeKernelTls final : public net::KernelTls {
 public:
  // `sent_bytes` returns what the transport says that it has sent.
  explicit FakeKernelTls(std::function<uint64_t()> sent_bytes) : sent_bytes_(std::move(sent_bytes)) {}

  // Has no TLS at all.
  void BeUnavailable() { available_ = false; }
  // Has TLS, but refuses all keys.
  void RefuseKeys() { refuses_keys_ = true; }
  // Has no room for the next `count` records that are not of data.
  void RefuseRecords(int count) { refused_records_ = count; }

  // Return how often keys were offered, of which cipher of <linux/tls.h> they were taken (zero: none), and
  // the types of the records that are not of data.
  int keys_offered() const { return keys_offered_; }
  uint16_t cipher() const {
    MutexLock lock(&mutex_);
    return keys_.cipher;
  }
  std::vector<uint8_t> record_types() const {
    MutexLock lock(&mutex_);
    return record_types_;
  }

  bool available() const override { return available_; }
  absl::Status Enable(int /*socket*/, const tls_crypto_info& keys) override {
    ++keys_offered_;
    if (refuses_keys_) return absl::UnavailableError("refused by the test");
    MutexLock lock(&mutex_);
    keys_ = KeysIn(keys);
    plain_from_ = sent_bytes_();
    return absl::OkStatus();
  }
  ssize_t SendRecord(int socket, uint8_t type, std::span<const uint8_t> content) override {
    if (refused_records_ > 0) {
      --refused_records_;
      errno = EAGAIN;
      return -1;
    }
    {
      MutexLock lock(&mutex_);
      records_.push_back({sent_bytes_(), content.size(), type});
      record_types_.push_back(type);
    }
    // Some bytes are taken at once by any socket that took all before.
    const ssize_t count = ::send(socket, content.data(), content.size(), MSG_NOSIGNAL);
    EXPECT_EQ(count, static_cast<ssize_t>(content.size()));
    return count;
  }

  // Returns what goes over the wire for the next bytes that the transport's socket sent.
  std::string Encrypt(const std::string& sent) {
    MutexLock lock(&mutex_);
    held_ += sent;
    std::string wire;
    size_t done = 0;
    while (done < held_.size()) {
      size_t size = held_.size() - done;
      uint8_t type = SSL3_RT_APPLICATION_DATA;
      if (keys_.cipher == 0) {
        wire.append(held_, done, size);
      } else if (passed_ < plain_from_) {
        size = std::min<uint64_t>(size, plain_from_ - passed_);
        wire.append(held_, done, size);
      } else {
        if (records_.empty() || passed_ < records_.front().begin) {
          size = std::min<size_t>(size, SSL3_RT_MAX_PLAIN_LENGTH);
          if (!records_.empty()) size = std::min<uint64_t>(size, records_.front().begin - passed_);
        } else {
          if (size < records_.front().size) break;  // the rest of it is on its way
          size = records_.front().size;
          type = records_.front().type;
          records_.pop_front();
        }
        wire += Seal(held_.substr(done, size), type);
      }
      done += size;
      passed_ += size;
    }
    held_.erase(0, done);
    return wire;
  }

 private:
  struct Record {
    uint64_t begin;
    size_t size;
    uint8_t type;
  };
  struct Keys {
    uint16_t cipher = 0;
    std::string key;
    std::array<uint8_t, 12> iv{};
    uint64_t sequence = 0;
  };

  template <typename Info>
  static Keys KeysIn(const tls_crypto_info& info) {
    const Info& keys = reinterpret_cast<const Info&>(info);
    EXPECT_EQ(info.version, TLS_1_3_VERSION);
    Keys found;
    found.cipher = info.cipher_type;
    found.key.assign(std::begin(keys.key), std::end(keys.key));
    // The salt of ChaCha20-Poly1305 is empty.
    std::memcpy(found.iv.data(), keys.salt, sizeof keys.salt);
    std::memcpy(found.iv.data() + sizeof keys.salt, keys.iv, sizeof keys.iv);
    for (const uint8_t byte : keys.rec_seq) found.sequence = found.sequence << 8 | byte;
    return found;
  }
  static Keys KeysIn(const tls_crypto_info& info) {
    switch (info.cipher_type) {
      case TLS_CIPHER_AES_GCM_128:
        return KeysIn<tls12_crypto_info_aes_gcm_128>(info);
      case TLS_CIPHER_AES_GCM_256:
        return KeysIn<tls12_crypto_info_aes_gcm_256>(info);
      case TLS_CIPHER_CHACHA20_POLY1305:
        return KeysIn<tls12_crypto_info_chacha20_poly1305>(info);
      default:
        ADD_FAILURE() << "no cipher " << info.cipher_type;
        return {};
    }
  }

  // A record of TLS 1.3 (RFC 8446, section 5.2).
  std::string Seal(std::string content, uint8_t type) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    constexpr int kTagBytes = 16;
    content.push_back(static_cast<char>(type));
    std::array<uint8_t, 12> nonce = keys_.iv;
    for (size_t i = 0; i < 8; ++i) nonce[11 - i] ^= static_cast<uint8_t>(keys_.sequence >> 8 * i);
    ++keys_.sequence;
    const size_t length = content.size() + kTagBytes;
    const std::array<uint8_t, 5> header{SSL3_RT_APPLICATION_DATA, 3, 3, static_cast<uint8_t>(length >> 8),
                                        static_cast<uint8_t>(length)};
    const EVP_CIPHER* const cipher = keys_.cipher == TLS_CIPHER_AES_GCM_128   ? EVP_aes_128_gcm()
                                     : keys_.cipher == TLS_CIPHER_AES_GCM_256 ? EVP_aes_256_gcm()
                                                                              : EVP_chacha20_poly1305();
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                  &EVP_CIPHER_CTX_free);
    std::string record(header.begin(), header.end());
    record.resize(header.size() + length);
    auto* const sealed = reinterpret_cast<uint8_t*>(record.data()) + header.size();
    int size = 0;
    EXPECT_EQ(EVP_EncryptInit_ex(context.get(), cipher, nullptr,
                                 reinterpret_cast<const uint8_t*>(keys_.key.data()), nonce.data()),
              1);
    EXPECT_EQ(EVP_EncryptUpdate(context.get(), nullptr, &size, header.data(), header.size()), 1);
    EXPECT_EQ(
        EVP_EncryptUpdate(context.get(), sealed, &size, reinterpret_cast<const uint8_t*>(content.data()),
                          static_cast<int>(content.size())),
        1);
    EXPECT_EQ(EVP_EncryptFinal_ex(context.get(), sealed + size, &size), 1);
    EXPECT_EQ(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, sealed + content.size()),
              1);
    return record;
  }

  const std::function<uint64_t()> sent_bytes_;
  std::atomic<bool> available_ = true;
  std::atomic<bool> refuses_keys_ = false;
  std::atomic<int> refused_records_ = 0;
  std::atomic<int> keys_offered_ = 0;
  mutable Mutex mutex_;
  Keys keys_ ABSL_GUARDED_BY(mutex_);
  uint64_t plain_from_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Record> records_ ABSL_GUARDED_BY(mutex_);  // not of data, and not encrypted yet
  std::vector<uint8_t> record_types_ ABSL_GUARDED_BY(mutex_);
  uint64_t passed_ ABSL_GUARDED_BY(mutex_) = 0;  // of what was sent
  std::string held_ ABSL_GUARDED_BY(mutex_);     // sent after that
};

// Connects the first that dials its port with another port of this machine, once, and encrypts for the
// kernels of both ends. Ends when both ends have closed.
class TlsRelay {
 public:
  // `receive_buffer`: how many bytes the system may hold for it, when they arrive from the other port. Zero:
  // the system decides.
  TlsRelay(uint16_t to, std::shared_ptr<FakeKernelTls> dialler, std::shared_ptr<FakeKernelTls> acceptor,
           int receive_buffer = 0)
      : thread_([this, to, dialler = std::move(dialler), acceptor = std::move(acceptor), receive_buffer] {
          const FileDescriptor front = listener_.AcceptSocket();
          const FileDescriptor back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
          const net::SocketAddress address = RawConnection::Loopback(to);
          if (receive_buffer != 0) {
            ::setsockopt(back.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
          }
          if (::connect(back.get(), address.get(), address.size) != 0) return;
          std::thread up([&] { Pass(front.get(), back.get(), *dialler); });
          Pass(back.get(), front.get(), *acceptor);
          up.join();
        }) {}
  ~TlsRelay() { thread_.join(); }

  uint16_t port() const { return listener_.port(); }
  // Changes a bit of the last byte of what passes from now on.
  void Break() { breaks_ = true; }

 private:
  void Pass(int from, int to, FakeKernelTls& kernel) {
    const int at_once = 1;
    ::setsockopt(to, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    std::string bytes;
    for (;;) {
      bytes.resize(64 * 1024);
      const ssize_t size = ::recv(from, bytes.data(), bytes.size(), 0);
      if (size <= 0) break;
      bytes.resize(static_cast<size_t>(size));
      bytes = kernel.Encrypt(bytes);
      if (breaks_ && !bytes.empty()) bytes.back() ^= 1;
      for (size_t sent = 0; sent < bytes.size();) {
        const ssize_t count = ::send(to, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (count < 0) break;
        sent += static_cast<size_t>(count);
      }
    }
    ::shutdown(to, SHUT_WR);
  }

  RawListener listener_;
  std::atomic<bool> breaks_ = false;
  std::thread thread_;
};

}  // namespace shoal
