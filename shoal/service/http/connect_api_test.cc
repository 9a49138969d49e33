#include "shoal/service/http/connect_api.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.pb.h"
#include "gtest/gtest.h"
#include "shoal/leecher/v1/downloads.pb.h"

namespace shoal::service {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using ::testing::HasSubstr;

constexpr char kService[] = "grpc.health.v1.Health";
// A method with effects: it is not described as a read.
constexpr char kWriting[] = "shoal.leecher.v1.DownloadsService";

std::string Serving(HealthCheckResponse::ServingStatus status) {
  HealthCheckResponse response;
  response.set_status(status);
  return response.SerializeAsString();
}

// Gives two states, and then an error.
class States final : public GrpcStreamSource {
 public:
  Message Next() override {
    ++given_;
    if (given_ == 1) return Serving(HealthCheckResponse::SERVING);
    if (given_ == 2) return Nothing();
    if (given_ == 3) return Serving(HealthCheckResponse::NOT_SERVING);
    return absl::UnavailableError("\"over\"");
  }

 private:
  int given_ = 0;
};

class ConnectApiTest : public ::testing::Test {
 protected:
  ConnectApiTest() {
    methods_.Add(kService, "Check",
                 GrpcMethods::Unary{[](GrpcCall* call, ByteView bytes) -> absl::StatusOr<std::string> {
                   HealthCheckRequest request;
                   EXPECT_TRUE(request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
                   call->AddTrailingMetadata("asked", request.service());
                   if (request.service() == "unknown") return absl::NotFoundError("no such service");
                   return Serving(HealthCheckResponse::SERVING);
                 }});
    methods_.Add(
        kService, "Watch",
        GrpcMethods::ServerStream{[this](GrpcCall*, ByteView bytes, const std::shared_ptr<GrpcStream>& stream)
                                      -> absl::StatusOr<std::unique_ptr<GrpcStreamSource>> {
          HealthCheckRequest request;
          EXPECT_TRUE(request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
          watched_ = request.service();
          stream_ = stream;
          return std::make_unique<States>();
        }});
    methods_.Add("not.linked.in.Service", "Method", GrpcMethods::Unary{});
    methods_.Add(kWriting, "Pause",
                 GrpcMethods::Unary{[this](GrpcCall*, ByteView) -> absl::StatusOr<std::string> {
                   ++written_;
                   return leecher::v1::PauseResponse().SerializeAsString();
                 }});
    api_ = ConnectApi(&methods_, "/api/", 1000).handler;
    reads_ = ReadOnlyApi(&methods_, "/api/").handler;
  }

  static HttpRequest Get(const std::string& query, const std::string& service = kService,
                         const std::string& method = "Check") {
    HttpRequest request;
    request.method = "GET";
    request.path = absl::StrCat("/api/", service, "/", method);
    request.query = query;
    return request;
  }

  HttpRequest Post(const std::string& body, const std::string& method = "Check") {
    HttpRequest request;
    request.method = "POST";
    request.path = std::string("/api/") + kService + "/" + method;
    request.body = body;
    request.headers["content-type"] = "application/json; charset=utf-8";
    return request;
  }

  GrpcMethods methods_;
  HttpServer::Handler api_;
  HttpServer::Handler reads_;
  std::string watched_;
  int written_ = 0;
  std::shared_ptr<GrpcStream> stream_;
};

TEST_F(ConnectApiTest, AnswersUnaryMethods) {
  for (const char* body : {"", "{}", "{\"service\":\"x\"}"}) {
    const HttpResponse response = api_(Post(body));
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_EQ(response.body, "{\"status\":\"SERVING\"}");
  }
  const HttpResponse response = api_(Post("{\"service\":\"x\"}"));
  ASSERT_EQ(response.headers.size(), 1u);
  EXPECT_EQ(response.headers[0], (std::pair<std::string, std::string>("Trailer-asked", "x")));
}

TEST_F(ConnectApiTest, ErrorsHaveCodesAndStatuses) {
  const HttpResponse missing = api_(Post("{\"service\":\"unknown\"}"));
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body, "{\"code\":\"not_found\",\"message\":\"no such service\"}");
  for (const char* bad : {"{", "[]", "{\"nothing\":1}", "{\"service\":7}", "\xff"}) {
    const HttpResponse response = api_(Post(bad));
    EXPECT_EQ(response.status, 400) << bad;
    EXPECT_THAT(response.body, HasSubstr("\"code\":\"invalid_argument\"")) << bad;
  }
  HttpRequest version = Post("{}");
  version.headers["connect-protocol-version"] = "2";
  EXPECT_EQ(api_(version).status, 400);
  version.headers["connect-protocol-version"] = "1";
  EXPECT_EQ(api_(version).status, 200);
}

TEST_F(ConnectApiTest, RefusesWhatIsNoCall) {
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"}) {
    HttpRequest form = Post("{}");
    form.headers["content-type"] = type;
    EXPECT_EQ(api_(form).status, 415) << type;
  }
  EXPECT_EQ(api_(Post("{}", "Nothing")).status, 404);
  for (const char* path : {"/api/", "/api/x", "/api/not.linked.in.Service/Method", "/api//"}) {
    HttpRequest request = Post("{}");
    request.path = path;
    EXPECT_EQ(api_(request).status, 404) << path;
  }
  HttpRequest post = Post("{}", "Watch");
  EXPECT_EQ(api_(post).status, 405);
}

TEST_F(ConnectApiTest, ReadsAreAnsweredToLinksToo) {
  for (const HttpServer::Handler& api : {api_, reads_}) {
    const HttpResponse response = api(Get("service=a%20b&access_token=secret"));
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_EQ(response.body, "{\"status\":\"SERVING\"}");
    EXPECT_THAT(response.headers, ::testing::ElementsAre(::testing::Pair("Trailer-asked", "a b"),
                                                         ::testing::Pair("Cache-Control", "no-store")));
    EXPECT_EQ(api(Get("")).status, 200);
    EXPECT_EQ(api(Get("service=unknown")).status, 404);
    for (const char* bad : {"nothing=1", "service=%", "service.x=1", "=1"}) {
      const HttpResponse refused = api(Get(bad));
      EXPECT_EQ(refused.status, 400) << bad;
      EXPECT_THAT(refused.body, HasSubstr("\"code\":\"invalid_argument\"")) << bad;
    }
    HttpRequest head = Get("");
    head.method = "HEAD";
    EXPECT_EQ(api(head).status, 200);
  }
}

TEST_F(ConnectApiTest, ALinkChangesNothing) {
  const HttpResponse refused = api_(Get("ids=1", kWriting, "Pause"));
  EXPECT_EQ(refused.status, 405);
  EXPECT_THAT(refused.headers, ::testing::Contains(::testing::Pair("Allow", "POST")));
  HttpRequest put = Get("");
  put.method = "PUT";
  EXPECT_EQ(api_(put).status, 405);
  EXPECT_EQ(written_, 0);
}

TEST_F(ConnectApiTest, TheReadOnlyApiHasNothingElse) {
  const HttpServer::Route route = ReadOnlyApi(&methods_, "/api/");
  EXPECT_THAT(route.methods, ::testing::ElementsAre("GET"));
  EXPECT_TRUE(route.prefix);
  for (const char* verb : {"GET", "POST"}) {
    HttpRequest write = Get("", kWriting, "Pause");
    write.method = verb;
    write.headers["content-type"] = "application/json";
    const HttpResponse refused = reads_(write);
    EXPECT_EQ(refused.status, 403) << verb;
    EXPECT_THAT(refused.body, HasSubstr("\"code\":\"permission_denied\"")) << verb;
  }
  EXPECT_EQ(reads_(Get("", kService, "Watch")).status, 403);
  EXPECT_EQ(reads_(Get("", kService, "Nothing")).status, 404);
  EXPECT_EQ(written_, 0);
}

TEST_F(ConnectApiTest, SendsStreamsAsEvents) {
  HttpRequest request = Post("", "Watch");
  request.method = "GET";
  request.query = "service=a%20b&access_token=secret";
  const HttpResponse response = api_(request);
  EXPECT_EQ(response.content_type, "text/event-stream");
  EXPECT_EQ(response.sign_of_life, "event: alive\ndata: {}\n\n");
  int woken = 0;
  const std::unique_ptr<HttpStream> stream = response.open_stream([&] { ++woken; });
  EXPECT_EQ(watched_, "a b");
  EXPECT_EQ(std::get<std::string>(stream->Take()), "data: {\"status\":\"SERVING\"}\n\n");
  EXPECT_TRUE(std::holds_alternative<HttpStream::Nothing>(stream->Take()));
  stream_->Wake();
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(std::get<std::string>(stream->Take()), "data: {\"status\":\"NOT_SERVING\"}\n\n");
  EXPECT_EQ(std::get<std::string>(stream->Take()),
            "event: error\ndata: {\"code\":\"unavailable\",\"message\":\"\\\"over\\\"\"}\n\n");
  EXPECT_TRUE(std::holds_alternative<HttpStream::End>(stream->Take()));

  request.query = "nothing=1";
  EXPECT_EQ(api_(request).status, 400);
  request.query = "service=%";
  EXPECT_EQ(api_(request).status, 400);
}

}  // namespace
}  // namespace shoal::service
