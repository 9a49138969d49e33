#include "clients/leecher/agent/api/grpc_agent.h"

#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/status_macros.h"
#include "shoal/leecher/v1/downloads.pb.h"
#include "shoal/service/http/json_messages.h"

namespace shoal::leecher {
namespace {

constexpr int kMaxMessageBytes = 72 * 1024 * 1024;

std::string PathOf(const std::string& method) {
  return absl::StrCat("/shoal.leecher.v1.DownloadsService/", method);
}

grpc::ByteBuffer BufferOf(const std::string& bytes) {
  grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  buffer.Dump(&slices).ok();
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

class GrpcAgent final : public AgentClient {
 public:
  GrpcAgent(const std::string& path, absl::Duration timeout) : path_(path), timeout_(timeout) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
    arguments.SetMaxSendMessageSize(kMaxMessageBytes);
    stub_ = std::make_unique<grpc::GenericStub>(grpc::CreateCustomChannel(
        absl::StrCat("unix:", path), grpc::InsecureChannelCredentials(), arguments));
  }

  absl::StatusOr<std::string> Call(const std::string& method, const std::string& json) override {
    SHOAL_ASSIGN_OR_RETURN(const std::string bytes, service::BytesFromJson(json, TypeOf(method, "Request")));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout_));
    grpc::CompletionQueue queue;
    grpc::ByteBuffer response;
    grpc::Status status;
    const auto call = stub_->PrepareUnaryCall(&context, PathOf(method), BufferOf(bytes), &queue);
    call->StartCall();
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    if (!status.ok()) return Explain(status);
    return service::JsonFromBytes(BytesOf(response), TypeOf(method, "Response"));
  }

  absl::Status Watch(const std::string& json, absl::Duration look_every,
                     const std::function<bool(const std::string& json)>& on_message) override {
    SHOAL_ASSIGN_OR_RETURN(const std::string bytes, service::BytesFromJson(json, TypeOf("Watch", "Request")));
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    const auto stream = stub_->PrepareCall(&context, PathOf("Watch"), &queue);
    // One operation at a time.
    const auto done = [&queue] {
      void* tag = nullptr;
      bool ok = false;
      return queue.Next(&tag, &ok) && ok;
    };
    stream->StartCall(nullptr);
    bool ok = done();
    if (ok) {
      stream->WriteLast(BufferOf(bytes), grpc::WriteOptions(), nullptr);
      ok = done();
    }
    while (ok) {
      grpc::ByteBuffer message;
      stream->Read(&message, nullptr);
      void* tag = nullptr;
      grpc::CompletionQueue::NextStatus next = grpc::CompletionQueue::TIMEOUT;
      bool wanted = true;
      do {
        next = queue.AsyncNext(&tag, &ok,
                               std::chrono::system_clock::now() + absl::ToChronoMilliseconds(look_every));
        // What is read after the cancellation is dropped.
        if (next == grpc::CompletionQueue::TIMEOUT && wanted && !(wanted = on_message("")))
          context.TryCancel();
      } while (next == grpc::CompletionQueue::TIMEOUT);
      if (!wanted) {
        grpc::Status ignored;
        stream->Finish(&ignored, nullptr);
        done();
        return absl::OkStatus();
      }
      if (!ok) break;
      const absl::StatusOr<std::string> text =
          service::JsonFromBytes(BytesOf(message), TypeOf("Watch", "Response"));
      if (!text.ok() || !on_message(*text)) {
        context.TryCancel();
        grpc::Status ignored;
        stream->Finish(&ignored, nullptr);
        done();
        return text.status();
      }
    }
    grpc::Status status;
    stream->Finish(&status, nullptr);
    done();
    return status.ok() ? absl::OkStatus() : Explain(status);
  }

 private:
  static std::string TypeOf(const std::string& method, const char* kind) {
    return absl::StrCat("shoal.leecher.v1.", method, kind);
  }

  absl::Status Explain(const grpc::Status& status) const {
    if (path_.size() >= sizeof(sockaddr_un::sun_path)) {
      return WithCause(
          absl::InvalidArgumentError(absl::StrCat(path_, ": the path of a socket has at most ",
                                                  sizeof(sockaddr_un::sun_path) - 1, " bytes; see --socket")),
          ErrorCause::kUsage);
    }
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE &&
        status.error_message().find("connect") != std::string::npos) {
      if (access(path_.c_str(), F_OK) == 0 ? access(path_.c_str(), W_OK) != 0 : errno == EACCES) {
        return WithCause(absl::PermissionDeniedError(absl::StrCat(
                             "the agent at ", path_,
                             " takes commands of its own user and of root alone: use sudo, or name"
                             " another socket with --socket")),
                         ErrorCause::kNoPermission);
      }
      return absl::UnavailableError(absl::StrCat(
          "no agent listens at ", path_, ": start one with `serve`, or name its socket with --socket"));
    }
    return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
  }

  const std::string path_;
  const absl::Duration timeout_;
  std::unique_ptr<grpc::GenericStub> stub_;
};

}  // namespace

std::unique_ptr<AgentClient> ConnectToAgent(const std::string& unix_socket, absl::Duration timeout) {
  // The descriptors of the messages are registered by the object file of this one.
  v1::ListRequest::descriptor();
  return std::make_unique<GrpcAgent>(unix_socket, timeout);
}

}  // namespace shoal::leecher
