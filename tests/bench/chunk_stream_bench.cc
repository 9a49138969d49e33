// How fast the chunk stream moves a file that lies in the page cache over loopback, and what it costs: one
// server and one session that checks the CRC-32 of each chunk and drops the bytes. Beside it, as the measure,
// the least that could do the same: a blocking loop of sendfile on one thread, recv and CRC-32 on another.
// And the same chunk stream over TLS. Prints all and their ratios.
//
//   chunk_stream_bench [MEBIBYTES [ROUNDS [CHUNK_KIBIBYTES]]]

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "shoal/content/manifest/checksum.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/tls/development_certificates.h"
#include "shoal/net/transport/tls_transport.h"
#include "shoal/stream/chunk_server.h"
#include "shoal/stream/chunk_session.h"
#include "tests/support/file_chunk_source.h"
#include "tests/support/frame_connection.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

constexpr uint64_t kWindowBytes = 8 * 1024 * 1024;  // asked for and not come yet

struct Cost {
  double gigabytes_per_second = 0;
  double sender_cpu = 0;  // seconds per GiB
  double receiver_cpu = 0;
};

double ThreadCpu() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double CpuOf(net::EventLoop& loop) {
  std::promise<double> cpu;
  loop.Post([&] { cpu.set_value(ThreadCpu()); });
  return cpu.get_future().get();
}

class Clockwork {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

Cost Bare(const FileChunkSource& source) {
  const uint32_t count = source.manifest()->chunk_count();
  RawListener listener;
  FileDescriptor receiver(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const net::SocketAddress address = RawConnection::Loopback(listener.port());
  if (::connect(receiver.get(), address.get(), address.size) != 0) std::abort();
  const FileDescriptor sender = listener.AcceptSocket();
  const Clockwork clock;
  Cost cost;
  std::thread sending([&] {
    const double before = ThreadCpu();
    for (uint32_t i = 0; i < count; ++i) {
      const FileRegion region = *source.Open(ChunkIndex(i));
      stream::FrameHeader header;
      header.type = stream::FrameType::kChunk;
      header.length_bytes = region.length_bytes;
      header.crc32 = source.manifest()->checksums(ChunkIndex(i)).crc32;
      const auto bytes = header.Encode();
      if (::send(sender.get(), bytes.data(), bytes.size(), MSG_MORE | MSG_NOSIGNAL) < 0) std::abort();
      off_t offset = static_cast<off_t>(region.offset_bytes);
      for (size_t left = region.length_bytes; left > 0;) {
        const ssize_t sent = ::sendfile(sender.get(), region.file->get(), &offset, left);
        if (sent <= 0) std::abort();
        left -= static_cast<size_t>(sent);
      }
    }
    cost.sender_cpu = ThreadCpu() - before;
  });
  const double before = ThreadCpu();
  std::vector<std::vector<uint8_t>> buffers(4, std::vector<uint8_t>(source.manifest()->chunk_size_bytes()));
  for (uint32_t i = 0; i < count; ++i) {
    std::array<uint8_t, stream::kFrameHeaderBytes> head;
    if (::recv(receiver.get(), head.data(), head.size(), MSG_WAITALL) != stream::kFrameHeaderBytes)
      std::abort();
    const stream::FrameHeader header = *stream::FrameHeader::Decode(head);
    std::vector<uint8_t>& buffer = buffers[i % buffers.size()];
    uint32_t crc = 0;
    for (size_t at = 0; at < header.length_bytes;) {
      const ssize_t got = ::recv(receiver.get(), buffer.data() + at, header.length_bytes - at, 0);
      if (got <= 0) std::abort();
      crc = Crc32({buffer.data() + at, static_cast<size_t>(got)}, crc);
      at += static_cast<size_t>(got);
    }
    if (crc != header.crc32) std::abort();
  }
  cost.receiver_cpu = ThreadCpu() - before;
  const double seconds = clock.Seconds();
  sending.join();
  cost.gigabytes_per_second = static_cast<double>(source.manifest()->length_bytes()) / seconds / 1e9;
  return cost;
}

// Keeps a window of requests open and drops what comes.
class Fetcher final : public stream::SessionDelegate {
 public:
  explicit Fetcher(const Manifest& manifest)
      : chunk_count_(manifest.chunk_count()),
        window_(static_cast<uint32_t>(kWindowBytes / manifest.chunk_size_bytes())),
        pool_(ChunkBufferPool::Create(manifest.chunk_size_bytes(), size_t{4} * manifest.chunk_size_bytes())) {
  }

  void OnReady(const stream::Hello&) override {
    while (next_ < std::min(window_, chunk_count_)) AskForNext();
  }
  void OnManifest(std::string) override {}
  void OnHave(const stream::Have&) override {}
  bool WantsChunk(ChunkIndex, uint32_t) override { return true; }
  ChunkBuffer BufferFor(ChunkIndex, uint32_t length_bytes) override {
    return pool_->TryAcquire(length_bytes);
  }
  void OnProgress(ChunkIndex, uint32_t) override {}
  void OnChunk(ChunkIndex, ChunkBuffer, uint32_t) override {
    if (next_ < chunk_count_) AskForNext();
    if (++came_ == chunk_count_) done.set_value();
  }
  void OnCorruptFrame(ChunkIndex) override { std::abort(); }
  void OnRefused(const stream::Refuse&) override { std::abort(); }
  void OnNothingFresh() override {}
  void OnClosed(const absl::Status&) override { std::abort(); }

  stream::ChunkSession* session = nullptr;
  std::promise<void> done;

 private:
  void AskForNext() {
    const ChunkIndex chunk(next_++);
    session->Request({&chunk, 1});
  }

  const uint32_t chunk_count_;
  const uint32_t window_;  // chunks
  const std::shared_ptr<ChunkBufferPool> pool_;
  uint32_t next_ = 0;
  uint32_t came_ = 0;
};

Cost ChunkStream(const std::shared_ptr<FileChunkSource>& source,
                 const std::shared_ptr<const net::TransportFactory>& transports) {
  net::EventLoopGroup server_loops("server", 1);
  net::EventLoop client_loop("client");
  auto directory = std::make_shared<TestDirectory>();
  directory->Add(source);
  stream::ChunkServer::Options options;
  options.listen = *Endpoint::Parse("127.0.0.1:0");
  options.transports = transports;
  auto server = *stream::ChunkServer::Start(options, server_loops, directory);
  Fetcher fetcher(*source->manifest());
  stream::SessionTerms terms;
  terms.content_id = source->manifest()->id();

  net::EventLoop& server_loop = *server_loops.loops().front();
  const double sender_before = CpuOf(server_loop);
  const double receiver_before = CpuOf(client_loop);
  const Clockwork clock;
  std::shared_ptr<stream::ChunkSession> session;
  client_loop.Post([&] {
    session =
        stream::ChunkSession::Dial(client_loop, *transports, {IpAddress::V4({127, 0, 0, 1}), server->port()},
                                   terms, {}, nullptr, &fetcher);
    fetcher.session = session.get();
  });
  fetcher.done.get_future().wait();
  const double seconds = clock.Seconds();
  Cost cost;
  cost.sender_cpu = CpuOf(server_loop) - sender_before;
  cost.receiver_cpu = CpuOf(client_loop) - receiver_before;
  cost.gigabytes_per_second = static_cast<double>(source->manifest()->length_bytes()) / seconds / 1e9;
  client_loop.Post([&] { session->Close(false); });
  server->Stop();
  return cost;
}

std::shared_ptr<net::TlsContext> CertificatesIn(const std::string& folder) {
  if (!net::WriteDevelopmentCertificates(folder, {}).ok()) std::abort();
  return *net::TlsContext::Load(net::DevelopmentFiles(folder));
}

void Print(const char* name, std::vector<Cost> rounds, double gibibytes) {
  std::sort(rounds.begin(), rounds.end(),
            [](const Cost& a, const Cost& b) { return a.gigabytes_per_second < b.gigabytes_per_second; });
  const Cost& median = rounds[rounds.size() / 2];
  std::printf("%-14s %5.2f GB/s (%.2f to %.2f), CPU s/GiB: sender %.3f, receiver %.3f\n", name,
              median.gigabytes_per_second, rounds.front().gigabytes_per_second,
              rounds.back().gigabytes_per_second, median.sender_cpu / gibibytes,
              median.receiver_cpu / gibibytes);
}

}  // namespace
}  // namespace shoal

int main(int argc, char** argv) {
  const size_t mebibytes = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1024;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  const size_t chunk_kibibytes = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 512;
  if (mebibytes == 0 || rounds < 1 || chunk_kibibytes < 16 || chunk_kibibytes > 8192) {
    std::fprintf(stderr, "usage: chunk_stream_bench [MEBIBYTES [ROUNDS [CHUNK_KIBIBYTES]]]\n");
    return 2;
  }
  const auto source =
      shoal::FileChunkSource::Make(mebibytes << 20, static_cast<uint32_t>(chunk_kibibytes << 10));
  std::vector<shoal::Cost> bare;
  std::vector<shoal::Cost> stream;
  std::vector<shoal::Cost> encrypted;
  std::vector<double> ratios;
  std::vector<double> tls_ratios;
  const shoal::TemporaryFolder certificates;
  const auto tcp = shoal::net::TcpTransports();
  const auto tls = shoal::net::TlsTransports(shoal::CertificatesIn(certificates.path()));
  // In turns, so that a noisy machine is noisy to all.
  for (int i = 0; i < rounds; ++i) {
    bare.push_back(shoal::Bare(*source));
    stream.push_back(shoal::ChunkStream(source, tcp));
    encrypted.push_back(shoal::ChunkStream(source, tls));
    ratios.push_back(stream.back().gigabytes_per_second / bare.back().gigabytes_per_second);
    tls_ratios.push_back(encrypted.back().gigabytes_per_second / stream.back().gigabytes_per_second);
  }
  const double gibibytes = static_cast<double>(mebibytes) / 1024;
  shoal::Print("bare loop", bare, gibibytes);
  shoal::Print("chunk stream", stream, gibibytes);
  shoal::Print("the same, TLS", encrypted, gibibytes);
  std::sort(ratios.begin(), ratios.end());
  std::sort(tls_ratios.begin(), tls_ratios.end());
  std::printf("chunk stream over bare loop %.2f, TLS over chunk stream %.2f (medians of %d rounds)\n",
              ratios[ratios.size() / 2], tls_ratios[tls_ratios.size() / 2], rounds);
  return 0;
}
