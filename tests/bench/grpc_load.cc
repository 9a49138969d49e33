#include "tests/bench/grpc_load.h"

#include "absl/time/clock.h"

namespace shoal::tracker {
namespace {

constexpr char kService[] = "/shoal.tracker.v1.TrackerService/";

}  // namespace

std::shared_ptr<grpc::Channel> Connect(const Server& server, int number) {
  grpc::ChannelArguments arguments;
  arguments.SetInt("bench.number", number);  // else all channels would share one connection
  return grpc::CreateCustomChannel(server.address(), grpc::InsecureChannelCredentials(), arguments);
}

grpc::ByteBuffer Bytes(const google::protobuf::Message& message) {
  const std::string bytes = message.SerializeAsString();
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

void Load::Send() {
  struct Flight {
    grpc::ClientContext context;
    grpc::ByteBuffer request;
    grpc::ByteBuffer response;
    Call call;
  };
  const uint64_t number = started_++;
  ++in_flight_;
  auto* const flight = new Flight;
  flight->call = next_(number);
  flight->request = flight->call.request;
  stubs_[number % stubs_.size()]->UnaryCall(&flight->context, kService + flight->call.method, {},
                                            &flight->request, &flight->response,
                                            [this, flight](const grpc::Status& status) {
                                              if (!status.ok())
                                                Die(flight->call.method + ": " + status.error_message());
                                              flight->call.check(flight->response);
                                              delete flight;
                                              ++done_;
                                              if (keep_going_ && !stopping_) Send();
                                              --in_flight_;
                                            });
}

Measured Run(const Server& server, int channels, int in_flight, absl::Duration length,
             const Load::Next& next) {
  Load load(server, channels, next);
  load.KeepGoing();
  for (int i = 0; i < in_flight; ++i) load.Begin();
  absl::SleepFor(absl::Milliseconds(300));
  const uint64_t done = load.done();
  const double cpu = server.cpu_seconds();
  const absl::Time began = absl::Now();
  absl::SleepFor(length);
  const auto calls = static_cast<double>(load.done() - done);
  const Measured measured{calls / absl::ToDoubleSeconds(absl::Now() - began),
                          (server.cpu_seconds() - cpu) / calls * 1e6};
  load.End();
  return measured;
}

}  // namespace shoal::tracker
