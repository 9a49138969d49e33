#include "shoal/service/grpc/grpc_server.h"

#include <algorithm>
#include <deque>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gmock/gmock.h"

#include "google/protobuf/wire_format_lite.h"
#include "grpc/support/log.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/mutex.h"
#include "shoal/net/listener.h"
#include "shoal/service/grpc/health_endpoint.h"
#include "shoal/service/log/log.h"
#include "tests/support/loopback_client.h"
#include "tests/support/raw_connection.h"

namespace shoal::service {
namespace {

using ::testing::HasSubstr;

grpc::ByteBuffer Bytes(const std::string& text) {
  const grpc::Slice slice(text);
  return {&slice, 1};
}

std::string Text(const grpc::ByteBuffer& bytes) {
  grpc::Slice slice;
  EXPECT_TRUE(bytes.DumpToSingleSlice(&slice).ok());
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

// Between a server's threads and the test's.
template <typename T>
class Queue {
 public:
  void Push(T value) {
    MutexLock lock(&mutex_);
    values_.push_back(std::move(value));
    pushed_.NotifyOne();
  }
  T Pop() {
    MutexLock lock(&mutex_);
    while (values_.empty()) pushed_.Wait(&mutex_);
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }

 private:
  Mutex mutex_;
  CondVar pushed_;
  std::deque<T> values_ ABSL_GUARDED_BY(mutex_);
};

// One method of each kind: "Who" returns the source of the call or the error that the request names, "Echo"
// returns each message unchanged, and "Count" sends the numbers up to the requested one, then ends or waits.
class SampleService {
 public:
  void AddTo(GrpcMethods* methods) {
    methods->Add("test.Sample", "Where", GrpcMethods::Unary{[](GrpcCall* call, ByteView) {
                   const auto local = call->local();
                   return local.ok() ? local->ToString() : std::string(local.status().message());
                 }});
    methods->Add("test.Sample", "Who", GrpcMethods::Unary{[](GrpcCall* call, ByteView request) {
                   return Who(call, std::string(request.begin(), request.end()));
                 }});
    methods->Add("test.Sample", "Echo",
                 GrpcMethods::Dialogue{[](GrpcCall*, ByteView request) -> absl::StatusOr<std::string> {
                   const std::string message(request.begin(), request.end());
                   if (message == "refuse") return absl::FailedPreconditionError("refused");
                   return message;
                 }});
    methods->Add("test.Sample", "Count",
                 GrpcMethods::ServerStream{[this](GrpcCall*, ByteView request, const auto& stream)
                                               -> absl::StatusOr<std::unique_ptr<GrpcStreamSource>> {
                   if (request.empty()) return absl::InvalidArgumentError("how often?");
                   streams_.Push(stream);
                   return std::make_unique<Counter>(request[0], &over_);
                 }});
  }

  // The stream that was opened last, once there is one.
  std::shared_ptr<GrpcStream> TakeStream() { return streams_.Pop(); }
  // Counters whose call has ended.
  Queue<int>& over() { return over_; }

 private:
  class Counter final : public GrpcStreamSource {
   public:
    Counter(int times, Queue<int>* over) : times_(times), over_(over) {}
    ~Counter() override { over_->Push(times_); }
    Message Next() override {
      if (times_ == 'w') return Nothing();
      if (times_-- > 0) return std::string("again");
      return absl::OutOfRangeError("counted");
    }

   private:
    int times_;
    Queue<int>* const over_;
  };

  static absl::StatusOr<std::string> Who(GrpcCall* call, const std::string& request) {
    if (request == "fail") {
      call->AddTrailingMetadata("why", "told to");
      return absl::DataLossError("failed");
    }
    const auto source = call->source();
    return source.ok() ? source->ToString() : std::string(source.status().message());
  }

  Queue<std::shared_ptr<GrpcStream>> streams_;
  Queue<int> over_;
};

class GrpcServerTest : public ::testing::Test {
 protected:
  void Start(const std::string& listen = "127.0.0.1:0", uint32_t max_connections = 100) {
    GrpcServer::Options options;
    options.listen = *Endpoint::Parse(listen);
    options.max_connections = max_connections;
    options.max_message_bytes = 4096;
    options.threads = 2;
    GrpcMethods methods;
    service_.AddTo(&methods);
    auto server = GrpcServer::Start(options, std::move(methods));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::string Target(const std::string& host = "127.0.0.1") const {
    return host + ":" + std::to_string(server_->port());
  }

  // One call over a connection of its own.
  static std::pair<grpc::Status, std::string> Call(const std::string& target, const std::string& method,
                                                   const std::string& request) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    grpc::GenericStub stub(grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    const grpc::ByteBuffer sent = Bytes(request);
    grpc::ByteBuffer response;
    std::promise<grpc::Status> done;
    stub.UnaryCall(&context, method, {}, &sent, &response,
                   [&](grpc::Status status) { done.set_value(std::move(status)); });
    const grpc::Status status = done.get_future().get();
    return {status, status.ok() ? Text(response) : std::string()};
  }

  // A stream over a connection of its own; every operation waits for its end.
  class Stream {
   public:
    Stream(const std::string& target, const std::string& method)
        : stub_(grpc::CreateChannel(target, grpc::InsecureChannelCredentials())) {
      context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
      io_ = stub_.PrepareCall(&context_, method, &queue_);
      io_->StartCall(this);
      Wait();
    }
    void Write(const std::string& message) {
      io_->Write(Bytes(message), this);
      Wait();
    }
    void WritesDone() {
      io_->WritesDone(this);
      Wait();
    }
    std::optional<std::string> Read() {
      grpc::ByteBuffer message;
      io_->Read(&message, this);
      if (!Wait()) return std::nullopt;
      return Text(message);
    }
    void Cancel() { context_.TryCancel(); }
    grpc::Status Finish() {
      grpc::Status status;
      io_->Finish(&status, this);
      Wait();
      return status;
    }

   private:
    bool Wait() {
      void* tag = nullptr;
      bool ok = false;
      return queue_.Next(&tag, &ok) && ok;
    }

    grpc::GenericStub stub_;
    grpc::CompletionQueue queue_;
    grpc::ClientContext context_;
    std::unique_ptr<grpc::GenericClientAsyncReaderWriter> io_;
  };

  SampleService service_;
  std::unique_ptr<GrpcServer> server_;
};

TEST_F(GrpcServerTest, ReportsTheSourceOfACall) {
  for (const char* listen : {"127.0.0.1:0", "0.0.0.0:0", "[::]:0"}) {
    Start(listen);
    const auto [status, peer] = Call(Target(), "/test.Sample/Who", "");
    ASSERT_TRUE(status.ok()) << status.error_message();
    const auto from = Endpoint::Parse(peer);
    ASSERT_TRUE(from.ok()) << peer;
    EXPECT_EQ(from->ip.ToString(), "127.0.0.1") << listen;
    EXPECT_NE(from->port, 0);
  }
}

TEST_F(GrpcServerTest, ReportsTheAddressThatACallerIsConnectedTo) {
  Start("0.0.0.0:0");
  for (const char* address : {"127.0.0.1", "127.0.0.2", "127.0.0.1"}) {
    const auto [status, local] = Call(Target(address), "/test.Sample/Where", "");
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(local, Target(address));
  }
}

TEST_F(GrpcServerTest, ReportsTheSourceOfACallOverIpv6) {
  if (!net::Listener::Open(*Endpoint::Parse("[::1]:0")).ok()) GTEST_SKIP() << "no IPv6 here";
  Start("[::]:0");
  const auto [status, peer] = Call(Target("[::1]"), "/test.Sample/Who", "");
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_TRUE(Endpoint::Parse(peer).ok()) << peer;
  EXPECT_EQ(Endpoint::Parse(peer)->ip.ToString(), "::1");
}

TEST_F(GrpcServerTest, HealthFollowsSetServingAndStop) {
  Start();
  const HostPort address{"127.0.0.1", server_->port()};
  EXPECT_EQ(CheckHealth(address.ToString(), absl::Seconds(60)).code(), absl::StatusCode::kUnavailable);
  server_->SetServing(true);
  EXPECT_TRUE(CheckHealth(address.ToString(), absl::Seconds(60)).ok())
      << CheckHealth(address.ToString(), absl::Seconds(60));
  // HealthCheckRequest{service: "test.Sample"}.
  EXPECT_EQ(Call(Target(), "/grpc.health.v1.Health/Check", "\x0A\x0Btest.Sample").second, "\x08\x01");
  server_->SetServing(false);
  EXPECT_THAT(std::string(CheckHealth(address.ToString(), absl::Seconds(60)).message()),
              HasSubstr("not serving"));
  server_->Stop(absl::ZeroDuration());
  EXPECT_EQ(CheckHealth(address.ToString(), absl::Seconds(60)).code(), absl::StatusCode::kUnavailable);
}

TEST_F(GrpcServerTest, ReflectionAnswersUnderBothOfItsNames) {
  Start();
  for (const std::string package : {"grpc.reflection.v1", "grpc.reflection.v1alpha"}) {
    SCOPED_TRACE(package);
    Stream reflection(Target(), "/" + package + ".ServerReflection/ServerReflectionInfo");
    reflection.Write("\x3A\x01*");  // ServerReflectionRequest{list_services: "*"}
    const std::string listed = *reflection.Read();
    EXPECT_THAT(listed, HasSubstr("test.Sample"));
    EXPECT_THAT(listed, HasSubstr(package + ".ServerReflection"));
    // ServerReflectionRequest{file_containing_symbol: ...}
    const std::string symbol = package + ".ServerReflection";
    reflection.Write(std::string("\x22") + static_cast<char>(symbol.size()) + symbol);
    EXPECT_THAT(*reflection.Read(), HasSubstr("ServerReflectionInfo"));
  }
}

TEST_F(GrpcServerTest, ReflectionShowsTheCommentsOfTheProtos) {
  Start();
  Stream reflection(Target(), "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
  const std::string symbol = "shoal.tracker.v1.TrackerService";
  reflection.Write(std::string("\x22") + static_cast<char>(symbol.size()) + symbol);
  const std::string files = *reflection.Read();
  EXPECT_THAT(files, HasSubstr("rpc"));
  EXPECT_THAT(files, HasSubstr("Idempotent"));
}

TEST_F(GrpcServerTest, AMessageThatIsTooLargeIsRefused) {
  Start();
  EXPECT_EQ(Call(Target(), "/test.Sample/Who", std::string(5000, 'x')).first.error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Call(Target(), "/test.Sample/Who", std::string(4000, 'x')).first.ok());
}

TEST_F(GrpcServerTest, ConnectionsAreBoundedAndFreedAgain) {
  Start("127.0.0.1:0", 2);
  const LoopbackClient a(server_->port());
  LoopbackClient b(server_->port());
  a.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  b.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  a.ReadUntil(std::string(1, '\x04'));  // the server's SETTINGS frame: it has the connection
  b.ReadUntil(std::string(1, '\x04'));
  const LoopbackClient c(server_->port());
  EXPECT_EQ(c.ReadAll(), "") << "one too many is closed without a word";
  b.Close();
  // gRPC closes its end of b when it comes to it; until then, connections are refused.
  grpc::Status status;
  do {
    status = Call(Target(), "/test.Sample/Who", "").first;
  } while (status.error_code() == grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

// A frame of HTTP/2 (RFC 9113, 4.1).
std::string Http2Frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) {
  std::string frame;
  for (const int shift : {16, 8, 0}) frame.push_back(static_cast<char>(payload.size() >> shift));
  frame.push_back(static_cast<char>(type));
  frame.push_back(static_cast<char>(flags));
  AppendBig(stream, &frame);
  return frame + payload;
}

constexpr uint8_t kHeadersFrame = 1;
constexpr uint8_t kSettingsFrame = 4;
constexpr uint8_t kContinuationFrame = 9;
constexpr uint8_t kEndHeaders = 4;

std::string Http2Preface() {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Http2Frame(kSettingsFrame, 0, 0, "");
}

// A literal header field without indexing (RFC 7541, 6.2.2).
std::string HeaderField(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + static_cast<char>(name.size()) + name + static_cast<char>(value.size()) +
         value;
}

std::string CallHeaders() {
  return HeaderField(":method", "POST") + HeaderField(":scheme", "http") +
         HeaderField(":path", "/test.Sample/Who") + HeaderField(":authority", "x") +
         HeaderField("te", "trailers") + HeaderField("content-type", "application/grpc");
}

TEST_F(GrpcServerTest, AHeaderBlockWithoutAnEndIsCutOff) {
  Start();
  RawConnection attacker = RawConnection::To(server_->port());
  ASSERT_TRUE(attacker.Send(Http2Preface() + Http2Frame(kHeadersFrame, 0, 1, CallHeaders())));
  std::string fields;
  for (int i = 0; i < 100; ++i) fields += HeaderField("x-padding", std::string(100, 'x'));
  std::string frames;
  for (int i = 0; i < 10; ++i) frames += Http2Frame(kContinuationFrame, 0, 1, fields);
  while (attacker.Send(frames)) {
  }
  EXPECT_TRUE(Call(Target(), "/test.Sample/Who", "x").first.ok());
}

TEST_F(GrpcServerTest, AConnectionWhoseCallsNeverSendTheirMessageIsCutOff) {
  Start();
  // It does not acknowledge the server's settings, which bound its streams.
  RawConnection attacker = RawConnection::To(server_->port());
  ASSERT_TRUE(attacker.Send(Http2Preface()));
  for (uint32_t stream = 1; attacker.Send(Http2Frame(kHeadersFrame, kEndHeaders, stream, CallHeaders()));
       stream += 2) {
  }
  EXPECT_TRUE(Call(Target(), "/test.Sample/Who", "x").first.ok());
}

TEST_F(GrpcServerTest, ErrorsCarryTheirMetadata) {
  Start();
  EXPECT_EQ(Call(Target(), "/test.Sample/Who", "fail").first.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_EQ(Call(Target(), "/test.Sample/Elsewhere", "").first.error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(GrpcServerTest, ADialogueAnswersEachMessage) {
  Start();
  Stream stream(Target(), "/test.Sample/Echo");
  for (const char* message : {"one", "two", ""}) {
    stream.Write(message);
    EXPECT_EQ(stream.Read(), message);
  }
  stream.WritesDone();
  EXPECT_TRUE(stream.Finish().ok());

  Stream refused(Target(), "/test.Sample/Echo");
  refused.Write("refuse");
  EXPECT_EQ(refused.Finish().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(GrpcServerTest, AStreamSendsAllItsMessagesAndEnds) {
  Start();
  Stream stream(Target(), "/test.Sample/Count");
  stream.Write("\x03");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(stream.Read(), "again");
  EXPECT_EQ(stream.Read(), std::nullopt);
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::OUT_OF_RANGE);
  service_.over().Pop();

  Stream refused(Target(), "/test.Sample/Count");
  refused.Write("");
  EXPECT_EQ(refused.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(GrpcServerTest, ACancelledStreamEnds) {
  Start();
  Stream stream(Target(), "/test.Sample/Count");
  stream.Write("w");
  const std::shared_ptr<GrpcStream> kept = service_.TakeStream();
  stream.Cancel();
  EXPECT_EQ(service_.over().Pop(), 'w');
  kept->Wake();
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(GrpcServerTest, StopCancelsCallsThatDoNotEndInTime) {
  Start();
  Stream stream(Target(), "/test.Sample/Count");
  stream.Write("w");
  service_.TakeStream();
  server_->Stop(absl::Milliseconds(10));
  server_->Stop(absl::Seconds(100));
  EXPECT_FALSE(stream.Finish().ok());
}

TEST_F(GrpcServerTest, AHealthWatchReportsEachChangeAndTheEnd) {
  Start();
  Stream stream(Target(), "/grpc.health.v1.Health/Watch");
  stream.Write("");
  EXPECT_EQ(stream.Read(), "\x08\x02");
  server_->SetServing(true);
  EXPECT_EQ(stream.Read(), "\x08\x01");
  Stream unknown(Target(), "/grpc.health.v1.Health/Watch");
  unknown.Write("\x0A\x01x");
  EXPECT_EQ(unknown.Read(), "\x08\x03");
  server_->Stop(absl::Seconds(100));
  EXPECT_EQ(stream.Read(), "\x08\x02");
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(GrpcServerTest, ATakenPortIsUnavailable) {
  Start();
  GrpcServer::Options options;
  options.listen = {*IpAddress::Parse("127.0.0.1"), server_->port()};
  const auto second = GrpcServer::Start(options, {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(Target()));
}

TEST(LibraryLogsTest, AreLinesOfTheLogAtDebugLevel) {
  RouteLibraryLogs();
  const auto logged = [](LogLevel level) {
    StartLog("tester", level, LogFormat::kText);
    ::testing::internal::CaptureStderr();
    gpr_log("resolver.cc", 7, GPR_LOG_SEVERITY_ERROR, "no name\n%s", "server");
    using Wire = google::protobuf::internal::WireFormatLite;
    EXPECT_FALSE(Wire::VerifyUtf8String("\xff", 1, Wire::PARSE, "a.field"));
    const std::string text = ::testing::internal::GetCapturedStderr();
    StartLog("tester", LogLevel::kInfo, LogFormat::kText);
    return text;
  };
  EXPECT_EQ(logged(LogLevel::kInfo), "");
  const std::string text = logged(LogLevel::kDebug);
  EXPECT_THAT(text, HasSubstr(" debug tester: no name\\nserver library=grpc source=resolver.cc:7\n"));
  EXPECT_THAT(text, HasSubstr("'a.field' contains invalid UTF-8 data"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST(GrpcConversionTest, StatusAndPeers) {
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  EXPECT_EQ(ToGrpc(absl::NotFoundError("x")).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ToGrpc(absl::NotFoundError("x")).error_message(), "x");
  EXPECT_EQ(ParseGrpcPeer("ipv4:192.0.2.7:4711")->ToString(), "192.0.2.7:4711");
  EXPECT_EQ(ParseGrpcPeer("ipv6:%5B2001:db8::1%5D:4711")->ToString(), "[2001:db8::1]:4711");
  EXPECT_EQ(ParseGrpcPeer("ipv6:[2001:db8::1]:4711")->ToString(), "[2001:db8::1]:4711");
  EXPECT_EQ(ParseGrpcPeer("ipv6:%5Bfe80::1%252%5D:4711")->ToString(), "[fe80::1]:4711");
  EXPECT_EQ(ParseGrpcPeer("ipv6:%5Bfe80::1%25eth0%5D:4711")->ToString(), "[fe80::1]:4711");
  EXPECT_FALSE(ParseGrpcPeer("unix:/run/x").ok());
  EXPECT_FALSE(ParseGrpcPeer("").ok());
}

}  // namespace
}  // namespace shoal::service
