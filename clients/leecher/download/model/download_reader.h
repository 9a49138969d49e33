#pragma once

#include "shoal/content/manifest/chunk_set.h"

namespace shoal::leecher {

// The position of a reader of one file of a running download, from front to back, such as a player: what it
// needs next is requested before everything else, by the time at which it will need it, with a read-ahead
// that follows its speed. The bytes come from the download's ChunkSource; this says only what is needed.
//
// A chunk that its source does not hold is waited for: `wake` of Download::OpenReader is called when the
// first chunk of what is needed is held, and when the reader has ended. It may also be called without a
// reason, on any thread, and once more while the destructor runs or just after it, so it owns what it uses;
// it must not block. While the download is paused nothing is requested, and readers wait.
//
// May outlive the download, and has ended then. Thread safety: all methods are thread-safe.
class DownloadReader {
 public:
  // Nothing is needed any more.
  virtual ~DownloadReader() = default;

  // `chunks`, all of one file, are needed from now on, the first one next. To be called whenever the reader
  // goes on to another chunk, also when that is held, since its speed is measured by that. Returns at once.
  virtual void Need(ChunkRange chunks) = 0;

  // Returns whether no further chunk will arrive for this reader, because the download is over, or because
  // the file is skipped and the disk has no room for it. Held chunks stay readable. Call this before
  // ChunkSource::Holds: in the other order, a chunk that arrives between the two calls would be missed.
  virtual bool ended() const = 0;
};

}  // namespace shoal::leecher
