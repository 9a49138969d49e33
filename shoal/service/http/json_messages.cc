#include "shoal/service/http/json_messages.h"

#include <memory>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace shoal::service {
namespace {

namespace util = google::protobuf::util;

// Null when there is no such type.
std::unique_ptr<google::protobuf::Message> NewMessage(const std::string& type) {
  const auto* described = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(type);
  if (described == nullptr) return nullptr;
  const auto* prototype = google::protobuf::MessageFactory::generated_factory()->GetPrototype(described);
  return std::unique_ptr<google::protobuf::Message>(prototype->New());
}

absl::Status NoSuchType(const std::string& type) {
  return absl::InternalError(absl::StrCat("the message ", type, " is not linked in"));
}

}  // namespace

absl::StatusOr<std::string> BytesFromJson(const std::string& json, const std::string& type) {
  const auto message = NewMessage(type);
  if (message == nullptr) return NoSuchType(type);
  const util::Status parsed = util::JsonStringToMessage(json.empty() ? "{}" : json, message.get());
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("the request: ", std::string(parsed.message())));
  }
  return message->SerializeAsString();
}

absl::StatusOr<std::string> JsonFromBytes(const std::string& bytes, const std::string& type) {
  const auto message = NewMessage(type);
  if (message == nullptr) return NoSuchType(type);
  if (!message->ParseFromString(bytes)) return absl::InternalError("a message can't be decoded");
  std::string json;
  const util::Status printed = util::MessageToJsonString(*message, &json);
  if (!printed.ok()) return absl::InternalError(std::string(printed.message()));
  return json;
}

}  // namespace shoal::service
