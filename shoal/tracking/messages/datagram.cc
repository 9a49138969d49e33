#include "shoal/tracking/messages/datagram.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/arena.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/stubs/logging.h"
#include "shoal/base/status_macros.h"
#include "shoal/tracker/v1/datagram.pb.h"
#include "shoal/tracking/messages/nested_conversion.h"
#include "shoal/tracking/messages/proto_conversion.h"

namespace shoal::tracking {
namespace {

constexpr char kRequestMagic[] = "SHD1";
constexpr char kResponseMagic[] = "SHR1";
constexpr size_t kMagicBytes = 4;
constexpr size_t kHeadBytes = kMagicBytes + sizeof(uint16_t);
constexpr size_t kMaxErrorBytes = 256;

// The memory for the messages of one datagram, so that they need no allocations.
constexpr size_t kArenaBytes = 8 * 1024;

struct ArenaMemory {
  alignas(8) char bytes[kArenaBytes];

  google::protobuf::ArenaOptions Options() {
    google::protobuf::ArenaOptions options;
    options.initial_block = bytes;
    options.initial_block_size = sizeof(bytes);
    return options;
  }
};

bool StartsWith(ByteView bytes, const char* magic) {
  return bytes.size() >= kMagicBytes && std::memcmp(bytes.data(), magic, kMagicBytes) == 0;
}

template <typename Message>
std::string Pack(const char* magic, const Message& message, size_t size, size_t min_bytes) {
  std::string out(magic, kMagicBytes);
  out.reserve(std::max(kHeadBytes + size, min_bytes));
  AppendBig(static_cast<uint16_t>(size), &out);
  message.AppendToString(&out);
  if (out.size() < min_bytes) out.resize(std::min(min_bytes, kMaxDatagramBytes));
  return out;
}

template <typename Message>
absl::Status Unpack(const char* magic, ByteView bytes, Message* message) {
  // Protobuf writes a line to stderr for each string that is not UTF-8, which any sender could use to flood
  // the log.
  static google::protobuf::LogHandler* const silenced = google::protobuf::SetLogHandler(nullptr);
  static_cast<void>(silenced);
  if (bytes.size() > kMaxDatagramBytes) return absl::InvalidArgumentError("datagram: too large");
  if (!StartsWith(bytes, magic)) return absl::InvalidArgumentError("datagram: not one of this protocol");
  ByteReader reader(bytes.subspan(kMagicBytes));
  const ByteView envelope = reader.ReadBytes(reader.ReadBig<uint16_t>());
  if (!reader.ok()) return absl::InvalidArgumentError("datagram: shorter than it says");
  if (!message->ParseFromArray(envelope.data(), static_cast<int>(envelope.size()))) {
    return absl::InvalidArgumentError("datagram: the envelope is malformed");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> CookieFrom(const std::string& bytes) {
  if (bytes.size() != kCookieBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("cookie: has ", bytes.size(), " bytes, needs ", kCookieBytes));
  }
  return bytes;
}

// Returns: at most `max_bytes` of `text`, with every byte that is not printable ASCII replaced.
std::string PlainText(absl::string_view text, size_t max_bytes) {
  std::string out(text.substr(0, max_bytes));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

void ToProto(const absl::Status& error, size_t max_bytes, pb::DatagramError* out) {
  out->set_code(static_cast<uint32_t>(error.code()));
  const absl::Duration warm_up = WarmUpOf(error);
  if (warm_up > absl::ZeroDuration()) {
    // Its tag and length, and two numbers.
    constexpr size_t kWarmUpBytes = 20;
    max_bytes -= std::min(max_bytes, kWarmUpBytes);
    SetWarmingUp(warm_up, out);
  }
  out->set_message(PlainText(error.message(), std::min(max_bytes, kMaxErrorBytes)));
}

absl::Status FromProto(const pb::DatagramError& in) {
  const auto last = static_cast<uint32_t>(absl::StatusCode::kUnauthenticated);
  // OK is no error, so it counts as an unknown code.
  const bool known = in.code() >= 1 && in.code() <= last;
  return WithWarmUp(
      absl::Status(known ? static_cast<absl::StatusCode>(in.code()) : absl::StatusCode::kUnknown,
                   PlainText(in.message(), kMaxErrorBytes)),
      WarmingUpFrom(in));
}

// The bytes that `entry` takes as an entry of a repeated field with a one-byte tag.
template <typename Message>
size_t EntryBytes(const Message& entry) {
  const size_t size = entry.ByteSizeLong();
  return 1 + google::protobuf::io::CodedOutputStream::VarintSize32(static_cast<uint32_t>(size)) + size;
}

// Removes entries from the end until `excess` bytes are saved or only `keep` entries are left. Returns: the
// bytes that remain to be saved.
template <typename Entries>
size_t CutDown(Entries* entries, int keep, size_t excess) {
  while (excess > 0 && entries->size() > keep) {
    excess -= std::min(excess, EntryBytes(entries->Get(entries->size() - 1)));
    entries->RemoveLast();
  }
  return excess;
}

template <typename Peers>
void DropPeersHex(Peers* peers) {
  for (auto& peer : *peers) peer.clear_peer_hex();
}

// Removes optional entries until the envelope has at most `max_bytes`. Returns: whether it has.
bool FitEnvelope(size_t max_bytes, pb::DatagramResponse* envelope) {
  size_t size = envelope->ByteSizeLong();
  if (size <= max_bytes) return true;
  envelope->set_truncated(true);
  size_t excess = envelope->ByteSizeLong() - max_bytes;
  if (envelope->has_register_()) {
    excess = CutDown(envelope->mutable_register_()->mutable_peers(), 0, excess);
  } else if (envelope->has_lookup()) {
    excess = CutDown(envelope->mutable_lookup()->mutable_peers(), 0, excess);
    // A single content means that the name is unambiguous: so two of several are kept.
    const int keep = std::min(2, envelope->lookup().contents_size());
    excess = CutDown(envelope->mutable_lookup()->mutable_contents(), keep, excess);
  }
  return excess == 0;
}

// The largest encodings, tags and lengths included: the peer id; that and its secret; a beat without its runs
// (fixed64, a uint32 and four uint64 of at most 5 and 10 bytes, the beat's own tag and length); a run of
// chunks (two uint32); a lease id.
constexpr size_t kPeerIdBytes = 18;
constexpr size_t kPeerAndSecretBytes = kPeerIdBytes + 34;
constexpr size_t kBeatBytes = 9 + 6 + 4 * 11 + 4;
constexpr size_t kRangeBytes = 2 + 2 * 6;
constexpr size_t kLeaseIdBytes = 8;
constexpr size_t kListBytes = 4;
// A report: fixed64, a peer id, an enum; its tag and length.
constexpr size_t kReportBytes = 9 + kPeerIdBytes + 2 + 2;

size_t Room(size_t max_bytes, size_t least) {
  return std::max(max_bytes, kPeerAndSecretBytes + least) - kPeerAndSecretBytes;
}

}  // namespace

absl::StatusOr<std::string> DatagramRequest::Encode(size_t min_bytes) const {
  ArenaMemory memory;
  google::protobuf::Arena arena(memory.Options());
  auto* const envelope = google::protobuf::Arena::CreateMessage<pb::DatagramRequest>(&arena);
  envelope->set_transaction_id(transaction_id);
  envelope->set_cookie(cookie);
  struct Writer {
    pb::DatagramRequest* to;
    void operator()(const RegisterRequest& in) const { ToProto(in, to->mutable_register_()); }
    void operator()(const HeartbeatRequest& in) const { ToProto(in, to->mutable_heartbeat()); }
    void operator()(const LookupRequest& in) const {
      ToProto(in, to->mutable_lookup());
      to->mutable_lookup()->clear_peer_secret();  // a datagram brings no ticket
    }
    void operator()(const LeaveRequest& in) const { ToProto(in, to->mutable_leave()); }
    void operator()(const absl::Status&) const {}
  };
  std::visit(Writer{envelope}, body);
  const size_t size = envelope->ByteSizeLong();
  if (kHeadBytes + size > kMaxDatagramBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the request has ", size, " bytes and does not fit into a datagram: use gRPC"));
  }
  return Pack(kRequestMagic, *envelope, size, min_bytes);
}

absl::StatusOr<DatagramRequest> DatagramRequest::Decode(ByteView bytes) {
  ArenaMemory memory;
  google::protobuf::Arena arena(memory.Options());
  auto* const envelope = google::protobuf::Arena::CreateMessage<pb::DatagramRequest>(&arena);
  SHOAL_RETURN_IF_ERROR(Unpack(kRequestMagic, bytes, envelope));
  DatagramRequest out;
  out.transaction_id = envelope->transaction_id();
  if (!envelope->cookie().empty()) {
    SHOAL_ASSIGN_OR_RETURN(out.cookie, CookieFrom(envelope->cookie()));
  }
  const auto take = [&out](auto body) {
    if (body.ok()) {
      out.body = *std::move(body);
    } else {
      out.body = body.status();
    }
  };
  switch (envelope->body_case()) {
    case pb::DatagramRequest::kRegister:
      take(tracking::FromProto(envelope->register_()));
      break;
    case pb::DatagramRequest::kHeartbeat:
      take(tracking::FromProto(envelope->heartbeat()));
      break;
    case pb::DatagramRequest::kLookup:
      take(tracking::FromProto(envelope->lookup()));
      break;
    case pb::DatagramRequest::kLeave:
      take(tracking::FromProto(envelope->leave()));
      break;
    case pb::DatagramRequest::BODY_NOT_SET:
      out.body = absl::InvalidArgumentError("body: is not set");
      break;
  }
  return out;
}

std::string DatagramResponse::Encode(size_t max_bytes) const {
  max_bytes = std::clamp(max_bytes, kMinRequestBytes, kMaxDatagramBytes);
  ArenaMemory memory;
  google::protobuf::Arena arena(memory.Options());
  auto* const envelope = google::protobuf::Arena::CreateMessage<pb::DatagramResponse>(&arena);
  envelope->set_transaction_id(transaction_id);
  envelope->set_grpc_port(grpc_port);
  envelope->set_truncated(truncated);
  // The tag, the length and the code of an error, besides what the envelope has in any case.
  const size_t most = max_bytes - kHeadBytes;
  const size_t error_room = most - envelope->ByteSizeLong() - 12;
  struct Writer {
    pb::DatagramResponse* to;
    size_t error_room;
    void operator()(const DatagramCookie& in) const { to->set_cookie(in.cookie); }
    void operator()(const RegisterResponse& in) const {
      ToProto(in, to->mutable_register_());
      DropPeersHex(to->mutable_register_()->mutable_peers());
    }
    void operator()(const HeartbeatResponse& in) const { ToProto(in, to->mutable_heartbeat()); }
    void operator()(const LookupResponse& in) const {
      ToProto(in, to->mutable_lookup());
      DropPeersHex(to->mutable_lookup()->mutable_peers());
      for (auto& content : *to->mutable_lookup()->mutable_contents())
        content.mutable_summary()->clear_content_hex();
    }
    void operator()(const LeaveResponse& in) const { ToProto(in, to->mutable_leave()); }
    void operator()(const absl::Status& in) const { ToProto(in, error_room, to->mutable_error()); }
  };
  std::visit(Writer{envelope, error_room}, body);
  if (!FitEnvelope(most, envelope)) {
    envelope->clear_truncated();
    ToProto(absl::ResourceExhaustedError("the response does not fit into a datagram: use gRPC"), error_room,
            envelope->mutable_error());
  }
  return Pack(kResponseMagic, *envelope, envelope->ByteSizeLong(), 0);
}

absl::StatusOr<DatagramResponse> DatagramResponse::Decode(ByteView bytes) {
  ArenaMemory memory;
  google::protobuf::Arena arena(memory.Options());
  auto* const envelope = google::protobuf::Arena::CreateMessage<pb::DatagramResponse>(&arena);
  SHOAL_RETURN_IF_ERROR(Unpack(kResponseMagic, bytes, envelope));
  if (envelope->grpc_port() > 65535) return absl::InvalidArgumentError("grpc_port: is no port");
  DatagramResponse out;
  out.transaction_id = envelope->transaction_id();
  out.grpc_port = static_cast<uint16_t>(envelope->grpc_port());
  out.truncated = envelope->truncated();
  switch (envelope->body_case()) {
    case pb::DatagramResponse::kCookie: {
      SHOAL_ASSIGN_OR_RETURN(std::string cookie, CookieFrom(envelope->cookie()));
      out.body = DatagramCookie{std::move(cookie)};
      return out;
    }
    case pb::DatagramResponse::kRegister: {
      SHOAL_ASSIGN_OR_RETURN(out.body, tracking::FromProto(envelope->register_()));
      return out;
    }
    case pb::DatagramResponse::kHeartbeat: {
      SHOAL_ASSIGN_OR_RETURN(out.body, tracking::FromProto(envelope->heartbeat()));
      return out;
    }
    case pb::DatagramResponse::kLookup: {
      SHOAL_ASSIGN_OR_RETURN(LookupResponse lookup, tracking::FromProto(envelope->lookup()));
      lookup.truncated = out.truncated;
      out.body = std::move(lookup);
      return out;
    }
    case pb::DatagramResponse::kLeave: {
      SHOAL_ASSIGN_OR_RETURN(out.body, tracking::FromProto(envelope->leave()));
      return out;
    }
    case pb::DatagramResponse::kError:
      out.body = FromProto(envelope->error());
      return out;
    case pb::DatagramResponse::BODY_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("body: is not set");
}

std::vector<HeartbeatRequest> SplitHeartbeat(const HeartbeatRequest& request, size_t max_bytes) {
  const size_t room = Room(max_bytes, kBeatBytes + kRangeBytes);
  std::vector<HeartbeatRequest> messages;
  size_t left = 0;
  for (const LeaseBeat& beat : request.leases) {
    std::span<const ChunkRange> gained = beat.gained;
    do {
      if (left < kBeatBytes + (gained.empty() ? 0 : kRangeBytes)) {
        messages.push_back({request.peer_id, request.peer_secret, {}});
        left = room;
      }
      left -= kBeatBytes;
      const size_t taken = std::min(gained.size(), left / kRangeBytes);
      left -= taken * kRangeBytes;
      LeaseBeat& out = messages.back().leases.emplace_back();
      out.lease_id = beat.lease_id;
      out.gained.assign(gained.begin(), gained.begin() + static_cast<std::ptrdiff_t>(taken));
      out.free_slots = beat.free_slots;
      out.sent_bytes = beat.sent_bytes;
      out.received_bytes = beat.received_bytes;
      out.send_rate_bytes_per_second = beat.send_rate_bytes_per_second;
      out.receive_rate_bytes_per_second = beat.receive_rate_bytes_per_second;
      gained = gained.subspan(taken);
    } while (!gained.empty());
  }
  for (const PeerReport& report : request.reports) {
    if (left < kReportBytes) {
      messages.push_back({request.peer_id, request.peer_secret, {}});
      left = room;
    }
    left -= kReportBytes;
    messages.back().reports.push_back(report);
  }
  if (messages.empty()) messages.push_back(request);
  return messages;
}

std::vector<LeaveRequest> SplitLeave(const LeaveRequest& request, size_t max_bytes) {
  const size_t per_message = (Room(max_bytes, kListBytes + kLeaseIdBytes) - kListBytes) / kLeaseIdBytes;
  if (request.lease_ids.size() <= per_message) return {request};
  std::vector<LeaveRequest> messages;
  for (size_t i = 0; i < request.lease_ids.size(); i += per_message) {
    const auto begin = request.lease_ids.begin() + static_cast<std::ptrdiff_t>(i);
    const auto count = std::min(per_message, request.lease_ids.size() - i);
    messages.push_back(
        {request.peer_id, request.peer_secret, {begin, begin + static_cast<std::ptrdiff_t>(count)}});
  }
  return messages;
}

bool LooksLikeDatagramRequest(ByteView bytes) {
  return StartsWith(bytes, kRequestMagic);
}

}  // namespace shoal::tracking
