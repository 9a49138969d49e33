#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "shoal/net/transport/transport.h"

namespace shoal::net {
namespace {

namespace asio = boost::asio;

class ThrottledTransport final : public LimitedTransport {
 public:
  ThrottledTransport(std::unique_ptr<Transport> inner, asio::io_context& context,
                     std::shared_ptr<RateLimit> read_limit, std::shared_ptr<RateLimit> write_limit)
      : inner_(std::move(inner)),
        read_limit_(std::move(read_limit)),
        write_limit_(std::move(write_limit)),
        reading_(context),
        writing_(context) {}

  void SetWriteLimit(std::shared_ptr<RateLimit> limit) override { write_limit_ = std::move(limit); }

  asio::awaitable<absl::Status> Open() override { return inner_->Open(); }

  asio::awaitable<absl::StatusOr<size_t>> ReadSome(std::span<uint8_t> into) override {
    if (!IsSet(read_limit_)) return inner_->ReadSome(into);
    return ReadSlowly(into.first(std::min(into.size(), read_limit_->StepBytes())));
  }
  asio::awaitable<absl::Status> Write(std::span<const uint8_t> bytes) override {
    if (IsSet(write_limit_)) write_limit_->Draw(bytes.size());
    return inner_->Write(bytes);
  }
  asio::awaitable<absl::Status> WriteChunks(std::span<const uint8_t> bytes) override {
    if (!IsSet(write_limit_)) return inner_->WriteChunks(bytes);
    return WriteSlowly(bytes);
  }
  asio::awaitable<absl::Status> WriteRegion(std::span<const uint8_t> header,
                                            const FileRegion& region) override {
    if (!IsSet(write_limit_)) return inner_->WriteRegion(header, region);
    return WriteRegionSlowly(header, region);
  }
  void EndWriting() override { inner_->EndWriting(); }
  void Close() override {
    closed_ = true;
    inner_->Close();
    reading_.cancel();
    writing_.cancel();
  }

  const Endpoint& remote() const override { return inner_->remote(); }
  uint64_t received_bytes() const override { return inner_->received_bytes(); }
  uint64_t sent_bytes() const override { return inner_->sent_bytes(); }
  bool held_back() const override { return waiting_ > 0 || inner_->held_back(); }

 private:
  static bool IsSet(const std::shared_ptr<RateLimit>& limit) { return limit != nullptr && limit->limited(); }

  asio::awaitable<absl::StatusOr<size_t>> ReadSlowly(std::span<uint8_t> into) {
    absl::StatusOr<size_t> count = co_await inner_->ReadSome(into);
    if (!count.ok()) co_return count;
    absl::Status paid = co_await Pay(*read_limit_, *count, reading_);
    if (!paid.ok()) co_return paid;
    co_return count;
  }

  asio::awaitable<absl::Status> WriteSlowly(std::span<const uint8_t> bytes) {
    while (!bytes.empty()) {
      const size_t step = std::min(bytes.size(), write_limit_->StepBytes());
      absl::Status status = co_await Pay(*write_limit_, step, writing_);
      if (status.ok()) status = co_await inner_->WriteChunks(bytes.first(step));
      if (!status.ok()) co_return status;
      bytes = bytes.subspan(step);
    }
    co_return absl::OkStatus();
  }

  asio::awaitable<absl::Status> WriteRegionSlowly(std::span<const uint8_t> header, FileRegion region) {
    absl::Status read;  // the first step that could not be read; the later ones fill the frame all the same
    while (region.length_bytes > 0) {
      FileRegion step = region;
      step.length_bytes =
          static_cast<uint32_t>(std::min<size_t>(region.length_bytes, write_limit_->StepBytes()));
      absl::Status status = co_await Pay(*write_limit_, header.size() + step.length_bytes, writing_);
      if (status.ok()) status = co_await inner_->WriteRegion(header, step);
      if (absl::IsFailedPrecondition(status)) {
        read.Update(status);
      } else if (!status.ok()) {
        co_return status;
      }
      header = {};
      region.offset_bytes += step.length_bytes;
      region.length_bytes -= step.length_bytes;
    }
    co_return read;
  }

  asio::awaitable<absl::Status> Pay(RateLimit& limit, size_t bytes, asio::steady_timer& timer) {
    const RateLimit::Ticket ticket = limit.Draw(bytes);
    while (!closed_) {
      const absl::Duration wait = limit.TimeUntil(ticket);
      if (wait <= absl::ZeroDuration()) co_return absl::OkStatus();
      ++waiting_;
      boost::system::error_code ignored;
      timer.expires_after(absl::ToChronoNanoseconds(std::min(wait, RateLimit::kLookAgain)));
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      --waiting_;
    }
    co_return absl::CancelledError("closed here");
  }

  const std::unique_ptr<Transport> inner_;
  const std::shared_ptr<RateLimit> read_limit_;
  std::shared_ptr<RateLimit> write_limit_;
  asio::steady_timer reading_;
  asio::steady_timer writing_;
  int waiting_ = 0;
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<LimitedTransport> LimitedLater(std::unique_ptr<Transport> transport, EventLoop& loop) {
  return std::make_unique<ThrottledTransport>(std::move(transport), loop.context(), nullptr, nullptr);
}

std::unique_ptr<Transport> Throttled(std::unique_ptr<Transport> transport, EventLoop& loop,
                                     std::shared_ptr<RateLimit> read_limit,
                                     std::shared_ptr<RateLimit> write_limit) {
  if (read_limit == nullptr && write_limit == nullptr) return transport;
  return std::make_unique<ThrottledTransport>(std::move(transport), loop.context(), std::move(read_limit),
                                              std::move(write_limit));
}

}  // namespace shoal::net
