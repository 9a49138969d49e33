#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace shoal::seeder {

// The seeder's figures at one moment.
struct SeederFigures {
  uint64_t sent_bytes = 0;
  uint64_t sent_chunks = 0;
  uint64_t refused = 0;
  uint32_t sessions = 0;
  uint64_t contents = 0;
  uint64_t content_bytes = 0;
  uint64_t problems = 0;
  uint32_t trackers_away = 0;
  bool ready = false;

  struct Content {
    std::string id;  // short
    std::string name;
    uint64_t sent_bytes = 0;  // since it was published
    double bytes_per_second = 0;
    uint64_t peers = 0;  // connected now
  };
  std::vector<Content> by_content;
};

// Shows them to Prometheus. One thread.
class SeederMetrics {
 public:
  SeederMetrics();
  ~SeederMetrics();

  // What `GET /metrics` answers.
  std::string Render(const SeederFigures& figures);

 private:
  struct Families;
  const std::unique_ptr<Families> families_;
};

}  // namespace shoal::seeder
