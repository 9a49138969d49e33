#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/leecher/download/download_runtime.h"
#include "clients/leecher/download/model/chunk_map.h"
#include "clients/leecher/download/model/download_event.h"
#include "clients/leecher/download/model/download_options.h"
#include "clients/leecher/download/model/download_reader.h"
#include "clients/leecher/download/model/download_status.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/publish/chunk_source.h"

namespace shoal::leecher {

// One content on its way to this machine: finds peers, fetches the manifest and the chunks, checks them,
// stores them, and puts the content under its name. A command line, a page or a control API drives this
// object; it prints nothing.
//
// The state of a download belongs to one event loop of the runtime. Sockets, disk threads and tracker threads
// post to that loop. Thread safety: all methods are thread-safe. The destructor must not run on a loop of the
// runtime.
class Download {
 public:
  // Starts at once. Never fails here: an error is the outcome. `runtime` must outlive the download.
  // `observer` is called on the download's loop, in order, and must not block. The last event is
  // DownloadFinished.
  static std::unique_ptr<Download> Start(DownloadRuntime& runtime, DownloadOptions options,
                                         DownloadObserver observer);

  // Stops the download and waits until it has ended.
  virtual ~Download() = default;

  virtual DownloadStatus status() const = 0;

  // Pause stops new requests and new connections until Resume. Chunks that were requested still arrive. The
  // lease stays, and chunks that are held are still served. Both return at once and are idempotent.
  virtual void Pause() = 0;
  virtual void Resume() = 0;

  // Sets the priority of one file by its index in the manifest, or of every file that a glob matches (see
  // GlobMatches). Overrides the rules of DownloadOptions. Returns at once. Has no effect when no file
  // matches, after the last wanted chunk arrived, and, by index, before the manifest arrived. A file that is
  // wanted again continues from the chunks that are held.
  virtual void SetFilePriority(FileIndex file, FilePriority priority) = 0;
  virtual void SetFilePriority(const std::string& glob, FilePriority priority) = 0;

  // Limits what the download receives of all peers together, in bytes per second; net::RateLimit::kUnlimited:
  // it shares the limit of its runtime with other downloads, and has none of its own. Takes effect at once,
  // also for chunks that are on their way.
  virtual void SetLimit(uint64_t down_bytes_per_second) = 0;

  // Opens a reader of `chunks`, all of one file, from the first one on while the download runs: see
  // DownloadReader, also for `wake`. A file that is skipped is fetched as far as it is read, and the download
  // does not end before its reader does. A reader goes forward; for a seek, open another one. Reads of what
  // is held need none. Errors: RESOURCE_EXHAUSTED: there are 32 readers.
  virtual absl::StatusOr<std::unique_ptr<DownloadReader>> OpenReader(ChunkRange chunks,
                                                                     std::function<void()> wake) = 0;

  // What viewers show beside the status. Waits for the loop, for at most `patience`; so it is not called on a
  // loop of the runtime. Linear in the chunks and files.
  // Errors: DEADLINE_EXCEEDED.
  virtual absl::StatusOr<DownloadDetails> Details(absl::Duration patience) = 0;

  // Ends the download with CANCELLED, unless it has ended already. Keeps what is on disk, so that a later
  // download continues from it. Returns at once.
  virtual void Stop() = 0;

  // Blocks until the download has ended. OK: the wanted files stand, checked, under their final names.
  // Errors:
  //   INVALID_ARGUMENT     no file of the content is wanted
  //   NOT_FOUND            no tracker knows the content
  //   FAILED_PRECONDITION  several contents have this name (DownloadFinished lists them), or another
  //                        process downloads this content into this folder
  //   ALREADY_EXISTS       the target exists with other bytes
  //   RESOURCE_EXHAUSTED   the disk is full
  //   PERMISSION_DENIED    the disk refuses access
  //   UNAVAILABLE          no tracker answered, and no peer is known
  //   DATA_LOSS            another program removed or renamed the output folder or the unfinished download,
  //                        or keeps damaging it
  //   CANCELLED            Stop was called
  virtual absl::Status Wait() = 0;

  // The chunks that are held, to be served to others. Null until the store is open.
  virtual std::shared_ptr<const ChunkSource> source() const = 0;
};

}  // namespace shoal::leecher
