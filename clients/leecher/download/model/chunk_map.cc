#include "clients/leecher/download/model/chunk_map.h"

#include <algorithm>

namespace shoal::leecher {
namespace {

// Only all of a cell is 255, and only nothing is 0.
char Share(uint32_t count, uint32_t of) {
  if (count == 0) return 0;
  return static_cast<char>(static_cast<uint8_t>(std::max<uint64_t>(1, uint64_t{count} * 255 / of)));
}

}  // namespace

ChunkMap MakeChunkMap(const ChunkSet& held, const ChunkPicker& picker, std::span<const uint16_t> sent_by,
                      const std::vector<ChunkSender>& senders) {
  ChunkMap map;
  map.chunk_count = held.size();
  if (map.chunk_count == 0) return map;
  const uint32_t per_cell = (map.chunk_count + ChunkMap::kMaxCells - 1) / ChunkMap::kMaxCells;
  const uint32_t cells = (map.chunk_count + per_cell - 1) / per_cell;
  map.chunks_per_cell = per_cell;

  std::vector<uint32_t> held_in(cells, 0);
  std::vector<uint32_t> under_way_in(cells, 0);
  std::vector<uint32_t> rarest_in(cells, 255);
  std::vector<uint16_t> sender_of(cells, 0);
  for (uint32_t chunk = 0; chunk < map.chunk_count; ++chunk) {
    if (held.Contains(ChunkIndex(chunk))) ++held_in[chunk / per_cell];
    if (sent_by[chunk] != 0) sender_of[chunk / per_cell] = sent_by[chunk];
  }
  picker.ForEachUnderWay([&](ChunkIndex chunk) { ++under_way_in[chunk.value() / per_cell]; });
  picker.ForEachHolders([&](ChunkIndex chunk, uint32_t holders) {
    uint32_t& rarest = rarest_in[chunk.value() / per_cell];
    rarest = std::min(rarest, holders);
  });

  std::vector<uint8_t> place_of(senders.size() + 1, 0);  // in map.sources, counted from 1
  for (uint32_t cell = 0; cell < cells; ++cell) {
    const uint32_t chunks = std::min(per_cell, map.chunk_count - cell * per_cell);
    map.held.push_back(Share(held_in[cell], chunks));
    map.under_way.push_back(Share(under_way_in[cell], chunks));
    map.availability.push_back(static_cast<char>(static_cast<uint8_t>(rarest_in[cell])));
    const uint16_t sender = sender_of[cell];
    if (sender != 0 && place_of[sender] == 0 && map.sources.size() < 255) {
      map.sources.push_back(senders[sender - 1]);
      place_of[sender] = static_cast<uint8_t>(map.sources.size());
    }
    map.source.push_back(static_cast<char>(place_of[sender]));
  }
  return map;
}

void AddHeldBytes(const Manifest& manifest, const ChunkSet& held, std::vector<FileState>& files) {
  const size_t count = std::min(files.size(), manifest.files().size());
  for (uint32_t file = 0; file < count; ++file) {
    const auto [first, end] = manifest.ChunksOf(FileIndex(file));
    files[file].held_bytes = 0;
    for (uint32_t chunk = first.value(); chunk < end.value(); ++chunk) {
      if (!held.Contains(ChunkIndex(chunk))) continue;
      files[file].held_bytes += manifest.PlaceOf(ChunkIndex(chunk)).length_bytes;
    }
  }
}

}  // namespace shoal::leecher
