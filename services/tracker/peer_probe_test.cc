#include "services/tracker/peer_probe.h"

#include <future>
#include <memory>
#include <utility>

#include "gtest/gtest.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/listener.h"
#include "shoal/stream/chunk_server.h"
#include "shoal/tracking/tickets/ticket_verifier.h"
#include "tests/support/file_chunk_source.h"
#include "tests/support/recording_delegate.h"
#include "tests/support/temporary_folder.h"

namespace shoal::tracker {
namespace {

class PeerProbeTest : public ::testing::Test {
 protected:
  PeerProbeTest() {
    directory_->Add(source_);
    stream::ChunkServer::Options options;
    options.listen = *Endpoint::Parse("127.0.0.1:0");
    options.self = self_;
    server_ = *stream::ChunkServer::Start(options, loops_, directory_);
  }

  absl::Status Try(const PeerId& peer, const ContentId& content) { return Try(probe_, peer, content); }

  absl::Status Try(PeerProbe& probe, const PeerId& peer, const ContentId& content) {
    std::promise<absl::Status> outcome;
    probe.Try({IpAddress::V4({127, 0, 0, 1}), server_->port()}, peer, content, source_->manifest()->name(),
              [&](const absl::Status& status) { outcome.set_value(status); });
    return outcome.get_future().get();
  }

  const PeerId self_ = RandomPeerId();
  net::EventLoopGroup loops_{"server", 1};
  std::shared_ptr<FileChunkSource> source_ = FileChunkSource::Make(1000, 16384);
  std::shared_ptr<TestDirectory> directory_ = std::make_shared<TestDirectory>();
  std::unique_ptr<stream::ChunkServer> server_;
  const TicketIssuer tickets_;
  PeerProbe probe_{net::TcpTransports(), &tickets_};
};

TEST_F(PeerProbeTest, ThePeerAnswers) {
  EXPECT_EQ(Try(self_, source_->manifest()->id()), absl::OkStatus());
  EXPECT_EQ(Try(self_, source_->manifest()->id()), absl::OkStatus()) << "again";
}

TEST_F(PeerProbeTest, AnotherPeerAnswers) {
  EXPECT_EQ(Try(RandomPeerId(), source_->manifest()->id()).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(PeerProbeTest, ThePeerDoesNotServeTheContent) {
  EXPECT_FALSE(Try(self_, ContentId()).ok());
}

TEST_F(PeerProbeTest, ThePeerDemandsATicket) {
  const TemporaryFolder folder;
  const SigningKey key = SigningKey::Generate();
  ASSERT_TRUE(key.Write(folder.Path("key.pem")).ok());
  TicketIssuer::Options issuing;
  issuing.key_file = folder.Path("key.pem");
  const auto issuer = TicketIssuer::Open(issuing);
  ASSERT_TRUE(issuer.ok()) << issuer.status();
  tracking::TicketVerifier::Options believed;
  ASSERT_TRUE(believed.issuers.Add(key.public_key()).ok());
  const tracking::TicketVerifier verifier(std::move(believed));
  stream::ChunkServer::Options options;
  options.listen = *Endpoint::Parse("127.0.0.1:0");
  options.self = self_;
  options.check_ticket = [&](const stream::Hello& theirs, std::optional<absl::string_view> name) {
    return verifier.Check(AsBytes(theirs.ticket), theirs.content_id, name, theirs.peer_id);
  };
  server_ = *stream::ChunkServer::Start(options, loops_, directory_);
  EXPECT_FALSE(Try(self_, source_->manifest()->id()).ok()) << "this tracker issues none";
  PeerProbe with_tickets(net::TcpTransports(), issuer->get());
  EXPECT_EQ(Try(with_tickets, self_, source_->manifest()->id()), absl::OkStatus());
}

TEST_F(PeerProbeTest, NobodyListens) {
  const uint16_t port = server_->port();
  server_.reset();
  std::promise<absl::Status> outcome;
  probe_.Try({IpAddress::V4({127, 0, 0, 1}), port}, self_, source_->manifest()->id(), "",
             [&](const absl::Status& status) { outcome.set_value(status); });
  EXPECT_EQ(outcome.get_future().get().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace shoal::tracker
