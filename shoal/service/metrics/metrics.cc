#include "shoal/service/metrics/metrics.h"

#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

namespace shoal::service {

Metrics::Metrics() : registry_(std::make_shared<prometheus::Registry>()) {}
Metrics::~Metrics() = default;

prometheus::Registry& Metrics::registry() {
  return *registry_;
}

std::string Metrics::Render() const {
  return prometheus::TextSerializer().Serialize(registry_->Collect());
}

}  // namespace shoal::service
