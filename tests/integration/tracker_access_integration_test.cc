// What each token permits at a tracker: one table, which docs/operations.md shows to its readers.

#include <sys/socket.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/test_requests.h"
#include "services/tracker/tracker.h"
#include "shoal/base/error_cause.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/manifest/peer_identity.h"
#include "shoal/content/manifest/signing_key.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/sockaddr.h"
#include "shoal/service/grpc/health_endpoint.h"
#include "shoal/stream/chunk_server.h"
#include "shoal/tracker/v1/tracker.grpc.pb.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/client/tracker_token.h"
#include "shoal/tracking/messages/datagram.h"
#include "shoal/tracking/messages/proto_conversion.h"
#include "shoal/tracking/tickets/ticket_verifier.h"
#include "tests/support/file_chunk_source.h"
#include "tests/support/frame_connection.h"
#include "tests/support/loopback_client.h"
#include "tests/support/temporary_folder.h"

namespace shoal::tracker {
namespace {

using ::testing::HasSubstr;

// Long enough that no noise of the machine ends it; the tests never wait it out.
constexpr absl::Duration kPatience = absl::Seconds(60);

// The columns of the table: what the caller has.
const std::vector<std::string> kCallers = {"none", "publish", "fetch", "list", "admin"};

enum class Outcome { kAdmitted, kNoToken, kDenied, kSilence };

const char* OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAdmitted:
      return "yes";
    case Outcome::kNoToken:
      return "no token";
    case Outcome::kDenied:
      return "denied";
    case Outcome::kSilence:
      break;
  }
  return "no answer";
}

Outcome OutcomeOf(absl::StatusCode code) {
  if (code == absl::StatusCode::kUnauthenticated) return Outcome::kNoToken;
  if (code == absl::StatusCode::kPermissionDenied) return Outcome::kDenied;
  return Outcome::kAdmitted;
}

Outcome OutcomeOf(const grpc::Status& status) {
  return OutcomeOf(static_cast<absl::StatusCode>(status.error_code()));
}

std::string TokenOf(const std::string& caller) {
  return absl::StrCat("token-of-someone-who-may-", caller);
}

std::string Line(const std::string& token, const std::string& rest) {
  const Sha256Digest digest = Sha256::Of(AsBytes(token));
  return absl::StrCat(absl::BytesToHexString(std::string(digest.begin(), digest.end())), " ", rest, "\n");
}

// Has the same bytes under every id.
class AnyContent final : public ContentDirectory {
 public:
  explicit AnyContent(const std::string& name) : source_(FileChunkSource::Make(1000, 16384, 1, name)) {}

  std::shared_ptr<const ChunkSource> Find(const ContentId&) const override { return source_; }

 private:
  const std::shared_ptr<const ChunkSource> source_;
};

class TrackerAccessTest : public ::testing::Test {
 protected:
  using Stub = v1::TrackerService::Stub;

  void SetUp() override {
    std::string tokens = "# for tests\n";
    for (const std::string& caller : kCallers) {
      if (caller != "none") tokens += Line(TokenOf(caller), caller);
    }
    tokens += Line(TokenOf("models"), "publish,fetch,list models-*");
    folder_.Write("tokens", tokens);
    const SigningKey key = SigningKey::Generate();
    ASSERT_TRUE(key.Write(folder_.Path("ticket.pem")).ok());
    tracking::TicketVerifier::Options believed;
    ASSERT_TRUE(believed.issuers.Add(key.public_key()).ok());
    verifier_ = std::make_unique<tracking::TicketVerifier>(std::move(believed));
    tracker_ = Start(/*open_bittorrent=*/false);
    stub_ = v1::TrackerService::NewStub(
        grpc::CreateChannel(Address(*tracker_), grpc::InsecureChannelCredentials()));
    v1::RegisterResponse unused;
    ASSERT_TRUE(Call(&Stub::Register, TokenOf("admin"), TestSeeder(1, TestContent(1)), &unused).ok());
  }

  std::unique_ptr<Tracker> Start(bool open_bittorrent) {
    Tracker::Options options;
    options.grpc = {IpAddress::V4({127, 0, 0, 1}), 0};
    options.udp = options.grpc;
    options.http = options.grpc;
    options.udp_sockets = 1;
    options.trusts_addresses = true;  // those of the samples lead nowhere
    options.tokens_file = folder_.Path("tokens");
    options.open_bittorrent = open_bittorrent;
    options.ticket_key_file = folder_.Path("ticket.pem");
    auto tracker = Tracker::Start(options);
    EXPECT_TRUE(tracker.ok()) << tracker.status();
    return *std::move(tracker);
  }

  static std::string Address(const Tracker& tracker) {
    return absl::StrCat("127.0.0.1:", tracker.grpc_port());
  }

  static void Authorize(const std::string& token, grpc::ClientContext* context) {
    if (!token.empty()) context->AddMetadata("authorization", "Bearer " + token);
  }

  template <typename In, typename Out, typename Request>
  grpc::Status Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const In&, Out*),
                    const std::string& token, const Request& request, Out* out) {
    In in;
    tracking::ToProto(request, &in);
    grpc::ClientContext context;
    Authorize(token, &context);
    return ((*stub_).*method)(&context, in, out);
  }

  template <typename In, typename Out, typename Request>
  Outcome Ask(grpc::Status (Stub::*method)(grpc::ClientContext*, const In&, Out*), const std::string& token,
              const Request& request) {
    Out out;
    return OutcomeOf(Call(method, token, request, &out));
  }

  Outcome RegisterMany(const std::string& token, const tracking::RegisterRequest& request) {
    v1::RegisterManyResponse out;
    tracking::RegisterManyRequest in;
    in.registrations.emplace_back(request);
    const grpc::Status status = Call(&Stub::RegisterMany, token, in, &out);
    if (!status.ok()) return OutcomeOf(status);
    return OutcomeOf(static_cast<absl::StatusCode>(out.outcomes(0).refused().code()));
  }

  Outcome Watch(const std::string& token) {
    grpc::ClientContext context;
    Authorize(token, &context);
    v1::WatchRequest in;
    in.set_content_id(TestContentId(1).ToString());
    const auto reader = stub_->Watch(&context, in);
    v1::SwarmEvent event;
    const bool watches = reader->Read(&event);
    if (watches) context.TryCancel();
    const grpc::Status status = reader->Finish();
    return watches ? Outcome::kAdmitted : OutcomeOf(status);
  }

  std::unique_ptr<tracking::TrackerClient> Datagrams(const std::string& token) {
    return tracking::MakeTrackerClient(
        {tracking::TrackerUrl::Protocol::kUdp, {"127.0.0.1", tracker_->udp_port()}}, {nullptr, token});
  }

  // Both datagrams go to one socket of the tracker, which answers in order, if at all.
  static Outcome ConnectAsBitTorrent(const Tracker& tracker) {
    const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const net::SocketAddress address =
        net::ToSocketAddress({IpAddress::V4({127, 0, 0, 1}), tracker.udp_port()});
    EXPECT_EQ(connect(socket.get(), address.get(), address.size), 0);
    std::string connecting("\0\0\x04\x17\x27\x10\x19\x80", 8);
    connecting += std::string("\0\0\0\0abcd", 8);
    send(socket.get(), connecting.data(), connecting.size(), 0);
    tracking::DatagramRequest request;
    request.body = TestLeave(1);
    const std::string next = *request.Encode(tracking::kMinRequestBytes);
    send(socket.get(), next.data(), next.size(), 0);
    char answer[2000];
    const ssize_t size = recv(socket.get(), answer, sizeof(answer), 0);
    EXPECT_GT(size, 8);
    return std::string(answer, 4) == "SHR1" ? Outcome::kSilence : Outcome::kAdmitted;
  }

  std::string Http(const std::string& token, const std::string& path) {
    const LoopbackClient client(tracker_->http_port());
    client.Send(absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n",
                             token.empty() ? "" : absl::StrCat("Authorization: Bearer ", token, "\r\n"),
                             "\r\n"));
    return client.ReadAll();
  }

  Outcome Page(const std::string& token, const std::string& path) {
    const std::string response = Http(token, path);
    int status = 0;
    EXPECT_TRUE(response.size() > 12 && absl::SimpleAtoi(response.substr(9, 3), &status)) << response;
    return status == 401 ? Outcome::kNoToken : status == 403 ? Outcome::kDenied : Outcome::kAdmitted;
  }

  // A lookup of content 1 that wants a ticket for `self`.
  static tracking::LookupRequest TicketedLookup(const PeerIdentity& self) {
    return {TestContentId(1), std::nullopt, 1, "", self.secret()};
  }

  // Fetches from a peer that demands tickets, with the one that a lookup brings, if any.
  // `name`: of the content, as the peer knows it.
  Outcome FetchFromAPeer(const std::string& token, const std::string& name = TestContent(1).name) {
    net::EventLoopGroup loops("peer", 1);
    stream::ChunkServer::Options options;
    options.listen = {IpAddress::V4({127, 0, 0, 1}), 0};
    options.self = RandomPeerId();
    options.check_ticket = [this](const stream::Hello& theirs, std::optional<absl::string_view> name) {
      return verifier_->Check(AsBytes(theirs.ticket), theirs.content_id, name, theirs.peer_id);
    };
    const auto server = stream::ChunkServer::Start(options, loops, std::make_shared<AnyContent>(name));
    EXPECT_TRUE(server.ok()) << server.status();
    const PeerIdentity self = PeerIdentity::Random();
    v1::LookupResponse found;
    (void)Call(&Stub::Lookup, token, TicketedLookup(self), &found);
    FrameConnection connection = FrameConnection::To((*server)->port());
    stream::Hello hello;
    hello.content_id = TestContentId(1);
    hello.peer_id = self.id();
    hello.ticket = found.ticket();
    EXPECT_TRUE(connection.SendFrame(stream::FrameType::kHello, hello.Encode()));
    const auto answer = connection.ReadFrame();
    connection.Close();
    (*server)->Stop();
    if (!answer.has_value()) return Outcome::kSilence;
    if (answer->header.type == stream::FrameType::kHello) return Outcome::kAdmitted;
    const auto refuse = stream::Refuse::Decode(AsBytes(answer->body));
    EXPECT_TRUE(refuse.ok() && refuse->reason == stream::Refuse::Reason::kNoTicket) << refuse.status();
    return Outcome::kDenied;
  }

  struct Row {
    std::string listener;
    std::string action;
    std::vector<Outcome> outcomes;  // one for each caller
    std::function<Outcome(const std::string& token)> act;
  };

  std::vector<Row> Rows();

  TemporaryFolder folder_;
  std::unique_ptr<tracking::TicketVerifier> verifier_;  // of the tracker's tickets
  std::unique_ptr<Tracker> tracker_;
  std::unique_ptr<Tracker> open_bittorrent_;
  std::unique_ptr<Stub> stub_;
};

std::vector<TrackerAccessTest::Row> TrackerAccessTest::Rows() {
  using Outcomes = std::vector<Outcome>;
  constexpr Outcome kYes = Outcome::kAdmitted;
  constexpr Outcome kNone = Outcome::kNoToken;
  constexpr Outcome kNo = Outcome::kDenied;
  // In the order of kCallers.
  const Outcomes publishers = {kNone, kYes, kNo, kNo, kYes};
  const Outcomes serving = {kNone, kYes, kYes, kNo, kYes};
  const Outcomes fetchers = {kNone, kNo, kYes, kNo, kYes};
  const Outcomes ticketed = {kNo, kNo, kYes, kNo, kYes};
  const Outcomes listers = {kNone, kNo, kNo, kYes, kYes};
  const Outcomes administrators = {kNone, kNo, kNo, kNo, kYes};
  const Outcomes everyone(kCallers.size(), kYes);
  const Outcomes refused(kCallers.size(), kNo);
  const Outcomes silence(kCallers.size(), Outcome::kSilence);

  const tracking::RegisterRequest publishing = TestSeeder(2, TestContent(2));
  const tracking::RegisterRequest passing_on = TestRegister(3, TestContent(3), 10);
  const tracking::LookupRequest by_name{std::string("content-1"), std::nullopt, 1};
  const tracking::LookupRequest by_id{TestContentId(1), std::nullopt, 1};
  const tracking::LookupManyRequest many{{TestContentId(1)}, std::nullopt, 1};
  const std::string api = "/api/shoal.tracker.v1.TrackerService/";

  return {
      {"gRPC", "Register, to publish", publishers,
       [=, this](const std::string& token) { return Ask(&Stub::Register, token, publishing); }},
      {"gRPC", "Register, to pass on", serving,
       [=, this](const std::string& token) { return Ask(&Stub::Register, token, passing_on); }},
      {"gRPC", "RegisterMany, to publish", publishers,
       [=, this](const std::string& token) { return RegisterMany(token, publishing); }},
      {"gRPC", "RegisterMany, to pass on", serving,
       [=, this](const std::string& token) { return RegisterMany(token, passing_on); }},
      {"gRPC", "Heartbeat", serving,
       [=, this](const std::string& token) { return Ask(&Stub::Heartbeat, token, TestHeartbeat(9, {})); }},
      {"gRPC", "Leave", serving,
       [=, this](const std::string& token) { return Ask(&Stub::Leave, token, TestLeave(9)); }},
      {"gRPC", "Lookup by name", fetchers,
       [=, this](const std::string& token) { return Ask(&Stub::Lookup, token, by_name); }},
      {"gRPC", "Lookup by id", fetchers,
       [=, this](const std::string& token) { return Ask(&Stub::Lookup, token, by_id); }},
      {"gRPC", "LookupMany", fetchers,
       [=, this](const std::string& token) { return Ask(&Stub::LookupMany, token, many); }},
      {"gRPC", "Watch", fetchers, [=, this](const std::string& token) { return Watch(token); }},
      {"gRPC", "ListContents", listers,
       [=, this](const std::string& token) {
         return Ask(&Stub::ListContents, token, tracking::ListContentsRequest());
       }},
      {"gRPC", "GetSwarm", listers,
       [=, this](const std::string& token) {
         return Ask(&Stub::GetSwarm, token, tracking::ContentKey(TestContentId(1)));
       }},
      {"gRPC", "GetSwarm of BitTorrent", listers,
       [=, this](const std::string& token) {
         return Ask(&Stub::GetSwarm, token, tracking::ContentKey(*InfoHash::FromHex(std::string(40, 'a'))));
       }},
      {"gRPC", "health", everyone,
       [=, this](const std::string&) {
         return OutcomeOf(service::CheckHealth(Address(*tracker_), kPatience).code());
       }},
      {"datagrams", "Register", refused,
       [=, this](const std::string& token) {
         return OutcomeOf(Datagrams(token)->Register(publishing, kPatience).status().code());
       }},
      {"datagrams", "Heartbeat", refused,
       [=, this](const std::string& token) {
         return OutcomeOf(Datagrams(token)->Heartbeat(TestHeartbeat(9, {}), kPatience).status().code());
       }},
      {"datagrams", "Lookup", refused,
       [=, this](const std::string& token) {
         return OutcomeOf(Datagrams(token)->Lookup(by_id, kPatience).status().code());
       }},
      {"datagrams", "Leave", refused,
       [=, this](const std::string& token) {
         return OutcomeOf(Datagrams(token)->Leave(TestLeave(9), kPatience).status().code());
       }},
      {"BEP 15", "connect, and so announce and scrape", silence,
       [=, this](const std::string&) { return ConnectAsBitTorrent(*tracker_); }},
      {"BEP 15", "the same with `--open-bittorrent`", everyone,
       [=, this](const std::string&) { return ConnectAsBitTorrent(*open_bittorrent_); }},
      {"chunk stream", "a peer with `--require-ticket`", ticketed,
       [=, this](const std::string& token) { return FetchFromAPeer(token); }},
      {"HTTP", "`/`", everyone, [=, this](const std::string& token) { return Page(token, "/"); }},
      {"HTTP", "files of the page", everyone,
       [=, this](const std::string& token) { return Page(token, "/parts/style.css"); }},
      {"HTTP", "`/api/status`", listers,
       [=, this](const std::string& token) { return Page(token, "/api/status"); }},
      {"HTTP", "`/metrics`", listers,
       [=, this](const std::string& token) { return Page(token, "/metrics"); }},
      {"HTTP", "`/api/.../ListContents`", listers,
       [=, this](const std::string& token) { return Page(token, api + "ListContents"); }},
      {"HTTP", "`/api/.../GetSwarm`", listers,
       [=, this](const std::string& token) { return Page(token, api + "GetSwarm?name=content-1"); }},
      {"HTTP", "`/api/.../Lookup` (list and fetch)", administrators,
       [=, this](const std::string& token) { return Page(token, api + "Lookup?name=content-1"); }},
      {"HTTP", "`/healthz`", everyone,
       [=, this](const std::string& token) { return Page(token, "/healthz"); }},
      {"HTTP", "`/readyz`", everyone, [=, this](const std::string& token) { return Page(token, "/readyz"); }},
  };
}

TEST_F(TrackerAccessTest, EachActionAsksForItsRight) {
  open_bittorrent_ = Start(/*open_bittorrent=*/true);
  for (const Row& row : Rows()) {
    for (size_t i = 0; i < kCallers.size(); ++i) {
      const Outcome outcome = row.act(kCallers[i] == "none" ? "" : TokenOf(kCallers[i]));
      EXPECT_STREQ(OutcomeName(outcome), OutcomeName(row.outcomes[i]))
          << row.listener << ": " << row.action << ", with the right: " << kCallers[i];
    }
    EXPECT_STREQ(OutcomeName(row.act("a-token-that-nobody-has")), OutcomeName(row.outcomes[0]))
        << row.listener << ": " << row.action << ", with an unknown token";
  }
}

TEST_F(TrackerAccessTest, TheManualHasThisTable) {
  std::string table = absl::StrCat("| listener | action | ", absl::StrJoin(kCallers, " | "), " |\n|---|---|");
  for (size_t i = 0; i < kCallers.size(); ++i) table += "---|";
  table += "\n";
  for (const Row& row : Rows()) {
    absl::StrAppend(&table, "| ", row.listener, " | ", row.action, " |");
    for (const Outcome outcome : row.outcomes) absl::StrAppend(&table, " ", OutcomeName(outcome), " |");
    table += "\n";
  }
  std::ifstream file(SHOAL_OPERATIONS_MANUAL, std::ios::binary);
  const std::string manual{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_THAT(manual, HasSubstr(table));
}

TEST_F(TrackerAccessTest, ErrorsSayWhatToDo) {
  v1::LookupResponse out;
  const tracking::LookupRequest by_id{TestContentId(1), std::nullopt, 1};
  EXPECT_THAT(Call(&Stub::Lookup, "", by_id, &out).error_message(), HasSubstr("--tracker-token-file"));
  EXPECT_THAT(Call(&Stub::Lookup, "nobodys", by_id, &out).error_message(),
              HasSubstr("does not know the token"));
  EXPECT_THAT(Call(&Stub::Lookup, TokenOf("publish"), by_id, &out).error_message(),
              HasSubstr("lacks the right fetch"));
  EXPECT_THAT(std::string(Datagrams("")->Lookup(by_id, kPatience).status().message()),
              HasSubstr(absl::StrCat("name it as grpc://127.0.0.1:", tracker_->grpc_port())));
  EXPECT_THAT(Http("", "/metrics"), HasSubstr("WWW-Authenticate: Bearer"));
}

TEST_F(TrackerAccessTest, ATicketIsForThePeerWhoseSecretCameWithTheLookup) {
  const PeerIdentity self = PeerIdentity::Random();
  v1::LookupResponse found;
  ASSERT_TRUE(Call(&Stub::Lookup, TokenOf("fetch"), TicketedLookup(self), &found).ok());
  EXPECT_EQ(verifier_->Check(AsBytes(found.ticket()), TestContentId(1), std::nullopt, self.id()),
            absl::OkStatus());
  EXPECT_FALSE(
      verifier_->Check(AsBytes(found.ticket()), TestContentId(1), std::nullopt, RandomPeerId()).ok());
  v1::LookupResponse again;
  ASSERT_TRUE(Call(&Stub::Lookup, TokenOf("fetch"), TicketedLookup(self), &again).ok());
  EXPECT_EQ(again.ticket(), found.ticket()) << "is not signed anew";
  // A peer id is no proof, and a lookup without one is answered all the same.
  v1::LookupResponse unproven;
  ASSERT_TRUE(Call(&Stub::Lookup, TokenOf("fetch"), tracking::LookupRequest{TestContentId(1), self.id(), 1},
                   &unproven)
                  .ok());
  EXPECT_EQ(unproven.contents_size(), 1);
  EXPECT_EQ(unproven.ticket(), "");
}

// The tracker believes the name of a registration. The peer that serves the content does not.
TEST_F(TrackerAccessTest, ATicketUnderAWrongNameOpensNothing) {
  EXPECT_EQ(FetchFromAPeer(TokenOf("fetch")), Outcome::kAdmitted);
  EXPECT_EQ(FetchFromAPeer(TokenOf("fetch"), "another name"), Outcome::kDenied);
}

TEST_F(TrackerAccessTest, LookupManyBringsATicketForEachContentThatTheTokenIsFor) {
  const PeerIdentity self = PeerIdentity::Random();
  v1::RegisterResponse registered;
  ASSERT_TRUE(
      Call(&Stub::Register, TokenOf("admin"), TestSeeder(20, TestContent(21, "models-7b")), &registered)
          .ok());
  v1::LookupManyResponse found;
  ASSERT_TRUE(
      Call(&Stub::LookupMany, TokenOf("models"),
           tracking::LookupManyRequest{
               {TestContentId(1), TestContentId(21), TestContentId(99)}, std::nullopt, 1, "", self.secret()},
           &found)
          .ok());
  EXPECT_EQ(found.results(0).ticket(), "");
  EXPECT_EQ(verifier_->Check(AsBytes(found.results(1).ticket()), TestContentId(21), "models-7b", self.id()),
            absl::OkStatus());
  EXPECT_EQ(found.results(2).ticket(), "");
}

TEST_F(TrackerAccessTest, RegistrationsAndHeartbeatsNameTheKeyOfTickets) {
  const std::string key = SigningKey::Read(folder_.Path("ticket.pem"))->public_key().ToString();
  v1::RegisterResponse registered;
  ASSERT_TRUE(Call(&Stub::Register, TokenOf("admin"), TestSeeder(1, TestContent(1)), &registered).ok());
  EXPECT_EQ(registered.ticket_issuer(), key);
  v1::RegisterManyResponse many;
  ASSERT_TRUE(Call(&Stub::RegisterMany, TokenOf("admin"), tracking::RegisterManyRequest(), &many).ok());
  EXPECT_EQ(many.ticket_issuer(), key);
  v1::HeartbeatResponse beaten;
  ASSERT_TRUE(Call(&Stub::Heartbeat, TokenOf("admin"), TestHeartbeat(1, {}), &beaten).ok());
  EXPECT_EQ(beaten.ticket_issuer(), key);
  // Without TLS anybody could have said so.
  const auto verifier = std::make_shared<tracking::TicketVerifier>(tracking::TicketVerifier::Options());
  const tracking::TrackerUrl url{tracking::TrackerUrl::Protocol::kGrpc, {"127.0.0.1", tracker_->grpc_port()}};
  const auto client = tracking::MakeTrackerClient(url, {nullptr, TokenOf("admin"), verifier});
  ASSERT_TRUE(client->Register(TestSeeder(1, TestContent(1)), kPatience).ok());
  const absl::Status unknown =
      verifier->Check(AsBytes(std::string(200, 'x')), ContentId(), std::nullopt, PeerId());
  EXPECT_TRUE(absl::IsUnavailable(unknown)) << unknown;
}

TEST_F(TrackerAccessTest, ATokenForNamesIsForNoOthers) {
  const std::string models = TokenOf("models");
  const auto seeder = [](uint32_t number, const std::string& name) {
    return TestSeeder(20, TestContent(number, name));
  };
  EXPECT_EQ(Ask(&Stub::Register, models, seeder(21, "models-7b")), Outcome::kAdmitted);
  EXPECT_EQ(Ask(&Stub::Register, models, seeder(22, "other")), Outcome::kDenied);
  EXPECT_EQ(RegisterMany(models, seeder(22, "other")), Outcome::kDenied);
  for (const tracking::ContentKey& key :
       {tracking::ContentKey(std::string("content-1")), tracking::ContentKey(TestContentId(1))}) {
    EXPECT_EQ(Ask(&Stub::Lookup, models, tracking::LookupRequest{key, std::nullopt, 1}), Outcome::kDenied);
    EXPECT_EQ(Ask(&Stub::GetSwarm, models, key), Outcome::kDenied);
  }
  EXPECT_EQ(Ask(&Stub::GetSwarm, models, tracking::ContentKey(*InfoHash::FromHex(std::string(40, 'a')))),
            Outcome::kDenied);
  EXPECT_EQ(Watch(models), Outcome::kDenied);
  v1::LookupManyResponse found;
  ASSERT_TRUE(Call(&Stub::LookupMany, models,
                   tracking::LookupManyRequest{{TestContentId(1), TestContentId(21)}, std::nullopt, 1},
                   &found)
                  .ok());
  EXPECT_EQ(found.results(0).contents_size(), 0);
  EXPECT_EQ(found.results(1).contents_size(), 1);
  v1::ListContentsResponse listed;
  ASSERT_TRUE(Call(&Stub::ListContents, models, tracking::ListContentsRequest(), &listed).ok());
  ASSERT_EQ(listed.contents_size(), 1);
  EXPECT_EQ(listed.contents(0).summary().name(), "models-7b");
}

TEST_F(TrackerAccessTest, AClientGivesItsTokenToItsOwnTrackersOnly) {
  const std::string file = folder_.Write("token", "# of the dashboard\n\n" + TokenOf("list") + "\n");
  const tracking::TrackerUrl url{tracking::TrackerUrl::Protocol::kGrpc, {"127.0.0.1", tracker_->grpc_port()}};
  const auto listing = [&](const std::vector<tracking::TrackerUrl>& own) {
    const auto connect = tracking::TrackerClientsWithToken(file, own);
    EXPECT_TRUE(connect.ok()) << connect.status();
    return (*connect)(url)->ListContents({}, kPatience).status();
  };
  EXPECT_TRUE(listing({url}).ok()) << listing({url});
  const absl::Status foreign = listing({});
  EXPECT_EQ(foreign.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(CauseOf(foreign), ErrorCause::kNotPermitted);
  for (const char* text : {"", "# nothing\n", "short\n", "with spaces in the token\n"}) {
    folder_.Write("token", text);
    const absl::Status unusable = tracking::TrackerClientsWithToken(file, {url}).status();
    EXPECT_EQ(CauseOf(unusable), ErrorCause::kUsage) << text;
    EXPECT_THAT(std::string(unusable.message()), HasSubstr("--tracker-token-file: " + file)) << text;
  }
}

TEST_F(TrackerAccessTest, TheFileIsReadAgainAndABrokenOneIsNot) {
  const tracking::ListContentsRequest list;
  folder_.Write("tokens", Line("a-new-token-that-lists", "list"));
  tracker_->ReloadTokens();
  EXPECT_EQ(Ask(&Stub::ListContents, TokenOf("list"), list), Outcome::kNoToken);
  EXPECT_EQ(Ask(&Stub::ListContents, "a-new-token-that-lists", list), Outcome::kAdmitted);
  folder_.Write("tokens", "publish everything\n");
  tracker_->ReloadTokens();
  EXPECT_EQ(Ask(&Stub::ListContents, "a-new-token-that-lists", list), Outcome::kAdmitted);
}

}  // namespace
}  // namespace shoal::tracker
