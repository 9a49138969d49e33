#include "shoal/service/metrics/serving_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/service/metrics/metrics.h"

namespace shoal::service {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using Content = ServingFigures::Content;

constexpr char kOther[] = "other";

// Raises a counter to a total that is kept elsewhere.
void RaiseTo(Counter& counter, uint64_t total) {
  const double step = static_cast<double>(total) - counter.Value();
  if (step > 0) counter.Increment(step);
}

// The series of a family exists once it has a value.
void RaiseTo(Family<Counter>& family, std::optional<uint64_t> total) {
  if (total.has_value()) RaiseTo(family.Add({}), *total);
}
void SetTo(Family<Gauge>& family, std::optional<uint64_t> value) {
  if (value.has_value()) family.Add({}).Set(static_cast<double>(*value));
}

}  // namespace

struct ServingMetrics::Families {
  // The series of one content, or of all others together.
  struct Series {
    Counter* sent_bytes;
    Gauge* rate;
    Gauge* peers;
  };

  Families(const std::string& prefix_, absl::string_view version) : prefix(prefix_) {
    metrics.AddProcess(version);
  }

  Family<Counter>& CounterFamily(const char* name, const char* help) {
    return prometheus::BuildCounter()
        .Name(absl::StrCat(prefix, name))
        .Help(help)
        .Register(metrics.registry());
  }
  Family<Gauge>& GaugeFamily(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(absl::StrCat(prefix, name)).Help(help).Register(metrics.registry());
  }
  Series AddSeries(const std::string& id, const std::string& name) {
    const std::map<std::string, std::string> labels = {{"content", id}, {"name", name}};
    return {&content_sent_bytes.Add(labels), &content_rate.Add(labels), &content_peers.Add(labels)};
  }
  void RemoveSeries(const Series& series) {
    content_sent_bytes.Remove(series.sent_bytes);
    content_rate.Remove(series.rate);
    content_peers.Remove(series.peers);
  }
  void ShowContents(std::vector<Content> served);

  Metrics metrics;
  const std::string prefix;
  Counter& sent_bytes = CounterFamily("_sent_bytes_total", "Bytes of chunks sent to peers.").Add({});
  Counter& sent_chunks = CounterFamily("_sent_chunks_total", "Chunks sent to peers.").Add({});
  Counter& refused =
      CounterFamily("_refused_total", "Connections and requests for chunks that were refused.").Add({});
  Counter& problems =
      CounterFamily("_problems_total", "Contents that could not be published or read.").Add({});
  Gauge& sessions = GaugeFamily("_sessions", "Peers that are connected now.").Add({});
  Gauge& contents = GaugeFamily("_contents", "Contents that are served now.").Add({});
  Family<Gauge>& content_bytes = GaugeFamily("_content_bytes", "Length of all served contents together.");
  Family<Counter>& received_bytes =
      CounterFamily("_received_bytes_total", "Bytes of chunks received from peers, wasted ones included.");
  Family<Counter>& hashed_bytes = CounterFamily("_hashed_bytes_total", "Bytes of files that were hashed.");
  Family<Gauge>& unpublished = GaugeFamily(
      "_unpublished", "Entries of the shared folder that can't be published now, and the folder itself.");
  Family<Gauge>& left_out =
      GaugeFamily("_left_out", "Files, links and folders that the published folders are without.");
  Gauge& trackers_away = GaugeFamily("_trackers_away", "Trackers that do not answer now.").Add({});
  Gauge& ready = GaugeFamily("_ready", "1 when the process serves and its trackers were told.").Add({});
  Family<Counter>& content_sent_bytes =
      CounterFamily("_content_sent_bytes_total", "Bytes of chunks of a content sent to peers.");
  Family<Gauge>& content_rate =
      GaugeFamily("_content_sent_bytes_per_second", "Rate at which a content was sent in the last seconds.");
  Family<Gauge>& content_peers =
      GaugeFamily("_content_peers", "Peers that are connected now about a content.");
  std::map<std::string, Series> shown;          // by content id
  std::map<std::string, uint64_t> sent_before;  // of each content at the last call, by content id
  const Series other = AddSeries(kOther, "");
};

void ServingMetrics::Families::ShowContents(std::vector<Content> served) {
  const size_t top = std::min(served.size(), kMaxContents);
  std::partial_sort(served.begin(), served.begin() + static_cast<ptrdiff_t>(top), served.end(),
                    [](const Content& a, const Content& b) {
                      return a.sent_bytes != b.sent_bytes ? a.sent_bytes > b.sent_bytes : a.id < b.id;
                    });
  std::map<std::string, Series> before = std::exchange(shown, {});
  const std::map<std::string, uint64_t> known = std::exchange(sent_before, {});
  Content rest;
  for (size_t i = 0; i < served.size(); ++i) {
    const Content& content = served[i];
    const auto last = known.find(content.id);
    const uint64_t sent =
        content.sent_bytes - (last == known.end() ? 0 : std::min(last->second, content.sent_bytes));
    sent_before[content.id] = content.sent_bytes;
    if (i >= top) {
      rest.sent_bytes += sent;
      rest.bytes_per_second += content.bytes_per_second;
      rest.peers += content.peers;
      continue;
    }
    const auto old = before.find(content.id);
    const Series series = old == before.end() ? AddSeries(content.id, content.name) : old->second;
    if (old != before.end()) before.erase(old);
    series.sent_bytes->Increment(static_cast<double>(sent));
    series.rate->Set(content.bytes_per_second);
    series.peers->Set(static_cast<double>(content.peers));
    shown.emplace(content.id, series);
  }
  other.sent_bytes->Increment(static_cast<double>(rest.sent_bytes));
  other.rate->Set(rest.bytes_per_second);
  other.peers->Set(static_cast<double>(rest.peers));
  for (const auto& [id, series] : before) RemoveSeries(series);
}

ServingMetrics::ServingMetrics(const std::string& prefix, absl::string_view version)
    : families_(std::make_unique<Families>(prefix, version)) {}

ServingMetrics::~ServingMetrics() = default;

std::string ServingMetrics::Render(const ServingFigures& figures) {
  Families& families = *families_;
  RaiseTo(families.sent_bytes, figures.sent_bytes);
  RaiseTo(families.sent_chunks, figures.sent_chunks);
  RaiseTo(families.refused, figures.refused);
  RaiseTo(families.problems, figures.problems);
  families.sessions.Set(figures.sessions);
  families.contents.Set(static_cast<double>(figures.contents));
  SetTo(families.content_bytes, figures.content_bytes);
  RaiseTo(families.received_bytes, figures.received_bytes);
  RaiseTo(families.hashed_bytes, figures.hashed_bytes);
  SetTo(families.unpublished, figures.unpublished);
  SetTo(families.left_out, figures.left_out);
  families.trackers_away.Set(figures.trackers_away);
  families.ready.Set(figures.ready ? 1 : 0);
  families.ShowContents(figures.by_content);
  return families.metrics.Render();
}

}  // namespace shoal::service
