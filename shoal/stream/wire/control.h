#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::stream {

// The control messages of the chunk stream as plain values; their bytes are protobuf (protos/shoal/peer/v1),
// which only control.cc sees. Decoding bounds every field; what is malformed is INVALID_ARGUMENT and ends the
// connection.

inline constexpr uint32_t kChunkStreamVersion = 1;
inline constexpr uint32_t kMinChunkStreamVersion = 1;

// Identifies the sender and the content. Both ends send one first. The lower of the two `version`s counts; an
// end whose `min_version` is above it refuses.
struct Hello {
  uint32_t version = kChunkStreamVersion;
  uint32_t min_version = kMinChunkStreamVersion;
  ContentId content_id;
  PeerId peer_id;
  uint16_t listen_port = 0;     // where the sender takes connections; 0: nowhere
  std::string ticket;           // tickets from trackers; empty: none. At most kMaxHelloTicketsBytes
  uint32_t chunk_count = 0;     // 0: the sender has no manifest yet
  uint32_t manifest_bytes = 0;  // length of the canonical manifest; 0: none to give
  std::string held;             // ChunkSet::Encode of what the sender holds; empty: nothing
  bool serves_any = false;  // RequestAny is welcome: the sender holds all chunks and tracks which are fresh

  std::string Encode() const;
  static absl::StatusOr<Hello> Decode(ByteView bytes);
};

// Chunks that the sender holds from now on, besides those it named before.
struct Have {
  std::vector<ChunkRange> gained;

  std::string Encode() const;
  static absl::StatusOr<Have> Decode(ByteView bytes);
};

// Requests these chunks, in this order. At most kMaxRangesPerMessage ranges.
struct Request {
  std::vector<ChunkRange> chunks;

  std::string Encode() const;
  static absl::StatusOr<Request> Decode(ByteView bytes);
};

// Requests `chunks` more chunks of the receiver's choice, fresh ones (shoal/stream/upload/fresh_chunks.h).
// Each is one credit; credits add up to at most kMaxCredits. The answer to credits that can't be used is a
// frame kNothingFresh: it voids all of them, and the peer should request chunks by index.
struct RequestAny {
  uint32_t chunks = 0;  // 1 or more

  std::string Encode() const;
  static absl::StatusOr<RequestAny> Decode(ByteView bytes);
};

// Cancels requests for those of these chunks whose sending has not begun. No answer: a chunk that still
// arrives is no error.
struct Cancel {
  std::vector<ChunkRange> chunks;

  std::string Encode() const;
  static absl::StatusOr<Cancel> Decode(ByteView bytes);
};

// Refuses a request, with the reason. Without `chunks` it refuses the whole connection, which the sender then
// closes.
struct Refuse {
  enum class Reason : uint8_t {
    kUnspecified = 0,
    kUnknownContent = 1,   // not served here, or no longer: ask the tracker for others
    kNotHeld = 2,          // the sender does not hold these chunks
    kBusy = 3,             // as many uploads as allowed: come back after `retry_after`
    kTooManyRequests = 4,  // more queued on this connection than allowed
    kReadFailed = 5,       // the file behind it has changed, is gone or can't be read
    kVersion = 6,          // no version in common
    kShuttingDown = 7,
    kNoTicket = 8,  // the hello has no ticket that this peer accepts; the detail says what is missing
  };
  Reason reason = Reason::kUnspecified;
  std::vector<ChunkRange> chunks;
  absl::Duration retry_after;  // zero: do not; millisecond resolution, at most an hour
  std::string detail;          // for people, at most 1 KiB

  std::string Encode() const;
  static absl::StatusOr<Refuse> Decode(ByteView bytes);
};

// Requests slices [first, first + count) of the manifest, each of kManifestSliceBytes but the last.
struct ManifestRequest {
  uint32_t first_slice = 0;
  uint32_t slice_count = 0;

  std::string Encode() const;
  static absl::StatusOr<ManifestRequest> Decode(ByteView bytes);
};

// All tickets of one Hello together. tracking::kMaxTicketBytes bounds one ticket.
inline constexpr size_t kMaxHelloTicketsBytes = 4096;
inline constexpr size_t kMaxRangesPerMessage = 65536;
// Credits that a server keeps for one peer; what is over that is forgotten.
inline constexpr uint32_t kMaxCredits = 4096;

// "busy", "content not served here", ...: for people and logs.
const char* ReasonName(Refuse::Reason reason);

}  // namespace shoal::stream
