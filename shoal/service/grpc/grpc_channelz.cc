#include "shoal/service/grpc/grpc_channelz.h"

#include <array>
#include <cstdint>
#include <memory>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/json_util.h"
#include "grpc/grpc.h"
#include "grpc/support/alloc.h"

namespace shoal::service {
namespace {

namespace protobuf = ::google::protobuf;

constexpr char kChannelzPackage[] = "grpc.channelz.v1.";

// A method: its name, from which those of its messages follow, and how gRPC answers it, in JSON and from up
// to three numbers of the request (fields 1 to 3).
struct ChannelzMethod {
  const char* name;
  char* (*ask)(const std::array<int64_t, 3>& numbers);
};

constexpr ChannelzMethod kChannelzMethods[] = {
    {"GetTopChannels", [](const auto& numbers) { return grpc_channelz_get_top_channels(numbers[0]); }},
    {"GetServers", [](const auto& numbers) { return grpc_channelz_get_servers(numbers[0]); }},
    {"GetServer", [](const auto& numbers) { return grpc_channelz_get_server(numbers[0]); }},
    {"GetServerSockets",
     [](const auto& numbers) {
       return grpc_channelz_get_server_sockets(numbers[0], numbers[1], numbers[2]);
     }},
    {"GetChannel", [](const auto& numbers) { return grpc_channelz_get_channel(numbers[0]); }},
    {"GetSubchannel", [](const auto& numbers) { return grpc_channelz_get_subchannel(numbers[0]); }},
    {"GetSocket", [](const auto& numbers) { return grpc_channelz_get_socket(numbers[0]); }},
};

// The messages are gRPC's own and come without headers.
std::unique_ptr<protobuf::Message> MakeMessage(const std::string& name) {
  const auto* const type =
      protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(kChannelzPackage + name);
  if (type == nullptr) return nullptr;
  return std::unique_ptr<protobuf::Message>(
      protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

int64_t NumberIn(const protobuf::Message& message, int number) {
  const auto* const field = message.GetDescriptor()->FindFieldByNumber(number);
  if (field == nullptr || field->cpp_type() != protobuf::FieldDescriptor::CPPTYPE_INT64) return 0;
  return message.GetReflection()->GetInt64(message, field);
}

absl::StatusOr<std::string> AnswerChannelz(const ChannelzMethod& method, ByteView request) {
  const std::unique_ptr<protobuf::Message> in = MakeMessage(std::string(method.name) + "Request");
  const std::unique_ptr<protobuf::Message> out = MakeMessage(std::string(method.name) + "Response");
  if (in == nullptr || out == nullptr) return absl::UnimplementedError("channelz is not linked in");
  if (!in->ParseFromArray(request.data(), static_cast<int>(request.size())))
    return absl::InvalidArgumentError("is no request of this method");
  char* const json = method.ask({NumberIn(*in, 1), NumberIn(*in, 2), NumberIn(*in, 3)});
  if (json == nullptr) return absl::NotFoundError("there is none of that number");
  const auto parsed = protobuf::util::JsonStringToMessage(json, out.get());
  gpr_free(json);
  if (!parsed.ok()) return absl::InternalError(std::string(parsed.message()));
  return out->SerializeAsString();
}

}  // namespace

void AddChannelz(GrpcMethods* methods) {
  for (const ChannelzMethod& method : kChannelzMethods) {
    methods->Add("grpc.channelz.v1.Channelz", method.name,
                 GrpcMethods::Unary{
                     [&method](GrpcCall*, ByteView request) { return AnswerChannelz(method, request); }});
  }
}

}  // namespace shoal::service
