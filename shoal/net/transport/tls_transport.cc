#include "shoal/net/transport/tls_transport.h"

#include <linux/tls.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "shoal/net/transport/tcp_socket.h"

namespace shoal::net {
namespace {

namespace asio = boost::asio;

// Encrypted at a time: four of the largest records.
constexpr size_t kPlainBytes = 64 * 1024;
// Room for these after encryption: a record has a header of 5 bytes, its type, and a tag of 16.
constexpr size_t kWireBytes = kPlainBytes + 1024;

// What OpenSSL asks of a BIO whose kernel could encrypt. Its headers name these numbers in a comment only
// (BIO_CTRL_GET_KTLS_SEND is public).
constexpr int kTakeKeys = 72;      // the keys are at the pointer; the number is not zero for those of sending
constexpr int kNextIsOfType = 74;  // what is written next is a record of the type that the number says

// The bytes of a file on their way to encryption. Used between two waits only, so that the connections of a
// thread share it.
std::span<uint8_t> PlainBuffer() {
  static thread_local std::vector<uint8_t> buffer(kPlainBytes);
  return buffer;
}

class TlsTransport final : public Transport {
 public:
  TlsTransport(asio::io_context& context, std::shared_ptr<TlsContext> tls, std::shared_ptr<KernelTls> kernel,
               FileDescriptor socket)
      : socket_(context, std::move(socket)),
        tls_(std::move(tls)),
        kernel_(std::move(kernel)),
        accepted_(true) {}
  TlsTransport(asio::io_context& context, std::shared_ptr<TlsContext> tls, std::shared_ptr<KernelTls> kernel,
               const Endpoint& peer)
      : socket_(context, peer), tls_(std::move(tls)), kernel_(std::move(kernel)), accepted_(false) {}

  asio::awaitable<absl::Status> Open() override {
    absl::Status status = co_await socket_.Connect();
    if (!status.ok()) co_return status;
    const std::shared_ptr<const TlsCredentials> credentials = tls_->Current();
    ssl_.reset(SSL_new(credentials->context.get()));
    BIO* bio = BIO_new(SocketBio());
    if (ssl_ == nullptr || bio == nullptr) {
      BIO_free(bio);
      co_return absl::ResourceExhaustedError(absl::StrCat("no TLS: ", TakeOpenSslErrors()));
    }
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    if (kernel_->available()) SSL_set_options(ssl_.get(), SSL_OP_ENABLE_KTLS);
    wire_.reserve(kWireBytes);
    accepted_ ? SSL_set_accept_state(ssl_.get()) : SSL_set_connect_state(ssl_.get());
    status = co_await ShakeHands();
    co_return status;
  }

  asio::awaitable<absl::StatusOr<size_t>> ReadSome(std::span<uint8_t> into) override {
    while (!socket_.closed()) {
      size_t total = 0;
      int error = SSL_ERROR_NONE;
      do {
        size_t count = 0;
        ERR_clear_error();
        if (SSL_read_ex(ssl_.get(), into.data() + total, into.size() - total, &count) != 1) {
          error = SSL_get_error(ssl_.get(), 0);
          break;
        }
        total += count;
      } while (total < into.size() && SSL_has_pending(ssl_.get()) == 1);
      SendWhatFits();  // answers of TLS's own
      // OpenSSL 3.0 would answer with its next write. It would change its own keys then, not the kernel's.
      if (kernel_sends_ && SSL_get_key_update_type(ssl_.get()) != SSL_KEY_UPDATE_NONE) new_keys_asked_ = true;
      if (new_keys_asked_) co_return NewKeysAsked();
      if (total > 0) {
        // A failure behind these bytes is found again by the next call.
        co_await socket_.Received(std::exchange(arrived_bytes_, 0));
        co_return total;
      }
      if (error != SSL_ERROR_WANT_READ) co_return Failure(error, "connection lost");
      absl::Status ready = co_await socket_.Ready(TcpSocket::kReadable);
      if (!ready.ok()) co_return ready;
    }
    co_return TcpSocket::Closed();
  }

  asio::awaitable<absl::Status> Write(std::span<const uint8_t> bytes) override {
    if (kernel_sends_) {
      if (new_keys_asked_) co_return NewKeysAsked();
      writing_ = true;
      absl::Status sent = co_await socket_.Send(bytes, 0);
      writing_ = false;
      co_return sent;
    }
    absl::Status status = co_await Encrypt(bytes);
    if (status.ok()) status = co_await Flush();
    co_return status;
  }

  asio::awaitable<absl::Status> WriteRegion(std::span<const uint8_t> header,
                                            const FileRegion& region) override {
    if (kernel_sends_) {
      if (new_keys_asked_) co_return NewKeysAsked();
      writing_ = true;
      absl::Status sent = co_await socket_.SendRegion(header, region);
      writing_ = false;
      co_return sent;
    }
    // The region may be gone from the caller's frame by the time the peer takes more.
    const FileRegion held = region;
    absl::Status status = co_await Encrypt(header);
    absl::Status file_status;
    uint64_t offset = held.offset_bytes;
    for (uint64_t left = held.length_bytes; left > 0 && status.ok();) {
      // The buffer of the thread must not be in use across a wait: there has to be room for all of it.
      status = co_await Flush();
      if (!status.ok()) break;
      const std::span<uint8_t> plain = PlainBuffer().first(std::min<uint64_t>(left, kPlainBytes));
      size_t filled = 0;
      while (filled < plain.size() && file_status.ok()) {
        const ssize_t count = ::pread(held.file->get(), plain.data() + filled, plain.size() - filled,
                                      static_cast<off_t>(offset + filled));
        if (count > 0) {
          filled += count;
        } else if (count == 0) {
          file_status = absl::FailedPreconditionError("the file is shorter than it was");
        } else if (errno != EINTR) {
          file_status =
              absl::FailedPreconditionError(absl::StrCat("the file can't be read: ", std::strerror(errno)));
        }
      }
      std::fill(plain.begin() + static_cast<std::ptrdiff_t>(filled), plain.end(), uint8_t{0});
      status = EncryptNow(plain);
      offset += plain.size();
      left -= plain.size();
    }
    if (status.ok()) status = co_await Flush();
    co_return status.ok() ? file_status : status;
  }

  void EndWriting() override {
    if (ssl_ != nullptr && SSL_is_init_finished(ssl_.get()) == 1) {
      SayEnd();
      // The kernel may hold records that it has not passed to TCP yet. The end of TCP's stream would
      // overtake them; that of TLS's doesn't.
      if (kernel_sends_) return;
    }
    socket_.EndWriting();
  }
  void Close() override { socket_.Close(); }
  const Endpoint& remote() const override { return socket_.remote(); }
  uint64_t received_bytes() const override { return socket_.received_bytes() + arrived_bytes_; }
  uint64_t sent_bytes() const override { return socket_.sent_bytes(); }

 private:
  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  // OpenSSL's view of the socket. It reads from it at once, and leaves what is to be sent in wire_, from
  // where several records are sent together.
  static const BIO_METHOD* SocketBio() {
    static const BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "shoal transport");
      BIO_meth_set_read(made, [](BIO* bio, char* into, int size) {
        return static_cast<TlsTransport*>(BIO_get_data(bio))->Receive(bio, into, size);
      });
      BIO_meth_set_write(made, [](BIO* bio, const char* bytes, int size) {
        return static_cast<TlsTransport*>(BIO_get_data(bio))->Keep(bio, bytes, size);
      });
      BIO_meth_set_ctrl(made, [](BIO* bio, int command, long number, void* pointer) -> long {
        return static_cast<TlsTransport*>(BIO_get_data(bio))->Control(command, number, pointer);
      });
      return made;
    }();
    return method;
  }

  int Receive(BIO* bio, char* into, int size) {
    BIO_clear_retry_flags(bio);
    ssize_t count = 0;
    do {
      count = ::recv(socket_.descriptor(), into, static_cast<size_t>(size), 0);
    } while (count < 0 && errno == EINTR);
    if (count > 0) arrived_bytes_ += count;
    if (count == 0) at_end_ = true;
    if (count < 0 && errno == EAGAIN) BIO_set_retry_read(bio);
    return static_cast<int>(count);
  }

  int Keep(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    const std::span taken(reinterpret_cast<const uint8_t*>(bytes), static_cast<size_t>(size));
    if (kernel_sends_) return SendRecord(bio, taken);
    const size_t fitting = std::min(taken.size(), kWireBytes - wire_.size());
    if (fitting == 0) {
      BIO_set_retry_write(bio);
      return -1;
    }
    wire_.insert(wire_.end(), taken.begin(), taken.begin() + static_cast<std::ptrdiff_t>(fitting));
    return static_cast<int>(fitting);
  }

  // OpenSSL has the kernel encrypt only if the answer to kTakeKeys is 1, and else does it itself as ever.
  long Control(int command, long number, const void* pointer) {
    switch (command) {
      case BIO_CTRL_FLUSH:
        return 1;  // Flush follows
      case kTakeKeys:
        return number != 0 && GiveKeys(*static_cast<const tls_crypto_info*>(pointer)) ? 1 : 0;
      case BIO_CTRL_GET_KTLS_SEND:
        return kernel_sends_ ? 1 : 0;
      case kNextIsOfType:
        record_type_ = static_cast<uint8_t>(number);
        return 0;
      default:
        return 0;
    }
  }

  // Returns whether the kernel encrypts from now on.
  bool GiveKeys(const tls_crypto_info& keys) {
    if (kernel_sends_) return false;
    // What is left would be encrypted a second time.
    SendWhatFits();
    kernel_sends_ = wire_.empty() && kernel_->Enable(socket_.descriptor(), keys).ok();
    if (kernel_sends_) socket_.PushBeforeWaits();
    return kernel_sends_;
  }

  // Sends what OpenSSL writes when the kernel encrypts: alerts, since the bytes of the stream pass it by.
  int SendRecord(BIO* bio, std::span<const uint8_t> content) {
    if (record_type_ == SSL3_RT_HANDSHAKE) {
      new_keys_asked_ = true;  // nothing else is written after the handshake
      return -1;
    }
    // The kernel may hold the beginning of a record; an alert that comes in between can end up in it.
    if (writing_) return -1;
    ssize_t count = 0;
    do {
      count = kernel_->SendRecord(socket_.descriptor(), record_type_, content);
    } while (count < 0 && errno == EINTR);
    if (count > 0) socket_.CountSent(count);
    if (count < 0 && errno == EAGAIN) BIO_set_retry_write(bio);
    return static_cast<int>(count);
  }

  void SayEnd() {
    ERR_clear_error();
    const int result = SSL_shutdown(ssl_.get());
    SendWhatFits();
    if (kernel_sends_ && result < 0 && SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_WRITE) {
      socket_.OnWritable([this] { SayEnd(); });
    }
  }

  asio::awaitable<absl::Status> ShakeHands() {
    for (;;) {
      if (socket_.closed()) co_return TcpSocket::Closed();
      ERR_clear_error();
      const int result = SSL_do_handshake(ssl_.get());
      const int error = SSL_get_error(ssl_.get(), result);
      const bool failed = result != 1 && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
      if (failed) {
        SendWhatFits();  // tells the peer why
        co_return Failure(error, "the TLS handshake failed");
      }
      absl::Status status = co_await Flush();
      if (!status.ok()) co_return status;
      if (result == 1) break;
      if (error == SSL_ERROR_WANT_READ) {
        status = co_await socket_.Ready(TcpSocket::kReadable);
        if (!status.ok()) co_return status;
      }
    }
    co_await socket_.Received(std::exchange(arrived_bytes_, 0));
    co_return absl::OkStatus();
  }

  asio::awaitable<absl::Status> Encrypt(std::span<const uint8_t> bytes) {
    while (!bytes.empty()) {
      const std::span<const uint8_t> part = bytes.first(std::min(bytes.size(), kPlainBytes));
      if (kWireBytes - wire_.size() < part.size() + (kWireBytes - kPlainBytes)) {
        absl::Status flushed = co_await Flush();
        if (!flushed.ok()) co_return flushed;
      }
      absl::Status status = EncryptNow(part);
      if (!status.ok()) co_return status;
      bytes = bytes.subspan(part.size());
    }
    co_return absl::OkStatus();
  }

  // Requires: there is room in wire_.
  absl::Status EncryptNow(std::span<const uint8_t> bytes) {
    if (socket_.closed()) return TcpSocket::Closed();
    size_t taken = 0;
    ERR_clear_error();
    if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &taken) == 1) return absl::OkStatus();
    return Failure(SSL_get_error(ssl_.get(), 0), "connection lost");
  }

  // Sends all that was encrypted. What a reader adds meanwhile goes along.
  asio::awaitable<absl::Status> Flush() {
    while (!wire_.empty()) {
      flushing_ = true;
      const size_t size = wire_.size();
      absl::Status status = co_await socket_.Send(wire_, 0);
      flushing_ = false;
      if (!status.ok()) co_return status;
      wire_.erase(wire_.begin(), wire_.begin() + static_cast<std::ptrdiff_t>(size));
    }
    co_return absl::OkStatus();
  }

  // Sends without waiting. What does not fit, goes with what is written next.
  void SendWhatFits() {
    if (wire_.empty() || flushing_) return;
    const size_t count = socket_.SendNow(wire_);
    wire_.erase(wire_.begin(), wire_.begin() + static_cast<std::ptrdiff_t>(count));
  }

  static absl::Status NewKeysAsked() {
    return absl::UnavailableError("the peer asked for new TLS keys, which the kernel can't change");
  }

  absl::Status Failure(int error, absl::string_view what) const {
    if (socket_.closed()) return TcpSocket::Closed();
    const unsigned long report = ERR_peek_last_error();
    const int reason = ERR_GET_LIB(report) == ERR_LIB_SSL ? ERR_GET_REASON(report) : 0;
    const bool handshake = SSL_is_init_finished(ssl_.get()) == 0;
    if (at_end_ || error == SSL_ERROR_ZERO_RETURN) {
      ERR_clear_error();
      return absl::UnavailableError(handshake ? "the peer closed the connection during the TLS handshake: "
                                                "does it speak TLS (--tls-cert) too?"
                                              : "closed by the peer");
    }
    if (error == SSL_ERROR_SYSCALL && errno != 0) return TcpSocket::Gone(what, errno);
    switch (reason) {
      case SSL_R_WRONG_VERSION_NUMBER:
      case SSL_R_HTTP_REQUEST:
      case SSL_R_PACKET_LENGTH_TOO_LONG:
      case SSL_R_RECORD_TOO_SMALL:
        if (!handshake) break;
        ERR_clear_error();
        return absl::UnavailableError(
            "the peer speaks no TLS: start it with --tls-cert, --tls-key and --tls-ca");
      case SSL_R_CERTIFICATE_VERIFY_FAILED:
        ERR_clear_error();
        return absl::UnavailableError(
            absl::StrCat("the peer's certificate is not accepted (",
                         X509_verify_cert_error_string(SSL_get_verify_result(ssl_.get())),
                         "): is it from a CA in --tls-ca?"));
      case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        ERR_clear_error();
        return absl::UnavailableError("the peer showed no certificate");
      case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
      case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
        return absl::UnavailableError(absl::StrCat("the peer does not accept the certificate of --tls-cert (",
                                                   TakeOpenSslErrors(), ")"));
      default:
        break;
    }
    return absl::UnavailableError(absl::StrCat(what, ": ", TakeOpenSslErrors()));
  }

  TcpSocket socket_;
  const std::shared_ptr<TlsContext> tls_;
  const std::shared_ptr<KernelTls> kernel_;
  const bool accepted_;
  std::vector<uint8_t> wire_;    // encrypted and not sent; never has more than what is reserved
  bool flushing_ = false;        // its first bytes are being sent
  bool kernel_sends_ = false;    // and encrypts; wire_ stays empty then
  bool writing_ = false;         // a call writes, while the kernel encrypts
  bool new_keys_asked_ = false;  // by the peer, while the kernel encrypts
  uint8_t record_type_ = 0;      // of what OpenSSL writes, while the kernel encrypts
  bool at_end_ = false;
  size_t arrived_bytes_ = 0;  // received and not told to socket_
  std::unique_ptr<SSL, FreeSsl> ssl_;
};

class TlsTransportFactory final : public TransportFactory {
 public:
  TlsTransportFactory(std::shared_ptr<TlsContext> context, std::shared_ptr<KernelTls> kernel)
      : context_(std::move(context)), kernel_(std::move(kernel)) {}
  std::unique_ptr<Transport> Accept(EventLoop& loop, FileDescriptor socket) const override {
    return std::make_unique<TlsTransport>(loop.context(), context_, kernel_, std::move(socket));
  }
  std::unique_ptr<Transport> Dial(EventLoop& loop, const Endpoint& peer) const override {
    return std::make_unique<TlsTransport>(loop.context(), context_, kernel_, peer);
  }

 private:
  const std::shared_ptr<TlsContext> context_;
  const std::shared_ptr<KernelTls> kernel_;
};

}  // namespace

std::shared_ptr<const TransportFactory> TlsTransports(std::shared_ptr<TlsContext> context,
                                                      std::shared_ptr<KernelTls> kernel) {
  return std::make_shared<const TlsTransportFactory>(std::move(context), std::move(kernel));
}

absl::string_view EncryptedBy(const std::shared_ptr<TlsContext>& context) {
  if (context == nullptr) return "none";
  return SystemKernelTls()->available() ? "kernel" : "process";
}

}  // namespace shoal::net
