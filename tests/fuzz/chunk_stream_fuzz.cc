// A whole session fed with hostile bytes. The first byte chooses the end (dialled or accepted), whether the
// bytes come after a good hello, and into how large reads they fall. Whatever they are, the session ends,
// says so once, and never hands on a chunk whose CRC-32 is wrong.

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>

#include "shoal/content/manifest/checksum.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/transport/transport.h"
#include "shoal/stream/transport_session.h"
#include "tests/support/file_chunk_source.h"

namespace shoal {
namespace {

namespace asio = boost::asio;

class ScriptedTransport final : public net::Transport {
 public:
  ScriptedTransport(std::string script, size_t read_bytes)
      : script_(std::move(script)), read_bytes_(read_bytes) {}

  asio::awaitable<absl::Status> Open() override { co_return absl::OkStatus(); }
  asio::awaitable<absl::StatusOr<size_t>> ReadSome(std::span<uint8_t> into) override {
    if (into.empty()) std::abort();
    const size_t count = std::min({into.size(), read_bytes_, script_.size() - read_});
    if (closed_ || count == 0) co_return absl::UnavailableError("the end");
    std::copy_n(script_.begin() + static_cast<ptrdiff_t>(read_), count, into.begin());
    read_ += count;
    co_return count;
  }
  asio::awaitable<absl::Status> Write(std::span<const uint8_t>) override { co_return absl::OkStatus(); }
  asio::awaitable<absl::Status> WriteRegion(std::span<const uint8_t>, const FileRegion& region) override {
    if (region.length_bytes == 0) std::abort();
    co_return absl::OkStatus();
  }
  void EndWriting() override {}
  void Close() override { closed_ = true; }
  const Endpoint& remote() const override { return remote_; }
  uint64_t received_bytes() const override { return read_; }
  uint64_t sent_bytes() const override { return 0; }

 private:
  const std::string script_;
  const size_t read_bytes_;
  size_t read_ = 0;
  bool closed_ = false;
  Endpoint remote_;
};

// Wants everything that fits its buffers.
class GreedyDelegate final : public stream::SessionDelegate {
 public:
  explicit GreedyDelegate(std::promise<void>* closed) : closed_(closed) {}
  void OnReady(const stream::Hello&) override { session->RequestManifest(); }
  void OnManifest(std::string canonical) override {
    if (canonical.size() > kMaxManifestBytes) std::abort();
  }
  void OnHave(const stream::Have&) override {}
  bool WantsChunk(ChunkIndex, uint32_t length_bytes) override {
    return length_bytes <= pool_->max_chunk_bytes();
  }
  ChunkBuffer BufferFor(ChunkIndex, uint32_t length_bytes) override {
    return pool_->TryAcquire(length_bytes);
  }
  void OnProgress(ChunkIndex, uint32_t) override {}
  void OnChunk(ChunkIndex, ChunkBuffer, uint32_t) override {}
  void OnCorruptFrame(ChunkIndex) override {}
  void OnRefused(const stream::Refuse&) override {}
  void OnNothingFresh() override {}
  void OnClosed(const absl::Status& why) override {
    if (why.ok()) std::abort();
    closed_->set_value();
  }

  stream::ChunkSession* session = nullptr;

 private:
  std::promise<void>* const closed_;
  const std::shared_ptr<ChunkBufferPool> pool_ = ChunkBufferPool::Create(64 * 1024, 2 * 64 * 1024);
};

std::string GoodHello(const ChunkSource& source) {
  stream::Hello hello;
  hello.content_id = source.manifest()->id();
  hello.chunk_count = source.manifest()->chunk_count();
  hello.manifest_bytes = 300'000;
  std::string frame;
  stream::AppendFrame(stream::FrameType::kHello, hello.Encode(), &frame);
  return frame;
}

}  // namespace
}  // namespace shoal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace shoal;  // NOLINT(google-build-using-namespace)
  static net::EventLoop& loop = *new net::EventLoop("fuzz");
  static const auto source =
      std::make_shared<std::shared_ptr<FileChunkSource>>(FileChunkSource::Make(100'000, 16384));
  if (size == 0) return 0;
  std::string script(data + 1, data + size);
  if ((data[0] & 2) != 0) script = GoodHello(**source) + script;
  auto transport = std::make_unique<ScriptedTransport>(std::move(script), (data[0] & 4) != 0 ? 7 : 100'000);

  stream::SessionTerms terms;
  terms.content_id = (*source)->manifest()->id();
  std::promise<void> closed;
  GreedyDelegate delegate(&closed);
  std::shared_ptr<stream::TransportSession> session;
  if ((data[0] & 1) != 0) {
    session = stream::TransportSession::Dialling(loop, std::move(transport), terms, {}, *source, &delegate);
    delegate.session = session.get();
  } else {
    session = stream::TransportSession::Accepting(
        loop, std::move(transport), terms, {},
        [](const stream::Hello& hello) -> stream::TransportSession::Admission {
          if (hello.content_id != (*source)->manifest()->id()) return stream::Refuse{};
          stream::UploadService service;
          service.source = *source;
          service.fresh = std::make_shared<stream::FreshChunks>(7, 1);
          service.gate = std::make_shared<stream::UploadGate>(1);
          service.ledger = std::make_shared<stream::UploadLedger>();
          return service;
        },
        [&closed](const absl::Status&) { closed.set_value(); }, nullptr);
  }
  session->Start();
  closed.get_future().wait();
  return 0;
}
