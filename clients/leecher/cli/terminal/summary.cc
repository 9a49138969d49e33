#include "clients/leecher/cli/terminal/summary.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/event_text.h"
#include "clients/leecher/cli/terminal/progress_line.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/units.h"

namespace shoal::leecher {
namespace {

using Align = TextTable::Align;
using Peer = DownloadStatus::Peer;

constexpr int kWidthForWholeIds = 110;
constexpr size_t kShownDigits = 16;

void AppendPeers(const DownloadRecord& record, const DownloadStatus& status, int width,
                 std::vector<std::string>& lines) {
  std::vector<Peer> peers;  // without those that only connected
  for (const Peer& peer : status.peers) {
    if (peer.chunks > 0 || peer.sent_bytes > 0 || peer.failures > 0 || !peer.dropped_because.empty())
      peers.push_back(peer);
  }
  if (peers.empty()) return;
  std::sort(peers.begin(), peers.end(), [](const Peer& a, const Peer& b) {
    return a.chunks != b.chunks ? a.chunks > b.chunks : a.endpoint < b.endpoint;
  });
  uint64_t chunks = 0;
  for (const Peer& peer : peers) {
    chunks += peer.chunks;
  }
  const bool sent =
      std::any_of(peers.begin(), peers.end(), [](const Peer& peer) { return peer.sent_bytes > 0; });
  std::vector<TextTable::Column> columns = {{"PEER", Align::kLeft},
                                            {"CHUNKS", Align::kRight},
                                            {"SHARE", Align::kRight},
                                            {"BYTES", Align::kRight},
                                            {"RATE", Align::kRight}};
  if (sent) columns.push_back({"SENT", Align::kRight});
  columns.push_back({"FAILURES", Align::kRight});
  TextTable table(std::move(columns));
  for (const Peer& peer : peers) {
    const double share = chunks == 0 ? 0.0 : 100.0 * peer.chunks / static_cast<double>(chunks);
    std::vector<std::string> row = {peer.endpoint.ToString(), FormatCount(peer.chunks),
                                    absl::StrFormat("%.1f%%", share), FormatBytes(peer.received_bytes),
                                    FormatRate(AverageRate(peer.received_bytes, record))};
    if (sent) row.push_back(FormatBytes(peer.sent_bytes));
    row.push_back(absl::StrCat(peer.failures));
    table.Add(std::move(row));
  }
  for (const std::string& line : table.Render(width - 2)) lines.push_back(absl::StrCat("  ", line));
  for (const Peer& peer : peers) {
    if (peer.dropped_because.empty()) continue;
    lines.push_back(
        absl::StrCat("  ", peer.endpoint.ToString(), " was dropped: ", Printable(peer.dropped_because)));
  }
}

void AppendSent(const DownloadRecord& record, const DownloadStatus& status, std::vector<std::string>& lines) {
  if (status.sent_bytes == 0) return;
  lines.push_back(absl::StrCat("  sent ", FormatBytes(status.sent_bytes), " to other peers, ",
                               FormatRate(AverageRate(status.sent_bytes, record)), " on average"));
}

void AppendTroubles(const DownloadRecord& record, const DownloadStatus& status,
                    std::vector<std::string>& lines) {
  if (status.chunks_refetched > 0) {
    lines.push_back(absl::StrCat("  ", Plural(status.chunks_refetched, "chunk"),
                                 " refetched from another peer (wrong bytes, refused or lost)"));
  }
  // When no tracker answered, that is the error itself.
  if (!record.outcome().ok() && !record.tracker_answered()) return;
  for (const DownloadRecord::Outage& outage : record.outages()) {
    lines.push_back(absl::StrCat("  tracker ", Printable(outage.tracker.ToString()), " failed ",
                                 outage.times == 1 ? "once" : absl::StrCat(outage.times, " times"), ", for ",
                                 shoal::FormatDuration(outage.away),
                                 outage.away_now ? ", and still does" : "", ": ",
                                 TrackerFailureReason(outage.tracker, outage.why)));
  }
}

}  // namespace

std::string FormatAge(absl::Time then, absl::Time now) {
  if (then <= absl::UnixEpoch() || then == absl::InfiniteFuture()) return "-";
  const absl::Duration age = std::max(now - then, absl::ZeroDuration());
  if (age < absl::Minutes(1)) return absl::StrCat(absl::ToInt64Seconds(age), "s");
  return shoal::FormatDuration(age);
}

std::vector<std::string> SummaryLines(const DownloadRecord& record, const DownloadStatus& status, int width) {
  std::vector<std::string> lines;
  const uint64_t fetched = FetchedBytes(status);
  const std::string name = Printable(record.label());
  if (fetched == 0 && status.resumed_bytes > 0) {
    lines.push_back(absl::StrCat(name, ": nothing to fetch, all ", FormatBytes(status.wanted_bytes),
                                 " were there already"));
  } else {
    lines.push_back(absl::StrCat(name, ": ", FormatBytes(fetched), " in ",
                                 shoal::FormatDuration(record.took()), ", ",
                                 FormatRate(AverageRate(fetched, record)), " on average"));
    if (status.resumed_bytes > 0) {
      lines.push_back(absl::StrCat("  ", FormatBytes(status.resumed_bytes), " of ",
                                   FormatBytes(status.wanted_bytes), " came from an earlier run"));
    }
  }
  if (status.wanted_files < status.files) {
    lines.push_back(absl::StrCat("  selected: ", FormatCount(status.wanted_files), " of ",
                                 Plural(status.files, "file"), ", ",
                                 FormatBytesOf(status.wanted_bytes, status.length_bytes)));
  }
  AppendPeers(record, status, width, lines);
  AppendSent(record, status, lines);
  AppendTroubles(record, status, lines);
  if (status.wanted_chunks > 0) {
    lines.push_back(
        absl::StrCat("  all ", Plural(status.wanted_chunks, "chunk"), " checked: CRC-32 and SHA-256"));
  }
  lines.push_back(absl::StrCat("  in ", Printable(record.target_path())));
  return lines;
}

std::vector<std::string> FailureLines(const DownloadRecord& record, const DownloadStatus& status,
                                      absl::Time now, int width) {
  std::vector<std::string> lines;
  const std::string name = Printable(record.label());
  if (!record.candidates().empty())
    return CandidateLines(record.label(), "get", record.candidates(), now, width);
  const bool cancelled = absl::IsCancelled(record.outcome());
  lines.push_back(
      absl::StrCat(name, ": ", cancelled ? "stopped" : Printable(std::string(record.outcome().message()))));
  AppendPeers(record, status, width, lines);
  AppendSent(record, status, lines);
  AppendTroubles(record, status, lines);
  const ErrorCause cause = CauseOf(record.outcome());
  if (cause == ErrorCause::kTargetGone) return lines;  // a later run finds none of it
  if (status.chunks_held > 0 && cause != ErrorCause::kTargetExists) {
    lines.push_back(absl::StrCat(
        "  ", FormatCount(status.chunks_held), " of ", Plural(status.wanted_chunks, "chunk"), " are kept (",
        Percent(status.held_bytes, status.wanted_bytes), "%): run the same command again to continue"));
  } else if (cancelled) {
    lines.push_back("  nothing was fetched yet: run the same command again");
  }
  return lines;
}

std::vector<std::string> CandidateLines(absl::string_view name, absl::string_view command,
                                        const std::vector<tracking::ContentStatus>& candidates,
                                        absl::Time now, int width) {
  TextTable table({{"ID", Align::kLeft},
                   {"SIZE", Align::kRight},
                   {"AGE", Align::kRight},
                   {"SEEDERS", Align::kRight},
                   {"LEECHERS", Align::kRight}});
  for (const tracking::ContentStatus& content : candidates) {
    const std::string id = content.summary.id.ToHex();
    table.Add({width >= kWidthForWholeIds ? id : id.substr(0, kShownDigits),
               FormatBytes(content.summary.length_bytes), FormatAge(content.first_seen, now),
               FormatCount(content.seeders), FormatCount(content.leechers)});
  }
  const bool by_name =
      std::all_of(candidates.begin(), candidates.end(),
                  [&](const tracking::ContentStatus& content) { return content.summary.name == name; });
  std::vector<std::string> lines = {
      absl::StrCat(Printable(name), ": ", candidates.size(),
                   by_name ? " contents have this name:" : " contents have an id that begins so:")};
  for (const std::string& line : table.Render(width - 2)) lines.push_back(absl::StrCat("  ", line));
  lines.push_back(
      absl::StrCat("Say which one by its id, or the first ", kShownDigits, " digits of it, such as"));
  lines.push_back(absl::StrCat("  ", ProgramName(), " ", command, " ",
                               candidates.front().summary.id.ToHex().substr(0, kShownDigits)));
  return lines;
}

}  // namespace shoal::leecher
