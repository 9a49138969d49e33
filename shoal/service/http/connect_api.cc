#include "shoal/service/http/connect_api.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "shoal/base/status_macros.h"
#include "shoal/service/http/json_messages.h"
#include "shoal/service/http/request_guard.h"

namespace shoal::service {
namespace {

using google::protobuf::MethodDescriptor;

// No comment: those are not shown to the script of a page, which has to tell silence from a dead connection.
constexpr char kAlive[] = "event: alive\ndata: {}\n\n";

struct Code {
  const char* name;
  int http_status;
};

// https://connectrpc.com/docs/protocol#error-codes
Code CodeOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kUnknown:
      return {"unknown", 500};
    case absl::StatusCode::kCancelled:
      return {"canceled", 499};
    case absl::StatusCode::kInvalidArgument:
      return {"invalid_argument", 400};
    case absl::StatusCode::kDeadlineExceeded:
      return {"deadline_exceeded", 504};
    case absl::StatusCode::kNotFound:
      return {"not_found", 404};
    case absl::StatusCode::kAlreadyExists:
      return {"already_exists", 409};
    case absl::StatusCode::kPermissionDenied:
      return {"permission_denied", 403};
    case absl::StatusCode::kResourceExhausted:
      return {"resource_exhausted", 429};
    case absl::StatusCode::kFailedPrecondition:
      return {"failed_precondition", 400};
    case absl::StatusCode::kAborted:
      return {"aborted", 409};
    case absl::StatusCode::kOutOfRange:
      return {"out_of_range", 400};
    case absl::StatusCode::kUnimplemented:
      return {"unimplemented", 501};
    case absl::StatusCode::kInternal:
      return {"internal", 500};
    case absl::StatusCode::kUnavailable:
      return {"unavailable", 503};
    case absl::StatusCode::kDataLoss:
      return {"data_loss", 500};
    case absl::StatusCode::kUnauthenticated:
      return {"unauthenticated", 401};
    default:
      return {"unknown", 500};
  }
}

std::string ErrorJson(const absl::Status& status) {
  const nlohmann::json json = {{"code", CodeOf(status.code()).name},
                               {"message", std::string(status.message())}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// The fields of a query as the bytes of a message.
absl::StatusOr<std::string> BytesFromQuery(const std::string& query, const std::string& type) {
  SHOAL_ASSIGN_OR_RETURN(const auto fields, ParseQuery(query));
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [name, value] : fields) {
    if (name == kAccessTokenField) continue;
    // Protobuf's JSON takes numbers and booleans as strings too, but booleans only as such.
    if (value == "true" || value == "false") {
      json[name] = value == "true";
    } else {
      json[name] = value;
    }
  }
  return BytesFromJson(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), type);
}

// A call over HTTP.
class HttpCall final : public GrpcCall {
 public:
  explicit HttpCall(const HttpRequest& request) : request_(request) {}
  absl::StatusOr<Endpoint> source() const override { return request_.remote; }
  absl::StatusOr<Endpoint> local() const override { return request_.local; }
  std::string Metadata(const std::string& key) const override { return request_.Header(key); }
  void AddTrailingMetadata(const std::string& key, const std::string& value) override {
    trailers_.emplace_back(absl::StrCat("Trailer-", key), value);
  }
  const std::vector<std::pair<std::string, std::string>>& trailers() const { return trailers_; }

 private:
  const HttpRequest& request_;
  std::vector<std::pair<std::string, std::string>> trailers_;
};

// Wakes an HTTP response on behalf of a method's source.
class WakeHttp final : public GrpcStream {
 public:
  explicit WakeHttp(std::function<void()> wake) : wake_(std::move(wake)) {}
  void Wake() override { wake_(); }

 private:
  const std::function<void()> wake_;
};

// The messages of a server stream as Server-Sent Events.
class EventStream final : public HttpStream {
 public:
  EventStream(absl::StatusOr<std::unique_ptr<GrpcStreamSource>> source, std::shared_ptr<GrpcStream> stream,
              const std::string& type)
      : stream_(std::move(stream)), type_(type) {
    if (source.ok()) {
      source_ = *std::move(source);
    } else {
      error_ = source.status();
    }
  }

  Next Take() override {
    if (over_) return End();
    if (error_.ok()) {
      GrpcStreamSource::Message message = source_->Next();
      if (std::holds_alternative<GrpcStreamSource::Nothing>(message)) return Nothing();
      if (const auto* bytes = std::get_if<std::string>(&message)) {
        absl::StatusOr<std::string> json = JsonFromBytes(*bytes, type_);
        // Canonical JSON has no line breaks.
        if (json.ok()) return absl::StrCat("data: ", *json, "\n\n");
        error_ = json.status();
      } else {
        error_ = std::get<absl::Status>(message);
      }
    }
    over_ = true;
    if (error_.ok()) return End();
    return absl::StrCat("event: error\ndata: ", ErrorJson(error_), "\n\n");
  }

 private:
  const std::shared_ptr<GrpcStream> stream_;
  const std::string type_;
  std::unique_ptr<GrpcStreamSource> source_;
  absl::Status error_;
  bool over_ = false;
};

enum class Reach { kAllMethods, kReadsOnly };

class Api {
 public:
  Api(const GrpcMethods* methods, std::string prefix, Reach reach)
      : methods_(methods), prefix_(std::move(prefix)), reach_(reach) {}

  HttpResponse Answer(const HttpRequest& request) const {
    const std::string name = request.path.substr(prefix_.size());
    const GrpcMethods::Method* method = methods_->Find(absl::StrCat("/", name));
    const MethodDescriptor* described = Describe(name);
    if (method == nullptr || described == nullptr) {
      HttpResponse response =
          ConnectError(absl::UnimplementedError(absl::StrCat("there is no method ", name)));
      response.status = 404;
      return response;
    }
    if (reach_ == Reach::kReadsOnly && !IsRead(*described)) {
      return ConnectError(
          absl::PermissionDeniedError(absl::StrCat(name, " is no read: it is for gRPC only")));
    }
    if (const auto* unary = std::get_if<GrpcMethods::Unary>(method)) {
      return AnswerUnary(request, *unary, *described);
    }
    if (const auto* stream = std::get_if<GrpcMethods::ServerStream>(method)) {
      return AnswerStream(request, *stream, *described);
    }
    return ConnectError(absl::UnimplementedError("this method is for gRPC only"));
  }

 private:
  // Null when no such method is linked in.
  static const MethodDescriptor* Describe(const std::string& name) {
    const size_t slash = name.find('/');
    if (slash == std::string::npos) return nullptr;
    const auto* service =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name.substr(0, slash));
    return service == nullptr ? nullptr : service->FindMethodByName(name.substr(slash + 1));
  }

  static bool IsRead(const MethodDescriptor& method) {
    return !method.server_streaming() &&
           method.options().idempotency_level() == google::protobuf::MethodOptions::NO_SIDE_EFFECTS;
  }

  static bool IsGet(const HttpRequest& request) {
    return request.method == "GET" || request.method == "HEAD";
  }

  static HttpResponse WrongMethod(const char* allowed) {
    HttpResponse response{405, "text/plain; charset=utf-8", absl::StrCat("only ", allowed, " is accepted\n")};
    response.headers.emplace_back("Allow", allowed);
    return response;
  }

  static HttpResponse AnswerUnary(const HttpRequest& request, const GrpcMethods::Unary& method,
                                  const MethodDescriptor& described) {
    const bool reads = IsRead(described);
    if (IsGet(request) && reads) {
      HttpResponse response = AnswerBytes(
          request, BytesFromQuery(request.query, described.input_type()->full_name()), method, described);
      response.headers.emplace_back("Cache-Control", "no-store");
      return response;
    }
    if (request.method != "POST") return WrongMethod(reads ? "GET, POST" : "POST");
    // A form of another site can't send this type without asking first.
    const absl::string_view type = request.Header("content-type");
    const std::string media = absl::AsciiStrToLower(
        absl::StripAsciiWhitespace(type.substr(0, std::min(type.find(';'), type.size()))));
    if (media != "application/json") {
      HttpResponse response{415, "text/plain; charset=utf-8", "only application/json is accepted\n"};
      response.headers.emplace_back("Accept-Post", "application/json");
      return response;
    }
    const std::string& version = request.Header("connect-protocol-version");
    if (!version.empty() && version != "1") {
      return ConnectError(absl::InvalidArgumentError("connect-protocol-version: only 1 is known"));
    }
    return AnswerBytes(request, BytesFromJson(request.body, described.input_type()->full_name()), method,
                       described);
  }

  static HttpResponse AnswerBytes(const HttpRequest& request, const absl::StatusOr<std::string>& bytes,
                                  const GrpcMethods::Unary& method, const MethodDescriptor& described) {
    if (!bytes.ok()) return ConnectError(bytes.status());
    HttpCall call(request);
    const absl::StatusOr<std::string> answer = method.answer(&call, AsBytes(*bytes));
    absl::StatusOr<std::string> json =
        answer.ok() ? JsonFromBytes(*answer, described.output_type()->full_name()) : answer.status();
    HttpResponse response =
        json.ok() ? HttpResponse{200, "application/json", *std::move(json)} : ConnectError(json.status());
    response.headers.insert(response.headers.end(), call.trailers().begin(), call.trailers().end());
    return response;
  }

  static HttpResponse AnswerStream(const HttpRequest& request, const GrpcMethods::ServerStream& method,
                                   const MethodDescriptor& described) {
    if (!IsGet(request)) return WrongMethod("GET");
    const absl::StatusOr<std::string> bytes =
        BytesFromQuery(request.query, described.input_type()->full_name());
    if (!bytes.ok()) return ConnectError(bytes.status());
    HttpResponse response;
    response.content_type = "text/event-stream";
    response.headers.emplace_back("Cache-Control", "no-store");
    response.sign_of_life = kAlive;
    response.open_stream = [&method, type = described.output_type()->full_name(), bytes = *bytes,
                            request](std::function<void()> wake) {
      auto stream = std::make_shared<WakeHttp>(std::move(wake));
      HttpCall call(request);
      auto source = method.open(&call, AsBytes(bytes), stream);
      return std::make_unique<EventStream>(std::move(source), std::move(stream), type);
    };
    return response;
  }

  const GrpcMethods* const methods_;
  const std::string prefix_;
  const Reach reach_;
};

HttpServer::Route ApiRoute(const GrpcMethods* methods, const std::string& prefix, Reach reach) {
  HttpServer::Route route(
      [api = Api(methods, prefix, reach)](const HttpRequest& request) { return api.Answer(request); });
  route.prefix = true;
  return route;
}

}  // namespace

HttpServer::Route ConnectApi(const GrpcMethods* methods, const std::string& prefix, uint64_t max_body_bytes) {
  HttpServer::Route route = ApiRoute(methods, prefix, Reach::kAllMethods);
  route.methods = {"GET", "POST"};
  route.max_body_bytes = max_body_bytes;
  return route;
}

HttpServer::Route ReadOnlyApi(const GrpcMethods* methods, const std::string& prefix) {
  return ApiRoute(methods, prefix, Reach::kReadsOnly);
}

HttpResponse ConnectError(const absl::Status& status) {
  return {CodeOf(status.code()).http_status, "application/json", ErrorJson(status)};
}

}  // namespace shoal::service
