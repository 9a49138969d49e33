#include "clients/leecher/agent/agent_journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/checksum.h"

namespace shoal::leecher {
namespace {

constexpr char kMagic[] = "SHOALAGT";
constexpr size_t kMagicBytes = 8;
constexpr uint32_t kVersion = 1;
constexpr size_t kHeadBytes = kMagicBytes + sizeof(uint32_t);
constexpr size_t kFrameBytes = 2 * sizeof(uint32_t);  // length, CRC-32
constexpr uint32_t kMaxChangeBytes = 16 << 20;
constexpr uint64_t kMaxFileBytes = uint64_t{1} << 32;
constexpr uint32_t kMaxItems = 100'000;  // of one list
constexpr int64_t kNever = INT64_MIN;

enum Kind : uint8_t {
  kDownloadSaved = 1,
  kDownloadForgotten = 2,
  kRuleSaved = 3,
  kRuleForgotten = 4,
  kLimitsSaved = 5,
  kRequestSaved = 6,
  kContentForgotten = 7,
  kTrustingRuleSaved = 8,     // a rule with keys; one without has the older form
  kSignedDownloadSaved = 9,   // a download with a signature; one without has the older form
  kReceiveLimitedSaved = 10,  // a download with a limit of receiving; one without has an older form
  kSendLimitedSaved = 11,     // a download with a limit of sending; one without has an older form
};

enum Flag : uint8_t {
  kSequential = 1,
  kRepair = 2,
  kPaused = 4,
  kPinned = 8,
  kRemoving = 16,
  kRemoveData = 32,
};

void AppendText(const std::string& text, std::string* to) {
  AppendBig(static_cast<uint32_t>(text.size()), to);
  to->append(text);
}

void AppendTexts(const std::vector<std::string>& texts, std::string* to) {
  AppendBig(static_cast<uint32_t>(texts.size()), to);
  for (const std::string& text : texts) AppendText(text, to);
}

void AppendTime(absl::Time time, std::string* to) {
  const int64_t ns = time == absl::InfinitePast() ? kNever : absl::ToUnixNanos(time);
  AppendBig(static_cast<uint64_t>(ns), to);
}

void AppendId(const ContentId& id, std::string* to) {
  to->append(reinterpret_cast<const char*>(id.bytes().data()), id.bytes().size());
}

std::string ReadText(ByteReader& reader) {
  return reader.ReadString(reader.ReadBig<uint32_t>());
}

// The number of items that follow, each of at least `item_bytes`; 0 when they can't be there.
uint32_t ReadCount(ByteReader& reader, size_t item_bytes) {
  const uint32_t count = reader.ReadBig<uint32_t>();
  return count > kMaxItems || count > reader.remaining() / item_bytes ? 0 : count;
}

std::vector<std::string> ReadTexts(ByteReader& reader) {
  std::vector<std::string> texts(ReadCount(reader, sizeof(uint32_t)));
  for (std::string& text : texts) text = ReadText(reader);
  return texts;
}

absl::Time ReadTime(ByteReader& reader) {
  const auto ns = static_cast<int64_t>(reader.ReadBig<uint64_t>());
  return ns == kNever ? absl::InfinitePast() : absl::FromUnixNanos(ns);
}

ContentId ReadId(ByteReader& reader) {
  const absl::StatusOr<ContentId> id = ContentId::FromBytes(reader.ReadBytes(ContentId::kSizeBytes));
  return id.ok() ? *id : ContentId();
}

void Encode(const SavedDownload& download, std::string* to) {
  AppendBig(download.id.value(), to);
  AppendBig(
      static_cast<uint8_t>((download.sequential ? kSequential : 0) | (download.repair ? kRepair : 0) |
                           (download.paused ? kPaused : 0) | (download.pinned ? kPinned : 0) |
                           (download.removing ? kRemoving : 0) | (download.remove_data ? kRemoveData : 0)),
      to);
  AppendText(download.wanted, to);
  AppendId(download.content_id, to);
  AppendText(download.name, to);
  AppendTexts(download.trackers, to);
  AppendText(download.output_folder, to);
  AppendTexts(download.selection.include, to);
  AppendTexts(download.selection.exclude, to);
  AppendBig(static_cast<uint32_t>(download.selection.priorities.size()), to);
  for (const SelectionRules::Priority& priority : download.selection.priorities) {
    AppendText(priority.glob, to);
    AppendBig(static_cast<uint8_t>(priority.priority), to);
  }
  AppendText(download.followed_glob, to);
  AppendTime(download.added, to);
  AppendTime(download.completed, to);
}

SavedDownload DecodeDownload(ByteReader& reader) {
  SavedDownload download;
  download.id = DownloadId(reader.ReadBig<uint64_t>());
  const uint8_t flags = reader.ReadBig<uint8_t>();
  download.sequential = (flags & kSequential) != 0;
  download.repair = (flags & kRepair) != 0;
  download.paused = (flags & kPaused) != 0;
  download.pinned = (flags & kPinned) != 0;
  download.removing = (flags & kRemoving) != 0;
  download.remove_data = (flags & kRemoveData) != 0;
  download.wanted = ReadText(reader);
  download.content_id = ReadId(reader);
  download.name = ReadText(reader);
  download.trackers = ReadTexts(reader);
  download.output_folder = ReadText(reader);
  download.selection.include = ReadTexts(reader);
  download.selection.exclude = ReadTexts(reader);
  download.selection.priorities.resize(ReadCount(reader, sizeof(uint32_t) + 1));
  for (SelectionRules::Priority& priority : download.selection.priorities) {
    priority.glob = ReadText(reader);
    const uint8_t value = reader.ReadBig<uint8_t>();
    priority.priority = static_cast<FilePriority>(std::min(value, static_cast<uint8_t>(FilePriority::kHigh)));
  }
  download.followed_glob = ReadText(reader);
  download.added = ReadTime(reader);
  download.completed = ReadTime(reader);
  return download;
}

std::string Framed(const std::string& bytes) {
  std::string framed;
  AppendBig(static_cast<uint32_t>(bytes.size()), &framed);
  AppendBig(Crc32(AsBytes(bytes)), &framed);
  framed.append(bytes);
  return framed;
}

std::string Head() {
  std::string head(kMagic, kMagicBytes);
  AppendBig(kVersion, &head);
  return head;
}

template <typename Change>
void AppendFramed(const Change& change, std::string* to) {
  to->append(Framed(EncodeChange(change)));
}

template <typename Value>
void KeepLatest(size_t most, std::deque<Value>* values) {
  while (values->size() > most) values->pop_front();
}

}  // namespace

void Apply(const AgentChange& change, AgentState* state) {
  const auto saw_id = [state](DownloadId id) {
    state->next_id = std::max(state->next_id, DownloadId(id.value() + 1));
  };
  if (const auto* saved = std::get_if<DownloadSaved>(&change)) {
    saw_id(saved->download.id);
    state->downloads[saved->download.id] = saved->download;
  } else if (const auto* forgotten = std::get_if<DownloadForgotten>(&change)) {
    saw_id(forgotten->id);
    state->downloads.erase(forgotten->id);
  } else if (const auto* rule = std::get_if<RuleSaved>(&change)) {
    state->follows[rule->rule.glob] = rule->rule;
  } else if (const auto* ended = std::get_if<RuleForgotten>(&change)) {
    state->follows.erase(ended->glob);
  } else if (const auto* limits = std::get_if<LimitsSaved>(&change)) {
    state->limits = limits->limits;
    state->limits_set = true;
  } else if (const auto* request = std::get_if<RequestSaved>(&change)) {
    std::erase_if(state->requests,
                  [&](const SavedRequest& known) { return known.request_id == request->request.request_id; });
    state->requests.push_back(request->request);
    KeepLatest(AgentState::kMaxRequests, &state->requests);
  } else if (const auto* content = std::get_if<ContentForgotten>(&change)) {
    std::erase(state->forgotten, content->id);
    state->forgotten.push_back(content->id);
    KeepLatest(AgentState::kMaxForgotten, &state->forgotten);
  }
}

std::string EncodeChange(const AgentChange& change) {
  std::string bytes;
  if (const auto* saved = std::get_if<DownloadSaved>(&change)) {
    const std::optional<PublisherSignature>& signature = saved->download.signature;
    const SavedLimits& limits = saved->download.limits;
    const bool sends_less = limits.up_bytes_per_second != net::RateLimit::kUnlimited;
    const bool limited = sends_less || limits.down_bytes_per_second != net::RateLimit::kUnlimited;
    AppendBig<uint8_t>(sends_less              ? kSendLimitedSaved
                       : limited               ? kReceiveLimitedSaved
                       : signature.has_value() ? kSignedDownloadSaved
                                               : kDownloadSaved,
                       &bytes);
    Encode(saved->download, &bytes);
    if (limited) AppendBig(limits.down_bytes_per_second, &bytes);
    if (sends_less) AppendBig(limits.up_bytes_per_second, &bytes);
    if (signature.has_value()) signature->AppendTo(&bytes);
  } else if (const auto* forgotten = std::get_if<DownloadForgotten>(&change)) {
    AppendBig<uint8_t>(kDownloadForgotten, &bytes);
    AppendBig(forgotten->id.value(), &bytes);
  } else if (const auto* rule = std::get_if<RuleSaved>(&change)) {
    const std::set<PublicKey>& keys = rule->rule.trusted.keys();
    AppendBig<uint8_t>(keys.empty() ? kRuleSaved : kTrustingRuleSaved, &bytes);
    AppendText(rule->rule.glob, &bytes);
    AppendBig(rule->rule.keep_versions, &bytes);
    AppendText(rule->rule.output_folder, &bytes);
    if (!keys.empty()) AppendBig(static_cast<uint32_t>(keys.size()), &bytes);
    for (const PublicKey& key : keys) bytes += key.ToString();
  } else if (const auto* ended = std::get_if<RuleForgotten>(&change)) {
    AppendBig<uint8_t>(kRuleForgotten, &bytes);
    AppendText(ended->glob, &bytes);
  } else if (const auto* limits = std::get_if<LimitsSaved>(&change)) {
    AppendBig<uint8_t>(kLimitsSaved, &bytes);
    AppendBig(limits->limits.down_bytes_per_second, &bytes);
    AppendBig(limits->limits.up_bytes_per_second, &bytes);
  } else if (const auto* request = std::get_if<RequestSaved>(&change)) {
    AppendBig<uint8_t>(kRequestSaved, &bytes);
    AppendText(request->request.request_id, &bytes);
    AppendBig(request->request.download.value(), &bytes);
  } else if (const auto* content = std::get_if<ContentForgotten>(&change)) {
    AppendBig<uint8_t>(kContentForgotten, &bytes);
    AppendId(content->id, &bytes);
  }
  return bytes;
}

absl::StatusOr<AgentChange> DecodeChange(ByteView bytes) {
  ByteReader reader(bytes);
  AgentChange change;
  const uint8_t kind = reader.ReadBig<uint8_t>();
  switch (kind) {
    case kDownloadSaved:
    case kSignedDownloadSaved:
    case kReceiveLimitedSaved:
    case kSendLimitedSaved: {
      SavedDownload download = DecodeDownload(reader);
      const bool limited = kind == kReceiveLimitedSaved || kind == kSendLimitedSaved;
      if (limited) download.limits.down_bytes_per_second = reader.ReadBig<uint64_t>();
      if (kind == kSendLimitedSaved) download.limits.up_bytes_per_second = reader.ReadBig<uint64_t>();
      if (kind == kSignedDownloadSaved || (limited && reader.remaining() > 0)) {
        SHOAL_ASSIGN_OR_RETURN(download.signature, PublisherSignature::Read(&reader));
      }
      change = DownloadSaved{std::move(download)};
      break;
    }
    case kDownloadForgotten:
      change = DownloadForgotten{DownloadId(reader.ReadBig<uint64_t>())};
      break;
    case kRuleSaved:
    case kTrustingRuleSaved: {
      FollowRule rule;
      rule.glob = ReadText(reader);
      rule.keep_versions = reader.ReadBig<uint32_t>();
      rule.output_folder = ReadText(reader);
      const uint32_t keys = kind == kTrustingRuleSaved ? ReadCount(reader, PublicKey::kSizeBytes) : 0;
      for (uint32_t i = 0; i < keys; ++i) {
        SHOAL_ASSIGN_OR_RETURN(const PublicKey key,
                               PublicKey::FromBytes(reader.ReadBytes(PublicKey::kSizeBytes)));
        SHOAL_RETURN_IF_ERROR(rule.trusted.Add(key));
      }
      change = RuleSaved{std::move(rule)};
      break;
    }
    case kRuleForgotten:
      change = RuleForgotten{ReadText(reader)};
      break;
    case kLimitsSaved: {
      SavedLimits limits;
      limits.down_bytes_per_second = reader.ReadBig<uint64_t>();
      limits.up_bytes_per_second = reader.ReadBig<uint64_t>();
      change = LimitsSaved{limits};
      break;
    }
    case kRequestSaved: {
      std::string request_id = ReadText(reader);
      change = RequestSaved{{std::move(request_id), DownloadId(reader.ReadBig<uint64_t>())}};
      break;
    }
    case kContentForgotten:
      change = ContentForgotten{ReadId(reader)};
      break;
    default:
      return absl::InvalidArgumentError("a record of an unknown kind");
  }
  // Counts, flags and priorities that can't be: a change has one encoding.
  const bool canonical =
      EncodeChange(change) == absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!reader.ok() || !canonical) return absl::InvalidArgumentError("a malformed record");
  return change;
}

std::string EncodeAgentJournal(const AgentState& state) {
  std::string bytes = Head();
  // The ids of removed downloads are not used again either.
  if (state.next_id.value() > 1) {
    AppendFramed(DownloadForgotten{DownloadId(state.next_id.value() - 1)}, &bytes);
  }
  for (const auto& [id, download] : state.downloads) AppendFramed(DownloadSaved{download}, &bytes);
  for (const auto& [glob, rule] : state.follows) AppendFramed(RuleSaved{rule}, &bytes);
  if (state.limits_set) AppendFramed(LimitsSaved{state.limits}, &bytes);
  for (const SavedRequest& request : state.requests) AppendFramed(RequestSaved{request}, &bytes);
  for (const ContentId& id : state.forgotten) AppendFramed(ContentForgotten{id}, &bytes);
  return bytes;
}

absl::StatusOr<JournalExtent> DecodeAgentJournal(ByteView bytes, AgentState* state) {
  ByteReader reader(bytes);
  const std::string magic = reader.ReadString(kMagicBytes);
  const uint32_t version = reader.ReadBig<uint32_t>();
  if (!reader.ok() || magic != kMagic) {
    return absl::DataLossError(
        "it is not the journal of an agent; move it away to begin without downloads, or name another state"
        " folder");
  }
  if (version != kVersion) {
    return absl::DataLossError(absl::StrCat("it is of version ", version,
                                            ", which this program does not read; start the newer program, or"
                                            " name another state folder"));
  }
  JournalExtent extent{.whole_bytes = kHeadBytes};
  while (reader.remaining() > 0) {
    const uint32_t size = reader.ReadBig<uint32_t>();
    const uint32_t crc = reader.ReadBig<uint32_t>();
    // A crash cut it off: its change was not acknowledged.
    if (!reader.ok() || size > reader.remaining()) break;
    const ByteView record = reader.ReadBytes(size);
    absl::StatusOr<AgentChange> change = absl::DataLossError("a damaged record");
    if (size <= kMaxChangeBytes && Crc32(record) == crc) change = DecodeChange(record);
    if (!change.ok()) {
      extent.damaged = reader.remaining() > 0;
      break;
    }
    Apply(*change, state);
    extent.whole_bytes += kFrameBytes + size;
  }
  return extent;
}

absl::StatusOr<std::unique_ptr<AgentJournal>> AgentJournal::Open(const std::string& path,
                                                                 std::string* warning) {
  SHOAL_ASSIGN_OR_RETURN(FileDescriptor lock, FileDescriptor::Open(absl::StrCat(path, ".lock"),
                                                                   O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("another agent uses ", path, "; name another state folder, or end that one"));
  }
  std::unique_ptr<AgentJournal> journal(new AgentJournal(path, std::move(lock)));
  SHOAL_RETURN_IF_ERROR(journal->Load(warning));
  return journal;
}

absl::Status AgentJournal::Load(std::string* warning) {
  SHOAL_ASSIGN_OR_RETURN(file_, FileDescriptor::Open(path_, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  struct stat info{};
  if (fstat(file_.get(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("cannot look at ", path_));
  const auto length = static_cast<uint64_t>(info.st_size);
  if (!S_ISREG(info.st_mode) || length > kMaxFileBytes) {
    return absl::DataLossError(absl::StrCat(path_, " is not the journal of an agent"));
  }
  // It holds commands to run.
  if (!IsOwnFile(file_)) {
    return absl::FailedPreconditionError(absl::StrCat(
        path_, " belongs to another user: start the agent as that user, or name another state folder"));
  }
  if (length == 0) return Rewrite();
  std::vector<uint8_t> bytes(length);
  if (const absl::Status read = ReadAt(file_.get(), bytes, 0); !read.ok()) return Annotate(path_, read);
  absl::StatusOr<JournalExtent> extent = DecodeAgentJournal(bytes, &state_);
  if (!extent.ok()) return Annotate(path_, extent.status());
  end_bytes_ = extent->whole_bytes;
  if (extent->damaged) {
    const std::string kept = absl::StrCat(path_, ".damaged");
    std::error_code error;
    std::filesystem::copy_file(path_, kept, std::filesystem::copy_options::overwrite_existing, error);
    *warning = absl::StrCat(path_, " is damaged at byte ", end_bytes_,
                            ": commands given after that are lost; the file is kept as ", kept);
  }
  // What follows is not there any more, so that the next record is not mistaken for the end of it.
  if (end_bytes_ < length && ftruncate(file_.get(), static_cast<off_t>(end_bytes_)) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot shorten ", path_));
  }
  live_bytes_ = EncodeAgentJournal(state_).size();
  return absl::OkStatus();
}

absl::Status AgentJournal::Commit(const std::vector<AgentChange>& changes) {
  std::string bytes;
  for (const AgentChange& change : changes) AppendFramed(change, &bytes);
  absl::Status written = WriteAt(file_.get(), AsBytes(bytes), end_bytes_);
  if (written.ok() && fdatasync(file_.get()) != 0) written = ErrnoStatus(errno, "fdatasync");
  if (!written.ok()) {
    // What was written of it must not be read later. If even that fails, the next append overwrites it.
    [[maybe_unused]] const int shortened = ftruncate(file_.get(), static_cast<off_t>(end_bytes_));
    return Annotate(absl::StrCat("cannot write ", path_), written);
  }
  end_bytes_ += bytes.size();
  for (const AgentChange& change : changes) Apply(change, &state_);
  return absl::OkStatus();
}

absl::Status AgentJournal::Rewrite() {
  const std::string bytes = EncodeAgentJournal(state_);
  SHOAL_RETURN_IF_ERROR(ReplaceFile(path_, AsBytes(bytes)));
  SHOAL_ASSIGN_OR_RETURN(file_, FileDescriptor::Open(path_, O_RDWR | O_NOFOLLOW));
  end_bytes_ = bytes.size();
  live_bytes_ = bytes.size();
  return absl::OkStatus();
}

}  // namespace shoal::leecher
