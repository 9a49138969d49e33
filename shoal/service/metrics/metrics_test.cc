#include "shoal/service/metrics/metrics.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/counter.h"
#include "prometheus/registry.h"

namespace shoal::service {
namespace {

TEST(MetricsTest, RendersWhatWasCounted) {
  Metrics metrics;
  auto& family =
      prometheus::BuildCounter().Name("chunks_total").Help("Chunks sent.").Register(metrics.registry());
  family.Add({{"peer", "a\"b"}}).Increment(3);
  const std::string text = metrics.Render();
  EXPECT_THAT(text, ::testing::HasSubstr("# TYPE chunks_total counter\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("chunks_total{peer=\"a\\\"b\"} 3"));
}

}  // namespace
}  // namespace shoal::service
