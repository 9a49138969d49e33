#include "shoal/service/metrics/metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "prometheus/gauge.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

namespace shoal::service {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

std::string ReadSystemFile(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The fields of /proc/self/stat from the third one (the state) on; proc(5) numbers it 3. The second, the name
// of the program, is skipped because it may contain spaces.
class ProcessStat {
 public:
  ProcessStat() : text_(ReadSystemFile("/proc/self/stat")) {
    const size_t name_end = text_.rfind(") ");
    if (name_end == std::string::npos) return;
    fields_ = absl::StrSplit(absl::string_view(text_).substr(name_end + 2), ' ');
  }

  // Returns field `number`, counted as in proc(5).
  std::optional<double> Field(size_t number) const {
    uint64_t value = 0;
    if (number - 3 >= fields_.size() || !absl::SimpleAtoi(fields_[number - 3], &value)) return std::nullopt;
    return static_cast<double>(value);
  }

 private:
  const std::string text_;
  std::vector<absl::string_view> fields_;
};

constexpr size_t kStartTime = 22;     // clock ticks since the system started
constexpr size_t kVirtualSize = 23;   // bytes
constexpr size_t kResidentSize = 24;  // pages

std::optional<double> CpuSeconds() {
  timespec time{};
  if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) != 0) return std::nullopt;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// The start of the system in seconds since 1970, from the line "btime N" of /proc/stat.
std::optional<double> BootTime() {
  const std::string text = ReadSystemFile("/proc/stat");
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    uint64_t seconds = 0;
    if (words.size() == 2 && words[0] == "btime" && absl::SimpleAtoi(words[1], &seconds)) {
      return static_cast<double>(seconds);
    }
  }
  return std::nullopt;
}

std::optional<double> OpenDescriptors() {
  DIR* const folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return std::nullopt;
  double count = -1;  // the descriptor of the listing itself
  while (const dirent* const entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.') ++count;
  }
  ::closedir(folder);
  return count;
}

std::optional<double> MaxDescriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  return static_cast<double>(limit.rlim_cur);
}

void AddValue(const char* name, const char* help, MetricType type, std::optional<double> value,
              std::vector<MetricFamily>* families) {
  if (!value.has_value()) return;
  prometheus::ClientMetric metric;
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = *value;
  families->push_back({name, help, type, {metric}});
}

void AddProcessValues(std::vector<MetricFamily>* families) {
  const ProcessStat stat;
  AddValue("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
           MetricType::Counter, CpuSeconds(), families);
  AddValue("process_open_fds", "Number of open file descriptors.", MetricType::Gauge, OpenDescriptors(),
           families);
  AddValue("process_max_fds", "Maximum number of open file descriptors.", MetricType::Gauge, MaxDescriptors(),
           families);
  AddValue("process_virtual_memory_bytes", "Virtual memory size in bytes.", MetricType::Gauge,
           stat.Field(kVirtualSize), families);
  std::optional<double> resident = stat.Field(kResidentSize);
  if (resident.has_value()) *resident *= static_cast<double>(::sysconf(_SC_PAGESIZE));
  AddValue("process_resident_memory_bytes", "Resident memory size in bytes.", MetricType::Gauge, resident,
           families);
  std::optional<double> started = stat.Field(kStartTime);
  const std::optional<double> boot = BootTime();
  if (started.has_value() && boot.has_value()) {
    *started = *boot + *started / static_cast<double>(::sysconf(_SC_CLK_TCK));
    AddValue("process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
             MetricType::Gauge, started, families);
  }
}

}  // namespace

Metrics::Metrics() : registry_(std::make_shared<prometheus::Registry>()) {}
Metrics::~Metrics() = default;

void Metrics::AddProcess(absl::string_view version) {
  with_process_ = true;
  prometheus::BuildGauge()
      .Name("shoal_build_info")
      .Help("A constant 1, labelled by the version of the program.")
      .Register(*registry_)
      .Add({{"version", std::string(version)}})
      .Set(1);
}

prometheus::Registry& Metrics::registry() {
  return *registry_;
}

std::string Metrics::Render() const {
  std::vector<MetricFamily> families = registry_->Collect();
  if (with_process_) AddProcessValues(&families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace shoal::service
