#include "shoal/service/grpc/grpc_lazy_engine.h"

#include <chrono>
#include <latch>
#include <memory>

#include <grpc/grpc.h>

#include "gtest/gtest.h"

namespace shoal::service {
namespace {

using grpc_event_engine::experimental::CreateEventEngine;
using grpc_event_engine::experimental::EventEngine;
using grpc_event_engine::experimental::EventEngineFactoryReset;

// gRPC is there, as when it calls an engine.
class Grpc {
 public:
  Grpc() { grpc_init(); }
  ~Grpc() { grpc_shutdown(); }
};

// Counts how often gRPC's engine is made.
class GrpcLazyEngineTest : public testing::Test {
 protected:
  Grpc grpc_;
  int made_ = 0;
  GrpcLazyEngine engine_{[this]() -> std::shared_ptr<EventEngine> {
    ++made_;
    return CreateEventEngine();
  }};
};

TEST_F(GrpcLazyEngineTest, IsMadeWithTheFirstTask) {
  EXPECT_FALSE(engine_.IsWorkerThread());
  EXPECT_EQ(made_, 0);
  std::latch ran(2);
  engine_.Run([&] { ran.count_down(); });
  engine_.RunAfter(std::chrono::milliseconds(1), [&] { ran.count_down(); });
  ran.wait();
  EXPECT_EQ(made_, 1);
}

TEST_F(GrpcLazyEngineTest, CancelsWhatItHasNotBegun) {
  bool ran = false;
  const auto task = engine_.RunAfter(std::chrono::hours(1), [&ran] { ran = true; });
  EXPECT_TRUE(engine_.Cancel(task));
  EXPECT_FALSE(ran);
}

TEST_F(GrpcLazyEngineTest, GrpcMakesTheOneThatIsInstalled) {
  GrpcLazyEngine::Install();
  const std::shared_ptr<EventEngine> made = CreateEventEngine();
  EXPECT_NE(dynamic_cast<GrpcLazyEngine*>(made.get()), nullptr);
  // Its own engine is gRPC's, not another one like it.
  std::latch ran(1);
  made->Run([&ran] { ran.count_down(); });
  ran.wait();
  const std::shared_ptr<EventEngine> next = CreateEventEngine();
  EXPECT_EQ(dynamic_cast<GrpcLazyEngine*>(next.get()), nullptr);
  EventEngineFactoryReset();
}

}  // namespace
}  // namespace shoal::service
