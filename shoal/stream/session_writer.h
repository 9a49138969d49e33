#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "shoal/net/transport/transport.h"
#include "shoal/stream/outbox.h"
#include "shoal/stream/session_uploads.h"
#include "shoal/stream/wire/control.h"

namespace shoal::stream {

// An event that one coroutine waits for, set by other code on the same loop. A Set before Wait is not lost;
// several Sets before one Wait count as one. Thread safety: bound to one loop.
class Wakeup {
 public:
  explicit Wakeup(boost::asio::io_context& context) : timer_(context) {}

  void Set() {
    if (!std::exchange(set_, true)) timer_.cancel();
  }

  boost::asio::awaitable<void> Wait() {
    while (!set_) {
      boost::system::error_code ignored;
      timer_.expires_at(boost::asio::steady_timer::time_point::max());
      co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    }
    set_ = false;
  }

  // As Wait, for at most `time`.
  boost::asio::awaitable<void> WaitFor(boost::asio::steady_timer::duration time) {
    if (!set_) {
      boost::system::error_code ignored;
      timer_.expires_after(time);
      co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    }
    set_ = false;
  }

 private:
  boost::asio::steady_timer timer_;
  bool set_ = false;
};

// The writing half of a session: a coroutine that writes control frames first, then manifest slices, then
// chunks, and the calls that give it work. It does not decide which chunk goes next (SessionUploads does).
//
// Thread safety: bound to the session's loop. Close must be called before destruction; the coroutine, which
// holds the session, ends soon after.
class SessionWriter {
 public:
  // All must outlive this.
  SessionWriter(boost::asio::io_context& context, net::Transport& transport, Outbox* outbox,
                SessionUploads* uploads);

  // Writes until Close. Returns the first error; OK after Close.
  boost::asio::awaitable<absl::Status> Run();
  void Close();

  // Looks for work in the outbox and the uploads.
  void Wake() { work_.Set(); }
  void Say(FrameType type, const std::string& body);
  // Tells the peer of gained chunks: at once, or with later ones when some were announced just now. `keep` is
  // held until then.
  void Announce(std::span<const ChunkIndex> gained, std::shared_ptr<void> keep);
  // INVALID_ARGUMENT when the slices are not of the manifest that is served, or too many are requested.
  absl::Status SendManifest(const ManifestRequest& request);
  // Writes this refusal after the frame in progress and nothing after it, and ends the stream.
  void EndWith(const Refuse& refuse);
  bool ending() const { return last_words_.has_value(); }
  const std::optional<Refuse>& last_words() const { return last_words_; }

  // Writes a hello or a refusal outside of Run.
  boost::asio::awaitable<absl::Status> WriteNow(FrameType type, const std::string& body);

  // Waits until the outbox has been written.
  boost::asio::awaitable<void> Drained() { return drained_.Wait(); }
  // Returns whether a frame waits to be taken by the peer.
  bool sending() const { return sending_; }

 private:
  using Task = boost::asio::awaitable<absl::Status>;

  bool HasUrgentWork() const;
  Task WriteUrgent();
  Task WriteManifestSlice();
  Task WriteChunks();
  void TellGains();

  net::Transport& transport_;
  Outbox& outbox_;
  SessionUploads& uploads_;
  bool closed_ = false;
  bool sending_ = false;
  std::string writing_;  // control frames that are being written
  std::optional<Refuse> last_words_;
  bool said_last_words_ = false;
  std::vector<ChunkIndex> untold_gains_;
  boost::asio::steady_timer tell_gains_;
  bool telling_gains_ = false;  // tell_gains_ runs
  absl::Duration told_gains_at_ = -absl::InfiniteDuration();
  std::deque<ManifestRequest> slices_;                 // requested and not sent yet
  std::shared_ptr<const std::string> manifest_bytes_;  // while slices are requested
  Wakeup work_;
  Wakeup drained_;
};

}  // namespace shoal::stream
