#include "shoal/service/grpc/grpc_reflection.h"

#include <cstddef>
#include <cstdlib>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"

namespace shoal {
// The generated proto_files.cc: a serialized FileDescriptorSet.
extern const unsigned char kProtoFiles[];
extern const size_t kProtoFilesBytes;
}  // namespace shoal

namespace shoal::service {
namespace {

namespace reflection_pb = ::grpc::reflection::v1;
namespace protobuf = ::google::protobuf;

void SetNotFound(const std::string& what, reflection_pb::ServerReflectionResponse* out) {
  out->mutable_error_response()->set_error_code(static_cast<int>(absl::StatusCode::kNotFound));
  out->mutable_error_response()->set_error_message(absl::StrCat(what, " is not known here"));
}

// The files of protos/ as protoc parsed them: with their comments, which generated code does not contain.
class Files {
 public:
  static const Files& Instance() {
    static const Files& files = *new Files();
    return files;
  }

  const protobuf::DescriptorPool& pool() const { return pool_; }
  // Requires: `file` is of pool().
  const std::string& Serialized(const protobuf::FileDescriptor& file) const {
    return serialized_.at(file.name());
  }

 private:
  Files() {
    protobuf::FileDescriptorSet all;
    if (!all.ParseFromArray(kProtoFiles, static_cast<int>(kProtoFilesBytes))) std::abort();
    // protoc emits each file after those that it imports.
    for (const protobuf::FileDescriptorProto& file : all.file()) {
      if (pool_.BuildFile(file) == nullptr) std::abort();
      serialized_[file.name()] = file.SerializeAsString();
    }
  }

  protobuf::DescriptorPool pool_;
  absl::flat_hash_map<std::string, std::string> serialized_;
};

// Adds the file and all that it imports, each once.
void AddFile(const protobuf::FileDescriptor& file,
             absl::flat_hash_set<const protobuf::FileDescriptor*>* added,
             reflection_pb::FileDescriptorResponse* out) {
  if (!added->insert(&file).second) return;
  out->add_file_descriptor_proto(Files::Instance().Serialized(file));
  for (int i = 0; i < file.dependency_count(); ++i) AddFile(*file.dependency(i), added, out);
}

void SetFile(const protobuf::FileDescriptor* file, const std::string& asked,
             reflection_pb::ServerReflectionResponse* out) {
  if (file == nullptr) return SetNotFound(asked, out);
  absl::flat_hash_set<const protobuf::FileDescriptor*> added;
  AddFile(*file, &added, out->mutable_file_descriptor_response());
}

void SetExtensionNumbers(const protobuf::Descriptor* type, const std::string& asked,
                         reflection_pb::ServerReflectionResponse* out) {
  if (type == nullptr) return SetNotFound(asked, out);
  auto* const numbers = out->mutable_all_extension_numbers_response();
  numbers->set_base_type_name(asked);
  std::vector<const protobuf::FieldDescriptor*> extensions;
  Files::Instance().pool().FindAllExtensions(type, &extensions);
  for (const protobuf::FieldDescriptor* extension : extensions)
    numbers->add_extension_number(extension->number());
}

}  // namespace

absl::StatusOr<std::string> AnswerReflection(ByteView question, const std::vector<std::string>& services) {
  using Request = reflection_pb::ServerReflectionRequest;
  reflection_pb::ServerReflectionResponse out;
  Request& in = *out.mutable_original_request();
  if (!in.ParseFromArray(question.data(), static_cast<int>(question.size())))
    return absl::InvalidArgumentError("the request is no ServerReflectionRequest");
  out.set_valid_host(in.host());
  const protobuf::DescriptorPool& pool = Files::Instance().pool();
  switch (in.message_request_case()) {
    case Request::kFileByFilename:
      SetFile(pool.FindFileByName(in.file_by_filename()), in.file_by_filename(), &out);
      break;
    case Request::kFileContainingSymbol:
      SetFile(pool.FindFileContainingSymbol(in.file_containing_symbol()), in.file_containing_symbol(), &out);
      break;
    case Request::kFileContainingExtension: {
      const auto& asked = in.file_containing_extension();
      const protobuf::Descriptor* const type = pool.FindMessageTypeByName(asked.containing_type());
      const protobuf::FieldDescriptor* const field =
          type == nullptr ? nullptr : pool.FindExtensionByNumber(type, asked.extension_number());
      SetFile(field == nullptr ? nullptr : field->file(), asked.containing_type(), &out);
      break;
    }
    case Request::kAllExtensionNumbersOfType:
      SetExtensionNumbers(pool.FindMessageTypeByName(in.all_extension_numbers_of_type()),
                          in.all_extension_numbers_of_type(), &out);
      break;
    case Request::kListServices:
      for (const std::string& service : services)
        out.mutable_list_services_response()->add_service()->set_name(service);
      break;
    case Request::MESSAGE_REQUEST_NOT_SET:
      out.mutable_error_response()->set_error_code(static_cast<int>(absl::StatusCode::kInvalidArgument));
      out.mutable_error_response()->set_error_message("the request has no message_request");
      break;
  }
  return out.SerializeAsString();
}

void AddReflection(GrpcMethods* methods) {
  // Two names for the same messages. Clients try the newer one first.
  for (const char* service :
       {"grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"}) {
    methods->Add(service, "ServerReflectionInfo",
                 GrpcMethods::Dialogue{[methods](GrpcCall*, ByteView question) {
                   return AnswerReflection(question, methods->services());
                 }});
  }
}

}  // namespace shoal::service
