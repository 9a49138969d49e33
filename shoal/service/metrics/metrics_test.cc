#include "shoal/service/metrics/metrics.h"

#include <ctime>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/counter.h"
#include "prometheus/registry.h"

namespace shoal::service {
namespace {

TEST(MetricsTest, RendersCounters) {
  Metrics metrics;
  auto& family =
      prometheus::BuildCounter().Name("chunks_total").Help("Chunks sent.").Register(metrics.registry());
  family.Add({{"peer", "a\"b"}}).Increment(3);
  const std::string text = metrics.Render();
  EXPECT_THAT(text, ::testing::HasSubstr("# TYPE chunks_total counter\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("chunks_total{peer=\"a\\\"b\"} 3"));
}

TEST(MetricsTest, TellsAboutTheProcess) {
  Metrics metrics;
  EXPECT_EQ(metrics.Render(), "");
  metrics.AddProcess("1.2.3");
  const std::string text = metrics.Render();
  EXPECT_THAT(text, ::testing::HasSubstr("shoal_build_info{version=\"1.2.3\"} 1\n"));
  const auto value = [&](const std::string& name) {
    const size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
  };
  EXPECT_THAT(text, ::testing::HasSubstr("# TYPE process_cpu_seconds_total counter\n"));
  EXPECT_GT(value("process_cpu_seconds_total"), 0);
  EXPECT_GT(value("process_resident_memory_bytes"), 100'000);
  EXPECT_GT(value("process_virtual_memory_bytes"), value("process_resident_memory_bytes"));
  EXPECT_GE(value("process_open_fds"), 3);
  EXPECT_GT(value("process_max_fds"), value("process_open_fds"));
  const double now = static_cast<double>(time(nullptr));
  EXPECT_GT(value("process_start_time_seconds"), now - 3600);
  EXPECT_LE(value("process_start_time_seconds"), now + 1);
}

}  // namespace
}  // namespace shoal::service
