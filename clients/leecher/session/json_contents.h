#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "shoal/content/manifest/file_selection.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/folder_listing.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// The JSON objects that describe contents: the output of `list`, `info`, `make`, `save` and
// `get --dry-run` with --json.
// docs/json_events.md documents the fields. Fields may be added; existing ones do not change their meaning.
//
// Each function returns one object on one line without its end. The text is ASCII: other characters are
// escaped, and bytes that are not UTF-8 become U+FFFD. Integers are counts or bytes, ids are lower-case hex,
// times are UTC (see JsonTime). All functions are pure.
//
// The events of a running download are in json_events.h.

// One content of a listing, with its numbers of seeders and leechers.
std::string JsonContent(const tracking::ContentStatus& content);

// One content, its files and its peers. `manifest` adds "file_list", "links" and "empty_folders", which are
// null when the manifest could not be fetched (null pointer). `trackers` adds the trackers of a .shoal file;
// null when the argument was none. `swarm` adds the peers and replaces `summary`; it is null when no tracker
// knows the content, and "peers" is empty then. "signers" are those of trackers and of `signature`, which a
// .shoal file has.
std::string JsonInfo(const tracking::ContentSummary& summary, const Manifest* manifest,
                     const std::vector<std::string>* trackers, const tracking::GetSwarmResponse* swarm,
                     const std::optional<PublisherSignature>& signature);

// A .shoal file that was written to `path`, who signed it, and what its content does not have.
std::string JsonMade(const tracking::ContentSummary& summary, const std::string& path,
                     const std::vector<LeftOut>& left_out,
                     const std::optional<PublisherSignature>& signature);

// A key that was made.
std::string JsonKey(const std::string& path, const std::string& public_key);
// The files of `certs`.
std::string JsonCerts(const std::string& certificate, const std::string& key, const std::string& authorities);

// What `get` would do, for `get --dry-run`.
struct DryRun {
  std::string download;  // the argument
  std::string path;      // the target
  uint32_t wanted_files = 0;
  uint64_t wanted_bytes = 0;
  bool target_exists = false;
  bool continues = false;              // an earlier run left chunks
  std::optional<uint64_t> free_bytes;  // of the disk of the target; unset: not known
};
// An event "dry_run"; `wanted` are the files that would be fetched.
std::string JsonDryRun(const DryRun& plan, const Manifest& manifest, const FileSelection& wanted,
                       absl::Time now);

}  // namespace shoal::leecher
