#pragma once

#include <functional>
#include <memory>
#include <string>

namespace prometheus {
class Registry;
}

namespace shoal::service {

// The counters of a process, for Prometheus. Thread-safe. A class that counts creates its families in
// registry(), and keeps references to the counters: counting is an atomic addition.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  prometheus::Registry& registry();
  // What `GET /metrics` answers: the text format, version 0.0.4.
  std::string Render() const;

 private:
  const std::shared_ptr<prometheus::Registry> registry_;
};

}  // namespace shoal::service
