// Two real sessions against each other, over a wire in memory, along a script. What both do must follow
// chunk_session.h; and as long as nothing was changed on the wire, every request is answered with the right
// bytes or a refusal.
//
// A script is text, so that a seed can be written by hand (tests/fuzz/corpus/sessions). A digit is the
// distance of a character from '0'. Four digits set the ends up (Setup); then each step is a letter and, for
// most, a digit N. A small letter: the end that dials acts; a capital: the other one. With the highest bit of
// the letter set, the loop does not run after the step, so that the next one falls into the same turn. Blanks
// before a letter are skipped.
//
//   r N  requests chunk N             q N  requests the first N chunks (60: all, every other one first)
//   c N  cancels chunk N              u N  requests chunk N past the end
//   y N  requests any N chunks        m    requests the manifest
//   h N  gains chunk N                o    offers a source
//   e N  fails to open chunk N / 4: N % 4 = 0 changed, 1 not held, 2 out of descriptors, 3 cut short
//   b N  has buffers for chunks (0: none)
//   n N  does in the next call to its delegate: 0 request, 1 cancel, 2 request any, 3 manifest, 4 resume, 5
//        offer, 6 close, 7 close and hear nothing more
//   x N  closes (odd: and hears nothing more)
//   k N  refuses the connection, with reason N, where it was accepted
//   d N  2^N bytes that it wrote are delivered        f N  N frames of it are delivered
//   a N X Y  frame N in transit: byte X is changed by Y  s N  frame N is there twice    v N  frame N is lost
//   i N M ...  a frame of type N with the M bytes that follow is added
//   p    a ping is added              w    nothing that it writes arrives any more
//   g N  another peer takes (odd) or returns the only turn to upload
//   t N  time passes (kTimes)

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "shoal/base/chunk_buffer.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/rate_limit.h"
#include "shoal/stream/outbox.h"
#include "shoal/stream/transport_session.h"
#include "tests/support/file_chunk_source.h"
#include "tests/support/memory_wire.h"

namespace shoal {
namespace {

using stream::FrameType;
using stream::TransportSession;
using Nanoseconds = std::chrono::nanoseconds;

constexpr std::chrono::hours kOrigin(1000);
// The time of this program: it stands still but where a script lets it pass.
Nanoseconds the_time = kOrigin;  // used on the loop's thread

constexpr std::array<std::chrono::milliseconds, 8> kTimes = {
    std::chrono::milliseconds(1),      std::chrono::milliseconds(5),     std::chrono::milliseconds(20),
    std::chrono::milliseconds(250),    std::chrono::milliseconds(1000),  std::chrono::milliseconds(5000),
    std::chrono::milliseconds(31'000), std::chrono::milliseconds(61'000)};
constexpr std::chrono::milliseconds kStep(5000);
constexpr size_t kMaxSteps = 500;
// A session writes at most what waits in its outbox or one turn of chunks.
constexpr size_t kMaxWriteBytes = 2 * 1024 * 1024;

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

// Reads a script; zeros behind its end.
class Script {
 public:
  Script(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}

  uint8_t Byte() { return at_ == end_ ? uint8_t{'0'} : *at_++; }
  uint32_t Digit() { return static_cast<uint8_t>(Byte() - '0'); }
  bool AtNextStep() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n')) ++at_;
    return at_ != end_;
  }

 private:
  const uint8_t* at_;
  const uint8_t* const end_;
};

// What the first four digits of a script say.
struct Setup {
  explicit Setup(Script& script) {
    const uint32_t ends = script.Digit();
    content = ends % 3;
    both_dial = (ends / 3) % 2 == 1;
    dials_with_source = (ends / 6) % 2 == 1;
    refuses = (ends / 12) % 4 == 3;
    const uint32_t serves = script.Digit();
    fresh = serves % 2 == 1;
    gate = (serves / 2) % 2 == 1;
    holds_every_other = (serves / 4) % 2 == 1;
    throttled = (serves / 8) % 2 == 1;
    const uint32_t bounds = script.Digit();
    limits.max_queued_chunks = std::array{4096u, 3u, 1u, 64u}[bounds % 4];
    limits.max_queued_bytes = std::array{128ull * 1024 * 1024, 1ull, 40'000ull}[(bounds / 4) % 3];
    wire.window_bytes = std::array<size_t, 3>{1024 * 1024, 1, 20'000}[(bounds / 12) % 3];
    const uint32_t network = script.Digit();
    wire.max_read_bytes = std::array<size_t, 3>{SIZE_MAX, 7, 1000}[network % 3];
    wire.opens_late = (network / 3) % 3 == 1;
    wire.opens = (network / 3) % 3 != 2;
  }

  uint32_t content = 0;
  bool both_dial = false;
  bool dials_with_source = false;
  bool refuses = false;
  bool fresh = false;
  bool gate = false;
  bool holds_every_other = false;
  bool throttled = false;
  stream::SessionLimits limits;
  MemoryWire::Options wire;
};

// A content, and its bytes unless it is so large that none of its chunks can be had.
struct Content {
  std::shared_ptr<const Manifest> manifest;
  std::shared_ptr<const FileChunkSource> file;  // may be null
};

const Content& ContentOf(uint32_t number) {
  static const auto& contents = *new std::array<Content, 3>([] {
    std::array<Content, 3> made;
    made[0].file = FileChunkSource::Make(100'000, 16'384);
    made[1].file = FileChunkSource::Make(200'000, 65'536);
    for (Content& content : made) {
      if (content.file != nullptr) content.manifest = content.file->manifest();
    }
    // More slices of a manifest than are requested at a time.
    constexpr uint32_t kChunks = 30'000;
    made[2].manifest = std::make_shared<const Manifest>(*Manifest::Create(
        Manifest::Kind::kFile, "large", kMinChunkSizeBytes,
        {{.path = "large", .length_bytes = uint64_t{kChunks} * kMinChunkSizeBytes, .executable = false}},
        std::vector<ChunkChecksums>(kChunks)));
    return made;
  }());
  return contents[number];
}

// Serves some chunks of a content, and fails where the script says.
class ScriptedSource final : public ChunkSource {
 public:
  enum class Failure : uint8_t { kChanged = 0, kNotHeld = 1, kExhausted = 2, kCutShort = 3 };

  ScriptedSource(const Content& content, bool every_other)
      : content_(content), held_(ChunkSet::All(content.manifest->chunk_count())) {
    for (uint32_t i = 1; every_other && i < held_.size(); i += 2) held_.Erase(ChunkIndex(i));
  }

  void Gain(ChunkIndex index) { held_.Insert(index); }
  void Fail(ChunkIndex index, Failure how) { failures_[index] = how; }
  bool IsCutShort(ChunkIndex index) const {
    const auto found = failures_.find(index);
    return found != failures_.end() && found->second == Failure::kCutShort;
  }

  const std::shared_ptr<const Manifest>& manifest() const override { return content_.manifest; }
  ChunkSet Held() const override { return held_; }
  bool Holds(ChunkIndex index) const override { return held_.Contains(index); }
  absl::StatusOr<FileRegion> Open(ChunkIndex index) const override {
    if (!Holds(index) || content_.file == nullptr) return absl::NotFoundError("not held");
    const auto failure = failures_.find(index);
    if (failure == failures_.end()) return content_.file->Open(index);
    switch (failure->second) {
      case Failure::kChanged:
        return absl::FailedPreconditionError("it has changed");
      case Failure::kNotHeld:
        return absl::NotFoundError("not held any more");
      case Failure::kExhausted:
        return absl::ResourceExhaustedError("no descriptors");
      case Failure::kCutShort:
        break;
    }
    absl::StatusOr<FileRegion> region = content_.file->Open(index);
    if (region.ok()) region->offset_bytes += content_.manifest->length_bytes();
    return region;
  }

 private:
  const Content& content_;
  ChunkSet held_;
  std::map<ChunkIndex, Failure> failures_;
};

// Splits the bytes of one direction into frames.
class FrameTap {
 public:
  template <typename Visit>
  void Feed(absl::string_view bytes, const Visit& visit) {
    bytes_.append(bytes.data(), bytes.size());
    size_t at = 0;
    while (bytes_.size() - at >= stream::kFrameHeaderBytes) {
      const auto* const data = reinterpret_cast<const uint8_t*>(bytes_.data()) + at;
      const auto header =
          stream::FrameHeader::Decode(std::span<const uint8_t, stream::kFrameHeaderBytes>(data, 16));
      if (!header.ok() || bytes_.size() - at - stream::kFrameHeaderBytes < header->length_bytes) break;
      visit(*header, ByteView(data + stream::kFrameHeaderBytes, header->length_bytes));
      at += stream::kFrameHeaderBytes + header->length_bytes;
    }
    bytes_.erase(0, at);
  }

 private:
  std::string bytes_;
};

// What has happened to both ends together, and so what may be expected of them.
struct Events {
  bool disturbed = false;  // the wire was changed, or an end asked for what can't be asked for
  bool ended = false;      // an end was told to close
  bool late = false;       // time passed while bytes were not delivered or not read

  bool IsPlain() const { return !disturbed && !ended && !late; }
};

// One end: its session, the delegate that checks the calls it gets, and what the session owes.
class SessionEnd final : public stream::SessionDelegate {
 public:
  SessionEnd(const Content& content, Events* events)
      : content_(content),
        events_(*events),
        pool_(ChunkBufferPool::Create(content.manifest->chunk_size_bytes(),
                                      8 * size_t{content.manifest->chunk_size_bytes()})) {}

  // `has_delegate`: this is the delegate of the session.
  void Begin(std::shared_ptr<TransportSession> session, SessionEnd* peer, bool has_delegate) {
    session_ = std::move(session);
    peer_ = peer;
    has_delegate_ = has_delegate;
    session_->Start();
  }
  void SetSource(std::shared_ptr<ScriptedSource> source) { source_ = std::move(source); }
  ScriptedSource* source() const { return source_.get(); }

  void Request(std::vector<ChunkIndex> chunks) {
    if (!CanRequest()) return;
    const auto past = [this](ChunkIndex index) { return index.value() >= chunk_count(); };
    if (std::any_of(chunks.begin(), chunks.end(), past)) events_.disturbed = true;
    requested_.insert(chunks.begin(), chunks.end());
    In([&] { session_->Request(chunks); });
  }
  void Cancel(ChunkIndex index) {
    requested_.erase(index);
    const std::array<ChunkIndex, 1> chunks{index};
    In([&] { session_->Cancel(chunks); });
  }
  void RequestAny(uint32_t chunks) {
    if (!CanRequest()) return;
    credits_ += chunks;
    In([&] { session_->RequestAny(chunks); });
  }
  void RequestManifest() {
    if (ready_ && manifest_offered_ && !closed_) manifest_requested_ = true;
    In([&] { session_->RequestManifest(); });
  }
  void Gain(ChunkIndex index) {
    if (source_ == nullptr) return;
    source_->Gain(index);
    const std::array<ChunkIndex, 1> chunks{index};
    In([&] { session_->Announce(chunks); });
  }
  void Offer(bool every_other) {
    // Where the session was accepted, its source is chosen when the peer's hello has come.
    if (source_ != nullptr || !has_delegate_) return;
    source_ = std::make_shared<ScriptedSource>(content_, every_other);
    In([&] { session_->Offer(source_); });
  }
  void SetBuffers(bool any) {
    buffers_ = any;
    if (any) In([&] { session_->ResumeReading(); });
  }
  void DoInNextCall(uint32_t what) { in_next_call_ = what; }
  void Close(bool tell) {
    events_.ended = true;
    if (!tell && !closed_) silent_ = true;
    In([&] { session_->Close(tell); });
  }
  void Refuse(uint32_t reason) {
    if (has_delegate_) return;
    events_.ended = true;
    stream::Refuse refuse;
    refuse.reason = static_cast<stream::Refuse::Reason>(reason % 8);
    In([&] { session_->RefuseAndClose(refuse); });
  }
  void NoteClosed(const absl::Status& why) {
    Require(!std::exchange(closed_, true), "a session ends once");
    Require(!silent_ || !has_delegate_, "nothing is told after Close(false)");
    Require(absl::IsUnavailable(why) || absl::IsDeadlineExceeded(why) || absl::IsInvalidArgument(why) ||
                absl::IsCancelled(why),
            "the status of an end is one of four");
    Require(events_.disturbed || !absl::IsInvalidArgument(why), "nobody broke the protocol");
  }

  // The frames that this end wrote or read.
  void Wrote(absl::string_view bytes) {
    Require(bytes.size() <= kMaxWriteBytes, "what waits to be written is bounded");
    written_.Feed(bytes, [this](const stream::FrameHeader& header, ByteView body) {
      if (header.type == FrameType::kChunk) owed_.erase(ChunkIndex(header.index));
      if (header.type != FrameType::kRefuse) return;
      const auto refuse = stream::Refuse::Decode(body);
      Require(refuse.ok(), "what a session writes can be decoded");
      for (const ChunkRange& range : refuse->chunks) Forgive(range);
    });
  }
  void Read(absl::string_view bytes) {
    if (events_.disturbed) return;
    read_.Feed(bytes, [this](const stream::FrameHeader& header, ByteView body) {
      if (header.type == FrameType::kRequest) {
        const auto request = stream::Request::Decode(body);
        for (const ChunkRange& range : request.ok() ? request->chunks : std::vector<ChunkRange>()) {
          for (uint32_t i = 0; i < range.count; ++i) owed_.insert(ChunkIndex(range.first.value() + i));
        }
      } else if (header.type == FrameType::kCancel) {
        const auto cancel = stream::Cancel::Decode(body);
        for (const ChunkRange& range : cancel.ok() ? cancel->chunks : std::vector<ChunkRange>())
          Forgive(range);
      }
    });
  }
  // Called when the loop has nothing to do and this end is not in the middle of a write.
  void CheckQueue(const stream::SessionLimits& limits) const {
    if (events_.disturbed || events_.ended || closed_ || !buffers_) return;
    uint64_t bytes = 0;
    for (const ChunkIndex index : owed_) bytes += content_.manifest->PlaceOf(index).length_bytes;
    Require(owed_.size() <= limits.max_queued_chunks, "the queue is bounded in chunks");
    Require(bytes < limits.max_queued_bytes + content_.manifest->chunk_size_bytes(),
            "the queue is bounded in bytes");
  }

  bool has_delegate() const { return has_delegate_; }
  bool ready() const { return ready_; }
  bool closed() const { return closed_ || silent_; }
  bool paused() const { return paused_; }
  // Returns whether a request of this end has not been answered.
  bool IsWaiting() const { return !requested_.empty() || credits_ > 0 || manifest_requested_; }

  void Finish() {
    if (!closed()) In([&] { session_->Close(true); });
  }
  // Lets go of the session. Checks that it is gone, and has given back what it had.
  void CheckEnd() {
    Require(closed_ != (silent_ && has_delegate_), "an end that was closed says so");
    const std::weak_ptr<TransportSession> session = std::exchange(session_, nullptr);
    Require(session.expired(), "a session that has ended is destroyed");
    Require(pool_->lent_bytes() == 0, "buffers are returned");
  }

  void OnReady(const stream::Hello& theirs) override {
    Called();
    Require(!std::exchange(ready_, true), "the hellos are exchanged once");
    manifest_offered_ = theirs.manifest_bytes > 0;
    manifest_bytes_ = theirs.manifest_bytes;
    if (!events_.disturbed) {
      Require(theirs.content_id == content_.manifest->id(), "the peer speaks of the same content");
      Require(theirs.chunk_count == 0 || theirs.chunk_count == chunk_count(), "and of its chunks");
    }
    Act();
  }
  void OnManifest(std::string canonical) override {
    CalledWhenReady();
    Require(std::exchange(manifest_requested_, false), "a manifest arrives when it was requested");
    Require(canonical.size() == manifest_bytes_, "a manifest has the length of the hello");
    Require(events_.disturbed || canonical == *content_.manifest->CanonicalBytes(), "it is the right one");
    Act();
  }
  void OnHave(const stream::Have& have) override {
    CalledWhenReady();
    for (const ChunkRange& range : have.gained) {
      for (uint32_t i = 0; !events_.disturbed && i < range.count; ++i) {
        Require(peer_->source_->Holds(ChunkIndex(range.first.value() + i)), "what is announced is held");
      }
    }
    Act();
  }
  bool WantsChunk(ChunkIndex index, uint32_t length_bytes) override {
    CalledWhenReady();
    Require(!arriving_.has_value() || paused_, "one chunk arrives at a time");
    Require(!paused_ || arriving_ == index || events_.disturbed, "the chunk that waits is asked about again");
    paused_ = false;
    arriving_.reset();
    if (!events_.disturbed) {
      Require(index.value() < chunk_count(), "a chunk is of the content");
      Require(length_bytes == content_.manifest->PlaceOf(index).length_bytes, "and has its length");
    }
    const bool wanted =
        (requested_.contains(index) || credits_ > 0) && length_bytes <= pool_->max_chunk_bytes();
    Act();
    // An action may have ended the session or cancelled the chunk: the answer holds all the same.
    if (wanted) {
      arriving_ = index;
      arriving_bytes_ = length_bytes;
      arrived_bytes_ = 0;
    }
    return wanted;
  }
  ChunkBuffer BufferFor(ChunkIndex index, uint32_t length_bytes) override {
    CalledWhenReady();
    Require(arriving_ == index && arriving_bytes_ == length_bytes, "a buffer is for a wanted chunk");
    Act();
    ChunkBuffer buffer = buffers_ ? pool_->TryAcquire(length_bytes) : ChunkBuffer();
    paused_ = !buffer;
    return buffer;
  }
  void OnProgress(ChunkIndex index, uint32_t bytes) override {
    CalledWhenReady();
    Require(arriving_ == index && bytes > 0, "bytes arrive of a wanted chunk");
    arrived_bytes_ += bytes;
    Require(arrived_bytes_ <= arriving_bytes_, "no more bytes arrive than the chunk has");
    Act();
  }
  void OnChunk(ChunkIndex index, ChunkBuffer bytes, uint32_t crc32) override {
    CalledWhenReady();
    Require(std::exchange(arriving_, std::nullopt) == index, "a wanted chunk arrives");
    const ByteView view(bytes.bytes().data(), bytes.bytes().size());
    Require(view.size() == arriving_bytes_ && arrived_bytes_ == arriving_bytes_, "all of its bytes do");
    Require(Crc32(view) == crc32, "they match their CRC-32");
    if (!events_.disturbed) {
      const ByteView right = content_.file->BytesOf(index);
      Require(std::equal(view.begin(), view.end(), right.begin(), right.end()), "they are the right bytes");
    }
    Answered(index);
    Act();
  }
  void OnCorruptFrame(ChunkIndex index) override {
    CalledWhenReady();
    arriving_.reset();
    Require(events_.disturbed || peer_->source_->IsCutShort(index), "nothing was corrupted");
    Answered(index);
    Act();
  }
  void OnRefused(const stream::Refuse& refuse) override {
    Called();
    Require(ready_ || refuse.chunks.empty() || events_.disturbed, "an answer follows a request");
    // The chunk that arrived with wrong bytes could not be read by the peer.
    if (arriving_.has_value() && !paused_) arriving_.reset();
    for (const ChunkRange& range : refuse.chunks) {
      for (uint32_t i = 0; i < std::min(range.count, chunk_count()); ++i)
        Answered(ChunkIndex(range.first.value() + i));
    }
    Act();
  }
  void OnNothingFresh() override {
    CalledWhenReady();
    credits_ = 0;
    Act();
  }
  void OnSourceFailure(const absl::Status& why) override {
    Called();
    Require(!why.ok() && !std::exchange(source_failed_, true), "a source fails once");
    Act();
  }
  void OnClosed(const absl::Status& why) override {
    Called();
    NoteClosed(why);
  }

 private:
  uint32_t chunk_count() const { return content_.manifest->chunk_count(); }

  // Runs a call into the session. The session calls nothing back meanwhile.
  template <typename Call>
  void In(const Call& call) {
    ++calls_;
    call();
    --calls_;
  }
  void Called() const {
    Require(calls_ == 0, "no call comes from inside a call");
    Require(!closed_ && !silent_, "no call comes after the last one");
  }
  void CalledWhenReady() const {
    Called();
    Require(ready_, "the hellos come first");
  }
  void Act() {
    const std::optional<uint32_t> what = std::exchange(in_next_call_, std::nullopt);
    if (!what.has_value()) return;
    switch (*what % 8) {
      case 0:
        return Request({ChunkIndex(0), ChunkIndex(1)});
      case 1:
        return Cancel(arriving_.value_or(ChunkIndex(0)));
      case 2:
        return RequestAny(1);
      case 3:
        return RequestManifest();
      case 4:
        return SetBuffers(true);
      case 5:
        return Offer(false);
      case 6:
        return Close(true);
      default:
        return Close(false);
    }
  }

  // Whether the session may be told to request something; where the peer can't serve, that disturbs it.
  bool CanRequest() {
    if (!has_delegate_ || closed()) return false;
    if (peer_->has_delegate_ && peer_->source_ == nullptr) events_.disturbed = true;
    return true;
  }
  void Answered(ChunkIndex index) {
    if (requested_.erase(index) == 0 && credits_ > 0) --credits_;
  }
  void Forgive(const ChunkRange& range) {
    for (uint32_t i = 0; i < std::min(range.count, chunk_count()); ++i)
      owed_.erase(ChunkIndex(range.first.value() + i));
  }

  const Content& content_;
  Events& events_;
  const std::shared_ptr<ChunkBufferPool> pool_;
  std::shared_ptr<TransportSession> session_;
  SessionEnd* peer_ = nullptr;
  std::shared_ptr<ScriptedSource> source_;  // may be null
  bool has_delegate_ = false;
  int calls_ = 0;  // into the session, in progress

  // As the one that requests.
  bool ready_ = false;
  bool closed_ = false;
  bool silent_ = false;  // Close(false) was called
  std::set<ChunkIndex> requested_;
  uint32_t credits_ = 0;
  bool manifest_offered_ = false;
  uint32_t manifest_bytes_ = 0;
  bool manifest_requested_ = false;
  std::optional<ChunkIndex> arriving_;
  uint32_t arriving_bytes_ = 0;
  uint32_t arrived_bytes_ = 0;
  bool buffers_ = true;
  bool paused_ = false;
  std::optional<uint32_t> in_next_call_;

  // As the one that serves.
  std::set<ChunkIndex>
      owed_;  // requested by frames that were read, and not answered by frames that were written
  bool source_failed_ = false;
  FrameTap written_;
  FrameTap read_;
};

// Plays one script.
class Play {
 public:
  Play(net::EventLoop& loop, Script script)
      : loop_(loop),
        script_(script),
        setup_(script_),
        content_(ContentOf(setup_.content)),
        wire_(loop.context(), setup_.wire) {}

  // Called on the loop's thread.
  void Run() {
    the_time = kOrigin;
    Begin();
    for (size_t step = 0; step < kMaxSteps && script_.AtNextStep(); ++step) {
      const uint8_t letter = script_.Byte();
      Step(letter);
      if ((letter & 0x80) == 0) Settle();
    }
    Drain();
    CheckAnswers();
    Finish();
  }

 private:
  using End = MemoryWire::End;

  SessionEnd& At(End end) { return ends_[static_cast<size_t>(end)]; }
  bool BothReady() const {
    return std::all_of(ends_.begin(), ends_.end(),
                       [](const SessionEnd& end) { return end.ready() || !end.has_delegate(); });
  }

  void Begin() {
    wire_.SetTaps([this](End end, absl::string_view bytes) { At(end).Wrote(bytes); },
                  [this](End end, absl::string_view bytes) { At(end).Read(bytes); });
    if (setup_.gate) {
      gate_ = std::make_shared<stream::UploadGate>(1);
      stranger_ = gate_->Join([] {});
    }
    limits_ = setup_.limits;
    if (setup_.throttled) limits_.write_limit = std::make_shared<net::RateLimit>(1'000'000);
    events_.ended = setup_.refuses || !setup_.wire.opens;
    Dial(End::kFirst, setup_.dials_with_source);
    if (setup_.both_dial) {
      Dial(End::kSecond, true);
    } else {
      Accept();
    }
    Settle();
  }

  void Dial(End end, bool with_source) {
    stream::SessionTerms terms;
    terms.content_id = content_.manifest->id();
    std::shared_ptr<ScriptedSource> source;
    if (with_source) source = std::make_shared<ScriptedSource>(content_, setup_.holds_every_other);
    At(end).SetSource(source);
    At(end).Begin(TransportSession::Dialling(loop_, wire_.TransportOf(end), terms, limits_, source, &At(end)),
                  &At(MemoryWire::Other(end)), /*has_delegate=*/true);
  }

  void Accept() {
    SessionEnd& end = At(End::kSecond);
    end.Begin(TransportSession::Accepting(
                  loop_, wire_.TransportOf(End::kSecond), {}, limits_,
                  [this](const stream::Hello& hello) { return Admit(hello); },
                  [&end](const absl::Status& why) { end.NoteClosed(why); }, nullptr),
              &At(End::kFirst), /*has_delegate=*/false);
  }
  TransportSession::Admission Admit(const stream::Hello& hello) {
    if (setup_.refuses || hello.content_id != content_.manifest->id()) {
      stream::Refuse refuse;
      refuse.reason = stream::Refuse::Reason::kUnknownContent;
      return refuse;
    }
    auto source = std::make_shared<ScriptedSource>(content_, setup_.holds_every_other);
    if (setup_.fresh && source->Held().full()) {
      fresh_ = std::make_shared<stream::FreshChunks>(content_.manifest->chunk_count(), /*seed=*/1);
    }
    At(End::kSecond).SetSource(source);
    stream::UploadService service;
    service.source = std::move(source);
    service.fresh = fresh_;
    service.gate = gate_;
    service.ledger = ledger_;
    return service;
  }

  void Step(uint8_t letter) {
    const End at = (letter & 0x20) != 0 ? End::kFirst : End::kSecond;
    SessionEnd& end = At(at);
    switch (static_cast<char>('a' + ((letter & 0x1f) + 25) % 26)) {
      case 'r':
        return end.Request({Chunk()});
      case 'q':
        return end.Request(FirstChunks(script_.Digit()));
      case 'c':
        return end.Cancel(Chunk());
      case 'u':
        return end.Request({ChunkIndex(content_.manifest->chunk_count() + script_.Digit())});
      case 'y':
        return end.RequestAny(script_.Digit() % 32);
      case 'm':
        return end.RequestManifest();
      case 'h':
        return end.Gain(Chunk());
      case 'o':
        return end.Offer(setup_.holds_every_other);
      case 'e': {
        const uint32_t digit = script_.Digit();
        const ChunkIndex index(digit / 4 % content_.manifest->chunk_count());
        if (end.source() != nullptr)
          end.source()->Fail(index, static_cast<ScriptedSource::Failure>(digit % 4));
        return;
      }
      case 'b':
        return end.SetBuffers(script_.Digit() % 2 == 1);
      case 'n':
        return end.DoInNextCall(script_.Digit());
      case 'x':
        return end.Close(script_.Digit() % 2 == 0);
      case 'k':
        return end.Refuse(script_.Digit());
      case 'g':
        return GiveTurn(script_.Digit() % 2 == 1);
      case 't':
        return Wait(kTimes[script_.Digit() % kTimes.size()]);
      case 'd':
        wire_.Deliver(at, size_t{1} << (script_.Digit() % 22));
        return;
      case 'f':
        for (uint32_t left = script_.Digit() % 64; left > 0; --left) {
          if (!wire_.Deliver(at, wire_.BytesToFrameEnd(at))) break;
        }
        return;
      default:
        return Disturb(at, letter);
    }
  }

  // The steps that change what is on the wire.
  void Disturb(End at, uint8_t letter) {
    const char step = static_cast<char>('a' + ((letter & 0x1f) + 25) % 26);
    if (step == 'p') {
      // No frame may come before the hello.
      events_.disturbed = events_.disturbed || !BothReady();
      std::string frame;
      stream::AppendFrame(FrameType::kPing, "", &frame);
      wire_.Inject(at, frame);
      return;
    }
    if (step == 'w') {
      events_.disturbed = true;
      wire_.EndWriting(at);
      return;
    }
    if (step == 'i') {
      std::string frame;
      const auto type = static_cast<FrameType>(script_.Digit());
      const auto index = static_cast<char>(script_.Digit());
      std::string body(script_.Digit(), '\0');
      for (char& byte : body) byte = static_cast<char>(script_.Byte());
      stream::AppendFrame(type, body, &frame);
      frame[kIndexEnd] = index;
      events_.disturbed = true;
      wire_.Inject(at, frame);
      return;
    }
    if (step != 'a' && step != 's' && step != 'v') return;
    const auto frame = wire_.FrameInTransit(at, script_.Digit() % 8);
    const uint32_t place = step == 'a' ? script_.Digit() : 0;
    const uint32_t change = step == 'a' ? script_.Digit() : 0;
    if (!frame.has_value()) return;
    events_.disturbed = true;
    std::string& transit = wire_.Transit(at);
    if (step == 'a') {
      transit[frame->begin + place % frame->bytes] ^= static_cast<char>(std::max(change, 1u));
    } else if (step == 's') {
      transit.insert(frame->begin, transit.substr(frame->begin, frame->bytes));
    } else {
      transit.erase(frame->begin, frame->bytes);
    }
  }

  ChunkIndex Chunk() { return ChunkIndex(script_.Digit() % content_.manifest->chunk_count()); }
  std::vector<ChunkIndex> FirstChunks(uint32_t digit) const {
    const uint32_t chunk_count = content_.manifest->chunk_count();
    std::vector<ChunkIndex> chunks;
    if (digit != 60) {
      for (uint32_t i = 0; i < std::min(digit, chunk_count); ++i) chunks.push_back(ChunkIndex(i));
      return chunks;
    }
    for (uint32_t first : {0u, 1u}) {
      for (uint32_t i = first; i < chunk_count; i += 2) chunks.push_back(ChunkIndex(i));
    }
    return chunks;
  }

  void GiveTurn(bool to_stranger) {
    if (gate_ == nullptr) return;
    if (to_stranger) {
      gate_->Ask(stranger_, 1000);
    } else {
      gate_->Done(stranger_);
    }
  }

  void Wait(std::chrono::milliseconds time) {
    if (!BothReady() || time > kStep || wire_.Unread(End::kFirst) > 0 || wire_.Unread(End::kSecond) > 0)
      events_.late = true;
    for (; time > std::chrono::milliseconds::zero(); time -= kStep) Pass(std::min(time, kStep));
  }

  void Pass(std::chrono::milliseconds time) {
    the_time += time;
    // The loop looks for timers that are due when its timerfd says so, which follows the clock of the
    // machine. A timer that is due at once makes it look now.
    bool looked = false;
    boost::asio::steady_timer look(loop_.context(), std::chrono::steady_clock::time_point());
    look.async_wait([&looked](const boost::system::error_code&) { looked = true; });
    while (!looked) loop_.context().poll();
    Settle();
  }

  // Runs the loop until it has nothing to do.
  void Settle() {
    loop_.context().poll();
    for (End end : {End::kFirst, End::kSecond}) {
      if (!wire_.IsWriting(end) && !setup_.throttled) At(end).CheckQueue(limits_);
    }
  }

  // Removes all that an end may wait for.
  void Drain() {
    Settle();
    GiveTurn(false);
    wire_.Widen(SIZE_MAX);
    for (SessionEnd& end : ends_) end.SetBuffers(true);
    for (int quiet = 0, rounds = 0; quiet < 4 && rounds < 200; ++rounds) {
      const bool first = wire_.Deliver(End::kFirst, SIZE_MAX);
      const bool second = wire_.Deliver(End::kSecond, SIZE_MAX);
      Settle();
      quiet = first || second ? 0 : quiet + 1;
      if (quiet > 0) Pass(std::chrono::seconds(1));
    }
  }

  void CheckAnswers() {
    if (!events_.IsPlain()) return;
    Require(BothReady(), "the hellos are exchanged");
    for (const SessionEnd& end : ends_) {
      Require(!end.closed(), "nobody closes without a reason");
      Require(!end.IsWaiting(), "each request is answered");
    }
  }

  void Finish() {
    for (SessionEnd& end : ends_) end.Finish();
    Settle();
    wire_.Deliver(End::kFirst, SIZE_MAX);
    wire_.Deliver(End::kSecond, SIZE_MAX);
    Settle();
    for (SessionEnd& end : ends_) end.CheckEnd();
    Require(wire_.IsUnused(), "the transports are destroyed");
    Require(ledger_->Read().peers.empty(), "no account stays open");
    if (fresh_ != nullptr)
      Require(fresh_->fresh_count() == content_.manifest->chunk_count(), "what nobody holds is fresh again");
    if (gate_ != nullptr) {
      gate_->Leave(stranger_);
      Require(gate_->Ask(gate_->Join([] {}), 1), "the turns are returned");
    }
  }

  // The last byte of a frame's index.
  static constexpr size_t kIndexEnd = 11;

  net::EventLoop& loop_;
  Script script_;
  const Setup setup_;
  const Content& content_;
  MemoryWire wire_;
  stream::SessionLimits limits_;
  std::shared_ptr<stream::FreshChunks> fresh_;  // may be null
  std::shared_ptr<stream::UploadGate> gate_;    // may be null
  stream::Uploader stranger_;                   // in gate_
  const std::shared_ptr<stream::UploadLedger> ledger_ = std::make_shared<stream::UploadLedger>();
  Events events_;
  std::array<SessionEnd, 2> ends_{SessionEnd(content_, &events_), SessionEnd(content_, &events_)};
};

}  // namespace
}  // namespace shoal

// The linker sends the calls of steady_clock::now() here (--wrap), so that timers and timeouts follow
// scripts.
std::chrono::steady_clock::time_point ScriptedNow() noexcept
    __asm__("__wrap__ZNSt6chrono3_V212steady_clock3nowEv");
std::chrono::steady_clock::time_point ScriptedNow() noexcept {
  return std::chrono::steady_clock::time_point(shoal::the_time);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static shoal::net::EventLoop& loop = *new shoal::net::EventLoop("fuzz");
  // Asio counts the work that a task posts when the task has ended, but subtracts what poll() runs at once:
  // this is more than a script posts, so that the loop does not take itself for one that has nothing left to
  // do.
  static const auto& work =
      *new std::vector(20'000, boost::asio::make_work_guard(loop.context().get_executor()));
  static_cast<void>(work);
  std::promise<void> done;
  // All of it is one task of the loop, which runs the loop's other tasks in between.
  loop.Post([&] {
    shoal::Play(loop, shoal::Script(data, size)).Run();
    done.set_value();
  });
  done.get_future().wait();
  return 0;
}
