#include "shoal/service/grpc/grpc_calls.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "shoal/service/grpc/grpc_server.h"
#include "shoal/service/log/log.h"

namespace shoal::service {
namespace {

// Calls that a queue can take before its thread arms further ones.
constexpr int kArmedCalls = 32;
// Calls of a queue that may wait for their first message before one connection is ended.
constexpr size_t kManyWaiting = 1024;

ByteView View(const grpc::Slice& slice) {
  return {slice.begin(), slice.size()};
}

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

// Decides when the thread of a queue sleeps for a moment before it polls again, instead of waiting to be
// woken. Under load waking up for each call is most of its cost, and after a short sleep several calls have
// arrived. At a low rate of calls it never sleeps, so that single calls are not delayed.
class Pace {
 public:
  void Count() { ++events_; }

  // Called when the queue is empty. Sleeps unless the rate is low or nothing came since the last sleep;
  // returns whether it slept.
  bool Rest() {
    const auto now = std::chrono::steady_clock::now();
    if (now - began_ >= kWindow) {
      const int64_t per_window = events_ / ((now - began_) / kWindow);
      rests_ = per_window >= kFewEvents && per_window <= kManyEvents;
      began_ = now;
      events_ = 0;
    }
    if (!rests_ || events_ == events_at_rest_) return false;
    events_at_rest_ = events_;
    std::this_thread::sleep_for(kRest);
    return true;
  }

 private:
  static constexpr std::chrono::milliseconds kWindow{10};
  // In a window: from 2,500 to 15,000 unary calls a second, of four events each.
  static constexpr int64_t kFewEvents = 100;
  static constexpr int64_t kManyEvents = 600;
  static constexpr std::chrono::microseconds kRest{250};

  std::chrono::steady_clock::time_point began_;
  int64_t events_ = 0;
  int64_t events_at_rest_ = 0;
  bool rests_ = false;
};

}  // namespace

// One call, from before it arrives until gRPC has finished with it. All methods but Wake run on the thread of
// its queue. Each operation has a tag of its own, which identifies its completion.
class GrpcCalls::Call final : public GrpcCall, public GrpcStream, public std::enable_shared_from_this<Call> {
 public:
  enum class Event { kArrived, kRead, kWritten, kFinished, kDone };
  struct Tag {
    Call* call;
    Event event;
  };

  Call(GrpcCalls* calls, Queue* queue) : calls_(calls), queue_(queue), io_(&context_) {}

  void Arm() {
    self_ = shared_from_this();
    context_.AsyncNotifyWhenDone(&done_);
    grpc::ServerCompletionQueue* const completions = queue_->completions.get();
    calls_->service_.RequestCall(&context_, &io_, completions, completions, &arrived_);
  }

  void On(Event event, bool ok) {
    switch (event) {
      case Event::kArrived:
        return ok ? OnArrived() : Release();
      case Event::kRead:
        return OnRead(ok);
      case Event::kWritten:
        return OnWritten(ok);
      case Event::kFinished:
        ended_ = true;
        break;
      case Event::kDone:
        gone_ = true;
        if (context_.IsCancelled()) Cancel();
        break;
    }
    if (ended_ && gone_) Release();
  }

  absl::StatusOr<Endpoint> source() const override { return ParseGrpcPeer(context_.peer()); }
  absl::StatusOr<Endpoint> local() const override {
    const absl::StatusOr<Endpoint> remote = source();
    return remote.ok() ? calls_->connections_->LocalOf(*remote) : remote;
  }
  std::string Metadata(const std::string& key) const override {
    const auto found = context_.client_metadata().find(key);
    if (found == context_.client_metadata().end()) return "";
    return std::string(found->second.data(), found->second.size());
  }
  void AddTrailingMetadata(const std::string& key, const std::string& value) override {
    context_.AddTrailingMetadata(key, value);
  }
  void Wake() override { Proceed(); }
  std::string peer() const { return context_.peer(); }

 private:
  void OnArrived() {
    calls_->Arm(queue_);
    method_ = calls_->methods_->Find(context_.method());
    if (method_ == nullptr) return Finish(absl::UnimplementedError("this server has no such method"));
    io_.Read(&request_, &read_);
    waiting_ = queue_->waiting.insert(queue_->waiting.end(), this);
    if (queue_->waiting.size() >= queue_->look_at) calls_->EndFlood(queue_);
  }

  void OnRead(bool ok) {
    if (waiting_.has_value()) {
      queue_->waiting.erase(*waiting_);
      waiting_.reset();
      if (queue_->waiting.size() < kManyWaiting / 2) queue_->look_at = kManyWaiting;
    }
    const auto* const dialogue = std::get_if<GrpcMethods::Dialogue>(method_);
    if (!ok) {
      // Either the caller has sent everything, or its message was larger than allowed.
      return Finish(dialogue ? absl::OkStatus()
                             : absl::ResourceExhaustedError("a message that is too large"));
    }
    grpc::Slice slice;
    if (!request_.TrySingleSlice(&slice).ok() && !request_.DumpToSingleSlice(&slice).ok()) slice = {};
    if (dialogue) {
      const absl::StatusOr<std::string> response = dialogue->answer(this, View(slice));
      if (!response.ok()) return Finish(response.status());
      io_.Write(ToBuffer(*response), &written_);
    } else if (const auto* const unary = std::get_if<GrpcMethods::Unary>(method_)) {
      const absl::StatusOr<std::string> response = unary->answer(this, View(slice));
      if (!response.ok()) return Finish(response.status());
      io_.WriteAndFinish(ToBuffer(*response), grpc::WriteOptions(), grpc::Status::OK, &finished_);
    } else {
      OpenStream(View(slice));
    }
  }

  void OnWritten(bool ok) {
    if (std::holds_alternative<GrpcMethods::Dialogue>(*method_)) {
      // A caller that is gone makes the read fail.
      io_.Read(&request_, &read_);
      return;
    }
    {
      MutexLock lock(&mutex_);
      writing_ = false;
      if (!ok) cancelled_ = true;
    }
    Proceed();
  }

  void OpenStream(ByteView request) {
    {
      MutexLock lock(&mutex_);
      writing_ = true;  // no message is sent before the initial metadata
    }
    auto source = std::get<GrpcMethods::ServerStream>(*method_).open(this, request, shared_from_this());
    if (!source.ok()) return Finish(source.status());
    {
      MutexLock lock(&mutex_);
      source_ = *std::move(source);
    }
    // Tells the client that the stream is open, although its first message may be long in coming.
    io_.SendInitialMetadata(&written_);
  }

  void Cancel() {
    {
      MutexLock lock(&mutex_);
      cancelled_ = true;
    }
    Proceed();
  }

  // Starts the next write of a stream, or its end, unless an operation is pending.
  void Proceed() {
    MutexLock lock(&mutex_);
    if (writing_ || over_ || source_ == nullptr) return;
    GrpcStreamSource::Message next = absl::CancelledError("the caller is gone");
    if (!cancelled_) next = source_->Next();
    if (const auto* const message = std::get_if<std::string>(&next)) {
      writing_ = true;
      io_.Write(ToBuffer(*message), &written_);
    } else if (const auto* const end = std::get_if<absl::Status>(&next)) {
      over_ = true;
      Finish(*end);
    }
  }

  void Finish(const absl::Status& status) { io_.Finish(ToGrpc(status), &finished_); }

  void Release() {
    std::unique_ptr<GrpcStreamSource> source;
    {
      MutexLock lock(&mutex_);
      source = std::move(source_);
      over_ = true;
    }
    source.reset();
    GrpcCalls* const calls = calls_;
    self_.reset();  // and with it, mostly, this
    calls->OnCallGone();
  }

  GrpcCalls* const calls_;
  Queue* const queue_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter io_;
  std::shared_ptr<Call> self_;
  const GrpcMethods::Method* method_ = nullptr;
  grpc::ByteBuffer request_;
  std::optional<std::list<Call*>::iterator> waiting_;  // its place among those that wait for a message
  bool ended_ = false;                                 // the last operation is over
  bool gone_ = false;                                  // gRPC has finished with the call
  Tag arrived_{this, Event::kArrived};
  Tag read_{this, Event::kRead};
  Tag written_{this, Event::kWritten};
  Tag finished_{this, Event::kFinished};
  Tag done_{this, Event::kDone};

  Mutex mutex_;
  std::unique_ptr<GrpcStreamSource> source_ ABSL_GUARDED_BY(mutex_);  // of a ServerStream
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
};

GrpcCalls::GrpcCalls(const GrpcMethods* methods, GrpcConnections* connections, uint32_t threads,
                     grpc::ServerBuilder* builder)
    : methods_(methods), connections_(connections) {
  builder->RegisterAsyncGenericService(&service_);
  for (uint32_t i = 0; i < threads; ++i) {
    auto queue = std::make_unique<Queue>();
    queue->completions = builder->AddCompletionQueue();
    queue->look_at = kManyWaiting;
    queues_.push_back(std::move(queue));
  }
}

GrpcCalls::~GrpcCalls() {
  Stop();
}

void GrpcCalls::Start() {
  for (const auto& queue : queues_) {
    for (int i = 0; i < kArmedCalls; ++i) Arm(queue.get());
    threads_.emplace_back([this, running = queue.get()] { Run(running); });
  }
}

void GrpcCalls::Stop() {
  if (std::exchange(stopped_, true)) return;
  {
    MutexLock lock(&mutex_);
    while (calls_ > 0) none_left_.Wait(&mutex_);
  }
  for (const auto& queue : queues_) queue->completions->Shutdown();
  for (std::thread& thread : threads_) thread.join();
}

void GrpcCalls::Arm(Queue* queue) {
  {
    MutexLock lock(&mutex_);
    ++calls_;
  }
  std::make_shared<Call>(this, queue)->Arm();
}

void GrpcCalls::Run(Queue* queue) {
  using Status = grpc::CompletionQueue::NextStatus;
  const gpr_timespec at_once = gpr_time_0(GPR_CLOCK_MONOTONIC);
  Pace pace;
  void* raw = nullptr;
  bool ok = false;
  while (true) {
    Status next = queue->completions->AsyncNext(&raw, &ok, at_once);
    if (next == Status::TIMEOUT) {
      if (pace.Rest()) continue;
      next = queue->completions->AsyncNext(&raw, &ok, gpr_inf_future(GPR_CLOCK_MONOTONIC));
    }
    if (next != Status::GOT_EVENT) return;
    pace.Count();
    const auto* const tag = static_cast<const Call::Tag*>(raw);
    tag->call->On(tag->event, ok);
  }
}

void GrpcCalls::EndFlood(Queue* queue) {
  absl::flat_hash_map<std::string, size_t> counts;
  for (const Call* call : queue->waiting) ++counts[call->peer()];
  const auto most = std::max_element(counts.begin(), counts.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  const absl::StatusOr<Endpoint> remote = ParseGrpcPeer(most->first);
  if (remote.ok() && connections_->End(*remote)) {
    LogWarning("ended a connection whose calls never send their message",
               {{"from", remote->ToString()}, {"calls", most->second}});
  }
  // Its calls are told soon. Others may have to be ended as well.
  queue->look_at = queue->waiting.size() + kManyWaiting / 4;
}

void GrpcCalls::OnCallGone() {
  MutexLock lock(&mutex_);
  if (--calls_ == 0) none_left_.NotifyAll();
}

}  // namespace shoal::service
