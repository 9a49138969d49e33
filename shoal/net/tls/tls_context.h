#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/clock.h"
#include "shoal/base/file_stamp.h"
#include "shoal/base/mutex.h"

struct ssl_ctx_st;  // SSL_CTX of OpenSSL

namespace shoal::net {

// The PEM files of a process that speaks TLS, and which peers must present a certificate.
struct TlsFiles {
  std::string certificate;    // the own certificate, then those between it and its CA
  std::string key;            // the private key of the certificate, without a passphrase
  std::string authorities;    // the CA certificates that a peer's certificate must chain to; empty: no check
  bool browsers_too = false;  // HTTP clients must present a certificate, too

  bool any() const { return !certificate.empty() || !key.empty() || !authorities.empty(); }
};

// What was in the files at one time, and fits together. Immutable; shared by the connections that were begun
// with it.
struct TlsCredentials {
  uint64_t generation = 0;  // counts the readings, from 1
  // As in the files; empty without the file.
  std::string certificate;
  std::string key;
  std::string authorities;
  // Names that the own certificate is for (DNS entries of its subjectAltName).
  std::vector<std::string> dns_names;
  // For both roles, TLS 1.3 only. If there are authorities, the peer must present a certificate that chains
  // to one of them. The names in the certificate are not checked. Without authorities the peer is not
  // authenticated.
  std::shared_ptr<ssl_ctx_st> context;

  bool demands_certificates() const { return !authorities.empty(); }
};

// The TLS credentials of a process, which follow their files: a changed file is read before the next
// handshake. A connection keeps the credentials that it began with. Files that can't be used leave the former
// credentials in place, and are tried again when they change once more.
//
// Not responsible for: sockets and handshakes (shoal/net/transport/tls_transport.h).
// Thread safety: all methods are thread-safe.
class TlsContext {
 public:
  struct Options {
    // The files are looked at (stat) no more often than this.
    absl::Duration look_interval = absl::Seconds(1);
    const Clock* clock = &Clock::Real();
    // Called after each further reading, with the reason if it failed; on the thread that looked. May be
    // null.
    std::function<void(const absl::Status& outcome)> on_reload = nullptr;
  };

  // Reads the files. A certificate and its key belong together; each of them, or the authorities, may be
  // absent. Errors, which name the file: INVALID_ARGUMENT for a file that is no PEM or needs a passphrase,
  // for a key of another certificate, for an expired certificate, and for a certificate without a key or the
  // other way round; those of ReadFile.
  static absl::StatusOr<std::shared_ptr<TlsContext>> Load(const TlsFiles& files, const Options& options);
  static absl::StatusOr<std::shared_ptr<TlsContext>> Load(const TlsFiles& files) { return Load(files, {}); }
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // Returns what the files hold now, or held last when they can't be used now. Never null.
  std::shared_ptr<const TlsCredentials> Current();
  // Reads the files again at once, whether they have changed or not. Errors: those of Load; the former
  // credentials stay then.
  absl::Status Reload();

  const TlsFiles& files() const { return files_; }

 private:
  // Tells a changed file from an unchanged one, for each of the files.
  using Stamps = std::vector<FileStamp>;

  TlsContext(const TlsFiles& files, const Options& options) : files_(files), options_(options) {}
  Stamps StampFiles() const;
  absl::Status Read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tell(const absl::Status& outcome) const;

  const TlsFiles files_;
  const Options options_;
  Mutex mutex_;
  absl::Duration looked_at_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();
  Stamps stamps_ ABSL_GUARDED_BY(mutex_);
  uint64_t readings_ ABSL_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<const TlsCredentials> current_ ABSL_GUARDED_BY(mutex_);
};

// What OpenSSL reported last on this thread, in short; the reports are cleared.
std::string TakeOpenSslErrors();

}  // namespace shoal::net
