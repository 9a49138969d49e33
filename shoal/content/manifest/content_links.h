#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace shoal {

inline constexpr size_t kMaxLinkTargetBytes = 4095;  // as symlink(2)
inline constexpr int kMaxLinksFollowed = 40;         // in one path, as Linux

// A symbolic link of a content: its path, as CheckContentPath allows it, and the text that it holds. The text
// is relative to the folder of the link, need not be normalized, and need not lead to anything.
struct LinkEntry {
  std::string path;
  std::string target;

  friend bool operator==(const LinkEntry&, const LinkEntry&) = default;
};

// Decides which symbolic links of a content stay inside of the content's folder. It follows each target from
// component to component, and through every other link of the content on the way, as a kernel would. It looks
// at no disk: a component that is not a link counts as a folder, whether or not it exists, so the answer
// holds whichever files are there. It assumes that no path of the content has a link as a folder on it, which
// Manifest checks.
//
// Thread safety: one thread at a time.
class ContentLinks {
 public:
  // About a second. A million links with targets of ten components take it.
  static constexpr uint64_t kMaxWork = uint64_t{8} << 30;

  // `links` must outlive this and not change. Paths must be distinct. `max_work` bounds all checks together:
  // the bytes of path that are hashed, and 512 for each component.
  explicit ContentLinks(const std::vector<LinkEntry>& links, uint64_t max_work = kMaxWork);

  // Returns: OK if `link` (one of the links) stays inside.
  // Errors: INVALID_ARGUMENT with a reason that completes "it is a link to 'TARGET', ": the target is
  // absolute, leads out of the folder, can't be sent (its length, NUL or '\'), or takes more than
  // kMaxLinksFollowed links to follow (among them the targets that never end). RESOURCE_EXHAUSTED, with such
  // a reason, once the checks have taken `max_work`, so that crafted links cost a bounded time.
  absl::Status Check(const LinkEntry& link);

 private:
  absl::flat_hash_map<absl::string_view, absl::string_view> target_of_;  // by path
  uint64_t work_left_;
};

}  // namespace shoal
