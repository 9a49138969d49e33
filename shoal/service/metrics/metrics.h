#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace prometheus {
class Registry;
}

namespace shoal::service {

// The metrics of a process, for Prometheus. A class that counts creates its families in registry() and keeps
// references to the counters: counting is an atomic addition. Names follow Prometheus' conventions: base
// units, and counters end in "_total".
//
// Thread safety: all methods are thread-safe, except AddProcess.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  // Adds what Prometheus' own client libraries report about a process (process_cpu_seconds_total,
  // process_resident_memory_bytes, process_virtual_memory_bytes, process_open_fds, process_max_fds,
  // process_start_time_seconds) and shoal_build_info{version="..."} 1. Called before Render. A value that the
  // system does not tell is left out.
  void AddProcess(absl::string_view version);

  prometheus::Registry& registry();
  // Returns the body of `GET /metrics`: Prometheus' text format, version 0.0.4.
  std::string Render() const;

 private:
  const std::shared_ptr<prometheus::Registry> registry_;
  bool with_process_ = false;
};

}  // namespace shoal::service
