#include "clients/leecher/cli/commands/hashing.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/terminal/progress_line.h"
#include "shoal/base/clock.h"

namespace shoal::leecher {
namespace {

std::string LastPart(const std::string& path) {
  std::string trimmed = path;
  while (trimmed.size() > 1 && absl::EndsWith(trimmed, "/")) trimmed.pop_back();
  const size_t slash = trimmed.rfind('/');
  return slash == std::string::npos || trimmed.size() == 1 ? trimmed : trimmed.substr(slash + 1);
}

}  // namespace

absl::StatusOr<BuiltManifest> HashWithProgress(const std::string& path,
                                               std::optional<uint32_t> chunk_size_bytes, Console& console) {
  const absl::Duration start = Clock::Real().Uptime();
  const std::string label = absl::StrCat("hashing ", LastPart(path));
  ManifestBuilderOptions builder;
  builder.chunk_size_bytes = chunk_size_bytes;
  // Called by one thread at a time, while this one waits: the console has one user.
  builder.on_progress = [&](uint64_t done_bytes, uint64_t total_bytes) {
    const double seconds = absl::ToDoubleSeconds(Clock::Real().Uptime() - start);
    if (seconds < 0.3) return;
    ByteProgress progress;
    progress.done_bytes = done_bytes;
    progress.total_bytes = total_bytes;
    progress.rate_bytes_per_second = static_cast<double>(done_bytes) / seconds;
    if (done_bytes > 0) {
      progress.eta = absl::Seconds(static_cast<double>(total_bytes - std::min(done_bytes, total_bytes)) /
                                   progress.rate_bytes_per_second);
    }
    console.Draw({ByteProgressLine(progress, label, console.style())});
  };
  absl::StatusOr<BuiltManifest> built = BuildManifest(path, builder);
  console.EndDraw(false);
  return built;
}

}  // namespace shoal::leecher
