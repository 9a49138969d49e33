#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "shoal/base/file_io.h"
#include "shoal/net/transport/transport.h"
#include "shoal/stream/session_writer.h"
#include "shoal/stream/wire/frame.h"

namespace shoal {

// Two transports that are joined in memory. What one writes is in transit until the owner of the wire
// delivers it, a few bytes or all; until then whole frames of the chunk stream can be changed, repeated,
// removed and added. It aborts when a transport is used against its contract (two reads or two writes at a
// time).
//
// Thread safety: bound to the thread that runs `context`, which must outlive it and its transports.
class MemoryWire {
 public:
  enum class End : uint8_t { kFirst = 0, kSecond = 1 };
  static End Other(End end) { return end == End::kFirst ? End::kSecond : End::kFirst; }

  struct Options {
    // A write returns when no more bytes than this are in transit or arrived and not read.
    size_t window_bytes = 1024 * 1024;
    size_t max_read_bytes = SIZE_MAX;
    // Open() waits for the first Deliver towards its end, or fails.
    bool opens_late = false;
    bool opens = true;
  };

  MemoryWire(boost::asio::io_context& context, const Options& options)
      : state_(std::make_shared<State>(context, options)) {}

  // Called once for each end.
  std::unique_ptr<net::Transport> TransportOf(End end) { return std::make_unique<Joined>(state_, end); }

  // Called with all bytes that `end` writes, or has read, in their order.
  using Tap = std::function<void(End end, absl::string_view bytes)>;
  void SetTaps(Tap written, Tap read) {
    state_->written = std::move(written);
    state_->read = std::move(read);
  }

  // Delivers up to `bytes` of what `from` has written, and the end of its stream when nothing is left before
  // it. Returns whether anything was delivered.
  bool Deliver(End from, size_t bytes) { return state_->Deliver(from, bytes); }
  // The bytes that `from` has written and that were not delivered, and those that were not read.
  size_t InTransit(End from) const { return state_->Of(from).transit.size(); }
  size_t Unread(End from) const { return state_->Of(from).transit.size() + state_->Of(from).arrived.size(); }
  // The bytes from the next to be delivered to the end of a frame; 0: nothing is in transit.
  size_t BytesToFrameEnd(End from) const {
    const Direction& direction = state_->Of(from);
    if (direction.rest_of_frame > 0) return direction.rest_of_frame;
    return FrameBytes(direction.transit, 0);
  }
  bool IsWriting(End end) const { return state_->Of(end).writing; }
  void Widen(size_t window_bytes) { state_->Widen(window_bytes); }
  // As if the network had cut this direction: what `from` writes from now on is lost.
  void EndWriting(End from) { state_->EndWriting(from); }

  // The n-th frame that is whole in transit; nothing when there are fewer. Valid until the next call.
  struct Frame {
    size_t begin = 0;
    size_t bytes = 0;
  };
  std::optional<Frame> FrameInTransit(End from, size_t n) const {
    const Direction& direction = state_->Of(from);
    size_t at = direction.rest_of_frame;
    while (at < direction.transit.size()) {
      const size_t bytes = FrameBytes(direction.transit, at);
      if (at + bytes > direction.transit.size()) break;
      if (n-- == 0) return Frame{at, bytes};
      at += bytes;
    }
    return std::nullopt;
  }
  // The bytes in transit, to be changed. A frame that is delivered in part is not to be changed in length.
  std::string& Transit(End from) { return state_->Of(from).transit; }
  // Adds a frame before the first that is whole in transit. Returns false when there is no place between two
  // frames.
  bool Inject(End from, const std::string& frame) {
    Direction& direction = state_->Of(from);
    if (direction.rest_of_frame > direction.transit.size()) return false;
    direction.transit.insert(direction.rest_of_frame, frame);
    state_->arrival[Index(Other(from))].Set();
    return true;
  }

  // Whether the transports are destroyed.
  bool IsUnused() const { return state_.use_count() == 1; }

 private:
  static size_t Index(End end) { return static_cast<size_t>(end); }

  // The length of the frame whose header is at `at`, as it says; what is left when that is no whole header.
  static size_t FrameBytes(const std::string& transit, size_t at) {
    if (transit.size() - at < stream::kFrameHeaderBytes) return transit.size() - at;
    const auto* const header = reinterpret_cast<const uint8_t*>(transit.data()) + at;
    return stream::kFrameHeaderBytes + LoadBig<uint32_t>(header + 4);
  }

  // What one end writes to the other.
  struct Direction {
    std::string transit;
    size_t rest_of_frame = 0;  // bytes of transit that belong to a frame that was delivered in part
    std::string arrived;
    uint64_t written_bytes = 0;
    uint64_t taken_bytes = 0;
    uint64_t read_bytes = 0;
    bool writing = false;  // a call is in progress
    bool reading = false;
    bool ended = false;          // nothing more is written
    bool end_delivered = false;  // the reader knows
    bool closed = false;         // the transport of the writer is
  };

  struct State {
    State(boost::asio::io_context& context, const Options& its_options)
        : options(its_options),
          arrival{stream::Wakeup(context), stream::Wakeup(context)},
          room{stream::Wakeup(context), stream::Wakeup(context)} {}

    Direction& Of(End from) { return directions[Index(from)]; }
    const Direction& Of(End from) const { return directions[Index(from)]; }

    bool Deliver(End from, size_t bytes) {
      Direction& direction = Of(from);
      const End to = Other(from);
      bool any = std::exchange(unopened[Index(to)], false);
      const size_t count = std::min(bytes, direction.transit.size());
      for (size_t left = count, at = 0; left > 0;) {
        if (direction.rest_of_frame == 0) direction.rest_of_frame = FrameBytes(direction.transit, at);
        const size_t step = std::min(left, direction.rest_of_frame);
        direction.rest_of_frame -= step;
        left -= step;
        at += step;
      }
      if (!Of(to).closed) direction.arrived.append(direction.transit, 0, count);
      direction.transit.erase(0, count);
      any = any || count > 0;
      if (direction.ended && direction.transit.empty() && !std::exchange(direction.end_delivered, true))
        any = true;
      Take(from);
      if (any) arrival[Index(to)].Set();
      // A write towards an end that has closed fails from now on.
      if (any) room[Index(to)].Set();
      return any;
    }

    // Counts what has found room in the window.
    void Take(End from) {
      Direction& direction = Of(from);
      const size_t unread = direction.transit.size() + direction.arrived.size();
      const size_t waiting = unread > options.window_bytes ? unread - options.window_bytes : 0;
      if (direction.written_bytes >= waiting)
        direction.taken_bytes = std::max(direction.taken_bytes, direction.written_bytes - waiting);
      if (waiting == 0) room[Index(from)].Set();
    }

    void Widen(size_t window_bytes) {
      options.window_bytes = window_bytes;
      Take(End::kFirst);
      Take(End::kSecond);
    }

    void EndWriting(End from) {
      Of(from).ended = true;
      room[Index(from)].Set();
    }

    Options options;
    Tap written;
    Tap read;
    std::array<Direction, 2> directions;
    std::array<bool, 2> unopened{options.opens_late, options.opens_late};
    std::array<stream::Wakeup, 2> arrival;  // at the end
    std::array<stream::Wakeup, 2> room;     // for what the end writes
  };

  class Joined final : public net::Transport {
   public:
    Joined(std::shared_ptr<State> state, End end) : state_(std::move(state)), end_(end) {}

    boost::asio::awaitable<absl::Status> Open() override {
      if (!state_->options.opens) co_return absl::UnavailableError("nobody listens");
      while (!Out().closed && state_->unopened[Index(end_)]) co_await state_->arrival[Index(end_)].Wait();
      if (Out().closed) co_return Closed();
      co_return absl::OkStatus();
    }

    boost::asio::awaitable<absl::StatusOr<size_t>> ReadSome(std::span<uint8_t> into) override {
      Begin(&In().reading, !into.empty());
      while (!Out().closed && In().arrived.empty() && !In().end_delivered)
        co_await state_->arrival[Index(end_)].Wait();
      In().reading = false;
      if (Out().closed) co_return Closed();
      if (In().arrived.empty()) co_return absl::UnavailableError("closed by the peer");
      const size_t count = std::min({into.size(), state_->options.max_read_bytes, In().arrived.size()});
      std::copy_n(In().arrived.begin(), count, into.begin());
      if (state_->read) state_->read(end_, absl::string_view(In().arrived).substr(0, count));
      In().arrived.erase(0, count);
      In().read_bytes += count;
      state_->Take(Other(end_));
      co_return count;
    }

    boost::asio::awaitable<absl::Status> Write(std::span<const uint8_t> bytes) override {
      Begin(&Out().writing, true);
      absl::Status status = co_await Pass({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      Out().writing = false;
      co_return status;
    }

    boost::asio::awaitable<absl::Status> WriteRegion(std::span<const uint8_t> header,
                                                     const FileRegion& region) override {
      Begin(&Out().writing, region.length_bytes > 0);
      std::string frame(header.begin(), header.end());
      frame.resize(header.size() + region.length_bytes);
      const std::span<uint8_t> body(reinterpret_cast<uint8_t*>(frame.data()) + header.size(),
                                    region.length_bytes);
      const absl::Status read = ReadAt(region.file->get(), body, region.offset_bytes);
      if (!read.ok()) std::fill(body.begin(), body.end(), uint8_t{0});
      absl::Status status = co_await Pass(frame);
      Out().writing = false;
      if (status.ok() && !read.ok()) status = absl::FailedPreconditionError("the file is shorter");
      co_return status;
    }

    void EndWriting() override { state_->EndWriting(end_); }

    void Close() override {
      Out().closed = true;
      EndWriting();
      state_->arrival[Index(end_)].Set();
    }

    const Endpoint& remote() const override { return remote_; }
    uint64_t received_bytes() const override { return state_->Of(Other(end_)).read_bytes; }
    uint64_t sent_bytes() const override { return state_->Of(end_).taken_bytes; }

   private:
    static absl::Status Closed() { return absl::CancelledError("closed here"); }
    static void Begin(bool* call, bool valid) {
      if (!valid || std::exchange(*call, true)) std::abort();
    }

    // The peer has closed, and this end was told.
    bool IsReset() const {
      const Direction& in = state_->Of(Other(end_));
      return in.closed && in.end_delivered;
    }

    boost::asio::awaitable<absl::Status> Pass(absl::string_view bytes) {
      if (Out().closed) co_return Closed();
      if (IsReset()) co_return absl::UnavailableError("closed by the peer");
      if (Out().ended) co_return absl::OkStatus();
      if (state_->written) state_->written(end_, bytes);
      Out().transit.append(bytes.data(), bytes.size());
      Out().written_bytes += bytes.size();
      state_->Take(end_);
      while (!Out().closed && !Out().ended && !IsReset() &&
             Out().transit.size() + Out().arrived.size() > state_->options.window_bytes) {
        co_await state_->room[Index(end_)].Wait();
      }
      if (Out().closed) co_return Closed();
      if (IsReset()) co_return absl::UnavailableError("closed by the peer");
      co_return absl::OkStatus();
    }

    Direction& Out() { return state_->Of(end_); }
    Direction& In() { return state_->Of(Other(end_)); }

    const std::shared_ptr<State> state_;
    const End end_;
    const Endpoint remote_;
  };

  const std::shared_ptr<State> state_;
};

}  // namespace shoal
