#include "shoal/net/transport/first_transport.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/base/clock.h"

namespace shoal::net {
namespace {

namespace asio = boost::asio;

// The attempts, and which one won. Held by each attempt until it ends. Used on the loop's thread.
struct Race {
  explicit Race(asio::io_context& context) : news(context) {}

  std::vector<std::unique_ptr<Transport>> attempts;
  std::vector<absl::Status> failures;  // of the attempts that ended; OK while one is under way
  size_t under_way = 0;
  std::optional<size_t> winner;
  bool over = false;
  asio::steady_timer news;  // cancelled when an attempt ends
};

asio::awaitable<void> Attempt(std::shared_ptr<Race> race, size_t index) {
  const absl::Status opened = co_await race->attempts[index]->Open();
  --race->under_way;
  if (race->over) co_return;
  if (opened.ok() && !race->winner.has_value()) {
    race->winner = index;
  } else if (!opened.ok()) {
    race->failures[index] = opened;
  }
  race->news.cancel();
}

class FirstTransport final : public Transport {
 public:
  FirstTransport(EventLoop& loop, const TransportFactory& transports, std::vector<Endpoint> endpoints,
                 const DialTiming& timing)
      : loop_(loop),
        transports_(transports),
        endpoints_(std::move(endpoints)),
        timing_(timing),
        race_(std::make_shared<Race>(loop.context())) {}
  ~FirstTransport() override { EndRace(); }

  asio::awaitable<absl::Status> Open() override {
    // Held here: this may be closed and destroyed by the time an attempt ends.
    const std::shared_ptr<Race> race = race_;
    const absl::Duration start = Clock::Real().Uptime();
    absl::Duration next_at = start;
    while (!race->over && !race->winner.has_value()) {
      const absl::Duration now = Clock::Real().Uptime();
      const bool more = race->attempts.size() < endpoints_.size();
      if ((!more && race->under_way == 0) || now - start >= timing_.timeout) break;
      if (more && (now >= next_at || race->under_way == 0)) {
        Begin(race);
        next_at = now + timing_.stagger;
        continue;  // it may have ended already
      }
      const absl::Duration until =
          std::min(more ? next_at : absl::InfiniteDuration(), start + timing_.timeout);
      // A year, because the timer's clock does not reach for ever.
      race->news.expires_after(absl::ToChronoNanoseconds(std::min(until - now, absl::Hours(24 * 365))));
      boost::system::error_code ignored;
      co_await race->news.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    if (race->over) co_return absl::CancelledError("closed here");
    if (!race->winner.has_value()) {
      const absl::Status failed = Failure(*race);
      EndRace();
      co_return failed;
    }
    inner_ = std::move(race->attempts[*race->winner]);
    EndRace();
    co_return absl::OkStatus();
  }

  asio::awaitable<absl::StatusOr<size_t>> ReadSome(std::span<uint8_t> into) override {
    return inner_->ReadSome(into);
  }
  asio::awaitable<absl::Status> Write(std::span<const uint8_t> bytes) override {
    return inner_->Write(bytes);
  }
  asio::awaitable<absl::Status> WriteChunks(std::span<const uint8_t> bytes) override {
    return inner_->WriteChunks(bytes);
  }
  asio::awaitable<absl::Status> WriteRegion(std::span<const uint8_t> header,
                                            const FileRegion& region) override {
    return inner_->WriteRegion(header, region);
  }
  void EndWriting() override {
    if (inner_ != nullptr) inner_->EndWriting();
  }
  void Close() override {
    EndRace();
    if (inner_ != nullptr) inner_->Close();
  }

  const Endpoint& remote() const override {
    return inner_ == nullptr ? endpoints_.front() : inner_->remote();
  }
  uint64_t received_bytes() const override { return inner_ == nullptr ? 0 : inner_->received_bytes(); }
  uint64_t sent_bytes() const override { return inner_ == nullptr ? 0 : inner_->sent_bytes(); }
  bool held_back() const override { return inner_ != nullptr && inner_->held_back(); }

 private:
  void Begin(const std::shared_ptr<Race>& race) {
    const size_t index = race->attempts.size();
    race->attempts.push_back(transports_.Dial(loop_, endpoints_[index]));
    race->failures.push_back(absl::OkStatus());
    ++race->under_way;
    asio::co_spawn(loop_.context(), Attempt(race, index), asio::detached);
  }

  // The first endpoint is known as remote(), so its address is not repeated.
  absl::Status Failure(const Race& race) const {
    std::string reasons;
    for (size_t i = 0; i < race.failures.size(); ++i) {
      if (i > 0) absl::StrAppend(&reasons, "; ", endpoints_[i].ToString(), ": ");
      absl::StrAppend(&reasons, race.failures[i].ok() ? absl::StrCat("no connection within ",
                                                                     absl::FormatDuration(timing_.timeout))
                                                      : std::string(race.failures[i].message()));
    }
    return absl::UnavailableError(reasons);
  }

  // Closes the attempts that are still under way. Idempotent.
  void EndRace() {
    if (std::exchange(race_->over, true)) return;
    for (const auto& attempt : race_->attempts) {
      if (attempt != nullptr) attempt->Close();
    }
    race_->news.cancel();
  }

  EventLoop& loop_;
  const TransportFactory& transports_;
  const std::vector<Endpoint> endpoints_;
  const DialTiming timing_;
  const std::shared_ptr<Race> race_;
  std::unique_ptr<Transport> inner_;  // null until one has connected
};

}  // namespace

std::unique_ptr<Transport> DialFirst(EventLoop& loop, const TransportFactory& transports,
                                     std::vector<Endpoint> endpoints, const DialTiming& timing) {
  if (endpoints.size() == 1) return transports.Dial(loop, endpoints.front());
  return std::make_unique<FirstTransport>(loop, transports, std::move(endpoints), timing);
}

std::vector<Endpoint> AlternateFamilies(const std::vector<Endpoint>& endpoints) {
  std::vector<Endpoint> first, second;
  for (const Endpoint& endpoint : endpoints) {
    (endpoint.ip.is_v4() == endpoints.front().ip.is_v4() ? first : second).push_back(endpoint);
  }
  std::vector<Endpoint> mixed;
  for (size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) mixed.push_back(first[i]);
    if (i < second.size()) mixed.push_back(second[i]);
  }
  return mixed;
}

}  // namespace shoal::net
