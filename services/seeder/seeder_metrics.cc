#include "services/seeder/seeder_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <map>
#include <utility>
#include <vector>

#include "shoal/service/metrics/metrics.h"

namespace shoal::seeder {
namespace {

prometheus::Counter& MakeCounter(service::Metrics& metrics, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(metrics.registry()).Add({});
}

prometheus::Gauge& MakeGauge(service::Metrics& metrics, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(metrics.registry()).Add({});
}

// A counter goes up by steps, the figures are totals.
void RaiseTo(prometheus::Counter& counter, uint64_t total) {
  const double step = static_cast<double>(total) - counter.Value();
  if (step > 0) counter.Increment(step);
}

prometheus::Family<prometheus::Gauge>& MakeGaugeByContent(service::Metrics& metrics, const char* name,
                                                          const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(metrics.registry());
}

}  // namespace

struct SeederMetrics::Families {
  service::Metrics metrics;
  prometheus::Counter& sent_bytes =
      MakeCounter(metrics, "shoal_seeder_sent_bytes_total", "Bytes of chunks sent to peers.");
  prometheus::Counter& sent_chunks =
      MakeCounter(metrics, "shoal_seeder_sent_chunks_total", "Chunks sent to peers.");
  prometheus::Counter& refused =
      MakeCounter(metrics, "shoal_seeder_refused_total", "Connections and chunks that peers were refused.");
  prometheus::Gauge& sessions = MakeGauge(metrics, "shoal_seeder_sessions", "Peers that are connected now.");
  prometheus::Gauge& contents =
      MakeGauge(metrics, "shoal_seeder_contents", "Contents that are published now.");
  prometheus::Gauge& content_bytes =
      MakeGauge(metrics, "shoal_seeder_content_bytes", "Length of all published contents together.");
  prometheus::Counter& problems = MakeCounter(metrics, "shoal_seeder_problems_total",
                                              "Entries of the folder that could not be published.");
  prometheus::Gauge& trackers_away =
      MakeGauge(metrics, "shoal_seeder_trackers_away", "Trackers that do not answer now.");
  prometheus::Gauge& ready = MakeGauge(metrics, "shoal_seeder_ready",
                                       "1 when the first scan is published and the trackers were told.");
  prometheus::Family<prometheus::Gauge>& content_sent_bytes =
      MakeGaugeByContent(metrics, "shoal_seeder_content_sent_bytes",
                         "Bytes of chunks of a content that were sent since it was published.");
  prometheus::Family<prometheus::Gauge>& content_rate =
      MakeGaugeByContent(metrics, "shoal_seeder_content_sent_bytes_per_second",
                         "The rate at which a content was sent in the last seconds.");
  prometheus::Family<prometheus::Gauge>& content_peers = MakeGaugeByContent(
      metrics, "shoal_seeder_content_peers", "Peers that are connected now about a content.");
  // What is shown now of each content, so that it goes when the content does.
  struct Shown {
    prometheus::Gauge* sent_bytes;
    prometheus::Gauge* rate;
    prometheus::Gauge* peers;
  };
  std::map<std::string, Shown> shown;  // by id

  void Show(const std::vector<SeederFigures::Content>& offered);
};

void SeederMetrics::Families::Show(const std::vector<SeederFigures::Content>& offered) {
  std::map<std::string, Shown> before;
  before.swap(shown);
  for (const SeederFigures::Content& content : offered) {
    const auto known = before.find(content.id);
    Shown show{};
    if (known != before.end()) {
      show = known->second;
      before.erase(known);
    } else {
      const std::map<std::string, std::string> labels = {{"content", content.id}, {"name", content.name}};
      show = {&content_sent_bytes.Add(labels), &content_rate.Add(labels), &content_peers.Add(labels)};
    }
    show.sent_bytes->Set(static_cast<double>(content.sent_bytes));
    show.rate->Set(content.bytes_per_second);
    show.peers->Set(static_cast<double>(content.peers));
    shown.emplace(content.id, show);
  }
  for (const auto& [id, gone] : before) {
    content_sent_bytes.Remove(gone.sent_bytes);
    content_rate.Remove(gone.rate);
    content_peers.Remove(gone.peers);
  }
}

SeederMetrics::SeederMetrics() : families_(std::make_unique<Families>()) {}

SeederMetrics::~SeederMetrics() = default;

std::string SeederMetrics::Render(const SeederFigures& figures) {
  Families& families = *families_;
  RaiseTo(families.sent_bytes, figures.sent_bytes);
  RaiseTo(families.sent_chunks, figures.sent_chunks);
  RaiseTo(families.refused, figures.refused);
  RaiseTo(families.problems, figures.problems);
  families.sessions.Set(figures.sessions);
  families.contents.Set(static_cast<double>(figures.contents));
  families.content_bytes.Set(static_cast<double>(figures.content_bytes));
  families.trackers_away.Set(figures.trackers_away);
  families.ready.Set(figures.ready ? 1 : 0);
  families.Show(figures.by_content);
  return families.metrics.Render();
}

}  // namespace shoal::seeder
