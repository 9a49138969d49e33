#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/endpoint.h"

namespace shoal::service {

// One call, as the method that answers it sees it. Valid while the method runs.
class GrpcCall {
 public:
  virtual ~GrpcCall() = default;
  // Returns the address of the caller. Errors: INVALID_ARGUMENT when it has no IP address, as over a Unix
  // socket.
  virtual absl::StatusOr<Endpoint> source() const = 0;
  // Returns the address of this server that the caller is connected to. Errors: NOT_FOUND when it is unknown.
  virtual absl::StatusOr<Endpoint> local() const = 0;
  // Returns the first value of this metadata of the caller's; empty when there is none. `key` in lower case.
  virtual std::string Metadata(const std::string& key) const = 0;
  // Adds metadata to the status that ends the call. Only for a unary call, before it returns.
  virtual void AddTrailingMetadata(const std::string& key, const std::string& value) = 0;
};

// The source of the messages of a server stream. Next is called whenever the previous message was sent, on
// one thread at a time. Destroyed when the call ends, for any reason.
class GrpcStreamSource {
 public:
  struct Nothing {};  // no message yet; GrpcStream::Wake follows
  using Message = std::variant<Nothing, std::string, absl::Status>;

  virtual ~GrpcStreamSource() = default;
  // Returns the next message, or the status that ends the call.
  virtual Message Next() = 0;
};

// The sending side of a stream, for its source and for what feeds the source. May outlive the call.
// Thread-safe.
class GrpcStream {
 public:
  virtual ~GrpcStream() = default;
  // Called when the source has a message or the end of the call.
  virtual void Wake() = 0;
};

// The methods of a GrpcServer, each a function of bytes, by full name such as
// "/shoal.tracker.v1.TrackerService/Lookup". Only the function interprets the bytes: a response can be
// encoded without a protobuf message, and a service can be tested without gRPC.
//
// Thread safety: filled before the server starts. The threads of the server then call functions concurrently;
// they must not block.
class GrpcMethods {
 public:
  using Answer = std::function<absl::StatusOr<std::string>(GrpcCall* call, ByteView request)>;
  using Open = std::function<absl::StatusOr<std::unique_ptr<GrpcStreamSource>>(
      GrpcCall* call, ByteView request, const std::shared_ptr<GrpcStream>& stream)>;
  struct Unary {
    Answer answer;
  };
  // A bidirectional stream: each message of the caller gets one response, in order. An error ends the call.
  struct Dialogue {
    Answer answer;
  };
  // One request, then the messages of the source that it opened.
  struct ServerStream {
    Open open;
  };
  using Method = std::variant<Unary, Dialogue, ServerStream>;

  void Add(const std::string& service, const std::string& method, Method how) {
    methods_["/" + service + "/" + method] = std::move(how);
    if (services_.empty() || services_.back() != service) services_.push_back(service);
  }
  // Returns null when there is none.
  const Method* Find(absl::string_view full_name) const {
    const auto found = methods_.find(full_name);
    return found == methods_.end() ? nullptr : &found->second;
  }
  // In the order in which they were added.
  const std::vector<std::string>& services() const { return services_; }

 private:
  absl::flat_hash_map<std::string, Method> methods_;
  std::vector<std::string> services_;
};

}  // namespace shoal::service
