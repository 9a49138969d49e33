#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace shoal::service {

// The figures of a process that serves chunks, at one moment.
struct ServingFigures {
  uint64_t sent_bytes = 0;
  uint64_t sent_chunks = 0;
  uint64_t refused = 0;  // connections and chunks
  uint32_t sessions = 0;
  uint64_t contents = 0;
  uint64_t problems = 0;  // contents that could not be published, or not be read any more
  uint32_t trackers_away = 0;
  bool ready = false;
  std::string not_ready;  // the reason, for people

  // What only some programs have. Unset: no series.
  std::optional<uint64_t> content_bytes;   // of all contents
  std::optional<uint64_t> received_bytes;  // of chunks, wasted ones included
  std::optional<uint64_t> hashed_bytes;
  std::optional<uint64_t> unpublished;  // entries of the shared folder that have a problem now
  std::optional<uint64_t> left_out;     // entries that the published folders do not have

  struct Content {
    std::string id;  // short
    std::string name;
    uint64_t sent_bytes = 0;  // since it was published; never decreases
    double bytes_per_second = 0;
    uint64_t peers = 0;  // connected now
  };
  std::vector<Content> by_content;
};

// The metrics of a process that serves chunks, a seeder or a leecher, for Prometheus: those of `figures` with
// the given prefix, and those of the process (Metrics::AddProcess).
//
// The number of series is bounded: the kMaxContents contents that have sent most have series of their own,
// and the rest is summed under content="other". Bytes that a content sends while it has no series of its own
// are counted under "other" for good, so that no counter decreases when the ranking changes.
//
// Thread safety: one thread.
class ServingMetrics {
 public:
  static constexpr size_t kMaxContents = 100;

  // `prefix`: "shoal_seeder" or "shoal_leecher".
  ServingMetrics(const std::string& prefix, absl::string_view version);
  ~ServingMetrics();

  // Returns the body of `GET /metrics`. Requires: totals never decrease from call to call.
  std::string Render(const ServingFigures& figures);

 private:
  struct Families;
  const std::unique_ptr<Families> families_;
};

}  // namespace shoal::service
