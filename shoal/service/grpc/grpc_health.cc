#include "shoal/service/grpc/grpc_health.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.pb.h"

namespace shoal::service {
namespace {

namespace health_pb = ::grpc::health::v1;

constexpr char kHealthService[] = "grpc.health.v1.Health";

// Returns the service in the request, or nothing for bytes that are no request.
std::optional<std::string> ServiceIn(ByteView request) {
  health_pb::HealthCheckRequest in;
  if (!in.ParseFromArray(request.data(), static_cast<int>(request.size()))) return std::nullopt;
  return in.service();
}

std::string Encode(health_pb::HealthCheckResponse::ServingStatus status) {
  health_pb::HealthCheckResponse out;
  out.set_status(status);
  return out.SerializeAsString();
}

}  // namespace

// Sends the state to one caller whenever it has changed.
class GrpcHealth::Watcher final : public GrpcStreamSource {
 public:
  Watcher(const GrpcHealth* health, bool known) : health_(health), known_(known) {}

  Message Next() override {
    const State state = health_->state();
    const auto status = !known_                    ? health_pb::HealthCheckResponse::SERVICE_UNKNOWN
                        : state == State::kServing ? health_pb::HealthCheckResponse::SERVING
                                                   : health_pb::HealthCheckResponse::NOT_SERVING;
    if (std::exchange(told_, status) != status) return Encode(status);
    if (state == State::kShutDown) return absl::UnavailableError("this server is shutting down");
    return Nothing();
  }

 private:
  const GrpcHealth* const health_;
  const bool known_;
  health_pb::HealthCheckResponse::ServingStatus told_ = health_pb::HealthCheckResponse::UNKNOWN;
};

GrpcHealth::GrpcHealth(const std::vector<std::string>& services)
    : services_(services.begin(), services.end()) {}

void GrpcHealth::AddTo(GrpcMethods* methods) {
  methods->Add(kHealthService, "Check",
               GrpcMethods::Unary{[this](GrpcCall*, ByteView request) { return Check(request); }});
  methods->Add(kHealthService, "Watch",
               GrpcMethods::ServerStream{
                   [this](GrpcCall*, ByteView request, const std::shared_ptr<GrpcStream>& stream) {
                     return Watch(request, stream);
                   }});
}

void GrpcHealth::SetServing(bool serving) {
  Change(serving ? State::kServing : State::kNotServing);
}

void GrpcHealth::ShutDown() {
  Change(State::kShutDown);
}

GrpcHealth::State GrpcHealth::state() const {
  MutexLock lock(&mutex_);
  return state_;
}

absl::StatusOr<std::string> GrpcHealth::Check(ByteView request) const {
  const std::optional<std::string> service = ServiceIn(request);
  if (!service || (!service->empty() && !services_.contains(*service)))
    return absl::NotFoundError("no such service");
  return Encode(state() == State::kServing ? health_pb::HealthCheckResponse::SERVING
                                           : health_pb::HealthCheckResponse::NOT_SERVING);
}

std::unique_ptr<GrpcStreamSource> GrpcHealth::Watch(ByteView request,
                                                    const std::shared_ptr<GrpcStream>& stream) {
  const std::optional<std::string> service = ServiceIn(request);
  const bool known = service && (service->empty() || services_.contains(*service));
  MutexLock lock(&mutex_);
  std::erase_if(watching_, [](const auto& one) { return one.expired(); });
  watching_.push_back(stream);
  return std::make_unique<Watcher>(this, known);
}

void GrpcHealth::Change(State state) {
  std::vector<std::weak_ptr<GrpcStream>> watching;
  {
    MutexLock lock(&mutex_);
    if (state_ == State::kShutDown) return;
    state_ = state;
    watching = watching_;
  }
  for (const auto& one : watching) {
    if (const auto stream = one.lock()) stream->Wake();
  }
}

}  // namespace shoal::service
