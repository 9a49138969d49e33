#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "clients/leecher/download/policy/chunk_picker.h"
#include "clients/leecher/download/policy/wanted_files.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal::leecher {

// A peer that sent chunks.
struct ChunkSender {
  PeerId peer;
  Endpoint endpoint;

  friend bool operator==(const ChunkSender&, const ChunkSender&) = default;
};

// The chunks of a download for people: cells of equal numbers of chunks, in order. A value.
struct ChunkMap {
  static constexpr uint32_t kMaxCells = 2048;

  uint32_t chunk_count = 0;
  uint32_t chunks_per_cell = 0;  // the last cell may have fewer
  // A byte per cell, each:
  std::string held;          // which share of it is held: 255 is all of it, 0 nothing
  std::string under_way;     // which share is requested by index, or being verified
  std::string availability;  // how many connected peers hold its rarest chunk, at most 255
  std::string source;  // 1 + the index in `sources` of the peer that sent its last chunk; 0: none, or an
                       // earlier run, or the 256th peer and later ones
  std::vector<ChunkSender> sources;
};

// `sent_by`: per chunk the number of its sender in `senders`, counted from 1; 0: none. Requires: as many as
// chunks. Pure; linear in the chunks.
ChunkMap MakeChunkMap(const ChunkSet& held, const ChunkPicker& picker, std::span<const uint16_t> sent_by,
                      const std::vector<ChunkSender>& senders);

// What viewers show of one file.
struct FileState {
  uint64_t held_bytes = 0;
  FilePriority priority = FilePriority::kNormal;
};

// Sets held_bytes of the files, as far as there are files of the manifest. Linear in files and chunks.
void AddHeldBytes(const Manifest& manifest, const ChunkSet& held, std::vector<FileState>& files);

// What viewers show of one download beside its status.
struct DownloadDetails {
  ChunkMap chunks;               // without cells until the store is open
  std::vector<FileState> files;  // in the order of the manifest; empty until the store is open
};

}  // namespace shoal::leecher
