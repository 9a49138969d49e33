#include "clients/leecher/agent/tracker_offers.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace shoal::leecher {
namespace {

constexpr absl::Duration kListTimeout = absl::Seconds(5);
// Trackers are asked for so long after a page was read.
constexpr absl::Duration kWantedFor = absl::Seconds(30);
constexpr absl::Duration kFirstWait = absl::Seconds(1);
constexpr size_t kMaxListed = 100'000;  // contents of one tracker

}  // namespace

TrackerOffers::TrackerOffers(Options options) : options_(std::move(options)), thread_([this] { Run(); }) {}

TrackerOffers::~TrackerOffers() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void TrackerOffers::SetFollowed(bool followed) {
  MutexLock lock(&mutex_);
  followed_ = followed;
  hurry_ = true;
  changed_.NotifyAll();
}

void TrackerOffers::Hurry() {
  MutexLock lock(&mutex_);
  hurry_ = true;
  changed_.NotifyAll();
}

void TrackerOffers::Run() {
  while (true) {
    {
      MutexLock lock(&mutex_);
      if (!hurry_ && !stopping_) {
        changed_.WaitFor(&mutex_, absl::ToChronoMilliseconds(options_.interval));
      }
      if (stopping_) return;
      hurry_ = false;
      if (!followed_ && wanted_until_ < options_.clock->Uptime()) {
        offering_.reset();
        continue;
      }
    }
    const Offering offering = Ask();
    {
      MutexLock lock(&mutex_);
      offering_ = offering;
      ++offerings_;
      changed_.NotifyAll();
    }
    if (options_.on_offering != nullptr) options_.on_offering(offering);
  }
}

Offering TrackerOffers::Ask() {
  std::map<std::pair<std::string, ContentId>, Offer> offers;
  bool answered = false;
  for (const tracking::TrackerUrl& tracker : options_.trackers) {
    const std::shared_ptr<tracking::TrackerClient> client = options_.client_at(tracker);
    tracking::ListContentsRequest request;
    size_t seen = 0;
    absl::Status status;
    do {
      const absl::StatusOr<tracking::ListContentsResponse> page = client->ListContents(request, kListTimeout);
      status = page.status();
      if (!page.ok()) break;
      answered = true;
      for (const tracking::ContentStatus& content : page->contents) {
        Offer& offer = offers[{content.summary.name, content.summary.id}];
        if (offer.trackers.empty()) offer.content = content;
        offer.content.seeders = std::max(offer.content.seeders, content.seeders);
        offer.content.leechers = std::max(offer.content.leechers, content.leechers);
        offer.content.publishers = std::max(offer.content.publishers, content.publishers);
        offer.content.published = std::max(offer.content.published, content.published);
        for (const PublisherSignature& signature : content.signatures) {
          auto& known = offer.content.signatures;
          if (std::find(known.begin(), known.end(), signature) == known.end()) known.push_back(signature);
        }
        offer.trackers.push_back(tracker.ToString());
      }
      seen += page->contents.size();
      request.page_token = page->next_page_token;
    } while (!request.page_token.empty() && seen < kMaxListed);
    if (options_.on_tracker != nullptr) options_.on_tracker(tracker, status);
  }
  if (!answered) return nullptr;
  auto offering = std::make_shared<std::vector<Offer>>();
  offering->reserve(offers.size());
  for (auto& [key, offer] : offers) offering->push_back(std::move(offer));
  return offering;
}

absl::StatusOr<OfferPage> TrackerOffers::Page(const std::string& text,
                                              const std::pair<std::string, ContentId>& after, size_t most) {
  Offering offering;
  {
    MutexLock lock(&mutex_);
    wanted_until_ = options_.clock->Uptime() + kWantedFor;
    if (offering_ == nullptr) {
      const uint64_t before = offerings_;
      hurry_ = true;
      changed_.NotifyAll();
      const absl::Duration began = Clock::Real().Uptime();
      while (offerings_ == before && !stopping_) {
        const absl::Duration left = kFirstWait - (Clock::Real().Uptime() - began);
        if (left <= absl::ZeroDuration()) break;
        changed_.WaitFor(&mutex_, absl::ToChronoMilliseconds(left));
      }
    }
    offering = offering_;
  }
  if (offering == nullptr) return absl::UnavailableError("no tracker answers");
  OfferPage page;
  auto offer = std::upper_bound(offering->begin(), offering->end(), after,
                                [](const std::pair<std::string, ContentId>& key, const Offer& each) {
                                  return key < std::pair(each.content.summary.name, each.content.summary.id);
                                });
  const std::string wanted = absl::AsciiStrToLower(text);
  for (; offer != offering->end(); ++offer) {
    if (!absl::StrContains(absl::AsciiStrToLower(offer->content.summary.name), wanted)) continue;
    if (page.offers.size() == most) {
      page.more = true;
      break;
    }
    page.offers.push_back(*offer);
  }
  return page;
}

}  // namespace shoal::leecher
