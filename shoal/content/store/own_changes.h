#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "shoal/base/file_stamp.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/store/close_watch.h"

namespace shoal {

// Tells files that only this store has changed from files that another program touched. It remembers how each
// file looked (its FileStamp) after the store's last change; a file whose stamp differs at the next check was
// touched, even if its mtime was restored. This class reads no bytes: its owner must verify the contents of a
// touched file.
//
// The stamp can't tell another program's write from a write of the store that overlaps it. CloseWatch detects
// such a write, as long as the store keeps the file open: it reports that a program closed the file after
// writing. On a file system whose server sets the times (NFS, SMB, 9P), only length and inode are compared.
//
// Thread safety: all methods are thread-safe.
class OwnChanges {
 public:
  // A file is watched once the store has had it open for so long: a process that ends sooner does not wait
  // for the kernel to close a CloseWatch.
  static constexpr absl::Duration kWatchAfter = absl::Milliseconds(250);

  // `files`: their number. `times_are_local`: see above. Null `close_watch`: one of its own.
  OwnChanges(size_t files, bool times_are_local, std::shared_ptr<CloseWatch> close_watch = nullptr,
             absl::Duration watch_after = kWatchAfter);
  ~OwnChanges() { StopWatching(); }
  OwnChanges(const OwnChanges&) = delete;
  OwnChanges& operator=(const OwnChanges&) = delete;

  // Records `info` as the state of the file after the store's own change. The file no longer counts as
  // touched.
  void Accept(FileIndex file, const struct stat& info);
  // How the file looks is unknown: it counts as touched until it is accepted.
  void Doubt(FileIndex file);

  // The store has opened the file for writing as `fd`, which it keeps open. A file that is opened a second
  // time is judged by its stamp alone: the first descriptor's end can't be told from another program's.
  void Opened(FileIndex file, int fd);

  // The store writes to the open file `fd` between Begin and End; writes may overlap.
  void Begin(FileIndex file, int fd);
  void End(FileIndex file, int fd);

  // Frees the kernel's watches. From now on every file is judged by its stamp alone.
  void StopWatching();

  // `is_open`: the descriptor of the only Opened is open still.
  // Returns: whether the file, which looks like `now`, was touched since it was accepted or written.
  bool IsTouched(FileIndex file, const struct stat& now, bool is_open = false);

 private:
  struct State {
    FileStamp stamp;
    uint16_t writers = 0;
    bool known = false;
    bool touched = false;
    absl::Duration opened_at = absl::InfiniteDuration();  // infinite: it was not opened
    CloseWatch::Id watch = CloseWatch::kNone;
    bool watch_tried = false;
    bool reopened = false;
  };
  bool Differs(const State& state, const struct stat& now) const;
  static void Note(const struct stat& info, State& state);
  void StartWatching(State& state, int fd) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // From now on the file is judged by its stamp alone.
  void JudgeByStamp(State& state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const bool times_are_local_;
  const absl::Duration watch_after_;
  const std::shared_ptr<CloseWatch> close_watch_;
  Mutex mutex_;
  std::vector<State> states_ ABSL_GUARDED_BY(mutex_);  // per file
};

// Returns: whether the times of the files in the open folder `fd` are kept by this machine's kernel.
bool TimesAreLocal(int fd);

}  // namespace shoal
