// How much peers that forge delay a download: seven honest peers alone, and the same seven with three beside
// them that send other bytes, with a right CRC-32, for every chunk. Each peer sends at a limited rate, so
// that the rates of the honest ones are the bound. One process, over the loopback; the two kinds alternate.
//
//   forgers_bench [MEBIBYTES [ROUNDS [MEBIBYTES_PER_SECOND]]]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "clients/leecher/download/download_runtime.h"
#include "clients/leecher/download/test_swarm.h"
#include "shoal/net/rate_limit.h"

namespace shoal::leecher {
namespace {

constexpr int kHonest = 7;
constexpr int kForgers = 3;
constexpr uint64_t kMebibyte = 1 << 20;

class ForgersBench {
 public:
  ForgersBench(uint64_t mebibytes, uint64_t mebibytes_per_second)
      : rate_(mebibytes_per_second * kMebibyte),
        bytes_(RandomBytes(mebibytes * kMebibyte, 1)),
        content_(Publish(folder_.Write("in/file", bytes_), kMebibyte)),
        forged_(folder_.Write("in/other", RandomBytes(mebibytes * kMebibyte, 2))) {}

  // Fetches the content and returns the seconds that it took. Adds the chunks that were rejected.
  double Fetch(int forgers, size_t* rejected) {
    TestTracker tracker;
    EventLog log;
    std::vector<std::unique_ptr<TestPeer>> peers;
    std::vector<tracking::PeerInfo> infos;
    for (int i = 0; i < kHonest + forgers; ++i) {
      auto source = std::make_shared<TestSource>(content_.source);
      if (i >= kHonest) source->LieWith(forged_);
      peers.push_back(std::make_unique<TestPeer>(content_.manifest->id(), source, 16,
                                                 std::make_shared<net::RateLimit>(rate_)));
      infos.push_back(peers.back()->info());
    }
    tracker.Add(*content_.manifest, infos);

    DownloadRuntime::Options runtime_options;
    runtime_options.make_tracker_client = [&](const tracking::TrackerUrl& url) {
      return tracker.MakeClient(url);
    };
    DownloadRuntime runtime(runtime_options);
    DownloadOptions options;
    options.content = content_.manifest->id();
    options.trackers = {*tracking::TrackerUrl::Parse("127.0.0.1:1")};
    options.output_folder = folder_.Path("out");
    const auto began = std::chrono::steady_clock::now();
    const auto download = Download::Start(runtime, options, log.Observer());
    const absl::Status status = download->Wait();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    if (!status.ok() || ReadAll(folder_.Path("out/file")) != bytes_) {
      std::printf("the download failed: %s\n", status.ToString().c_str());
      std::exit(1);
    }
    std::filesystem::remove_all(folder_.Path("out"));
    *rejected += log.All<ChunkRejected>().size();
    return seconds;
  }

  double BoundSeconds() const {
    return static_cast<double>(bytes_.size()) / static_cast<double>(kHonest * rate_);
  }

 private:
  const TestFolder folder_;
  const uint64_t rate_;
  const std::string bytes_;
  const TestContent content_;
  const std::string forged_;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Main(int argc, char** argv) {
  const auto number = [&](int at, int otherwise) { return argc > at ? std::atoi(argv[at]) : otherwise; };
  const int rounds = number(2, 7);
  ForgersBench bench(number(1, 256), number(3, 16));
  std::vector<double> honest;
  std::vector<double> forged;
  size_t rejected = 0;
  size_t rejected_of_honest = 0;
  for (int round = 0; round < rounds; ++round) {
    honest.push_back(bench.Fetch(0, &rejected_of_honest));
    forged.push_back(bench.Fetch(kForgers, &rejected));
  }
  std::printf("bound of the honest peers' rates  %.2f s\n", bench.BoundSeconds());
  std::printf("%d honest peers                    %.2f s\n", kHonest, Median(honest));
  std::printf("%d honest and %d that forge         %.2f s\n", kHonest, kForgers, Median(forged));
  std::printf("with forgers over without         %.3f\n", Median(forged) / Median(honest));
  std::printf("rejected chunks in a download     %.1f (of honest peers: %zu in all)\n",
              static_cast<double>(rejected) / rounds, rejected_of_honest);
  return 0;
}

}  // namespace
}  // namespace shoal::leecher

int main(int argc, char** argv) {
  return shoal::leecher::Main(argc, argv);
}
