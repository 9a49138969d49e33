#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "shoal/content/manifest/content_path.h"
#include "shoal/content/manifest/manifest.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

// Follows the link by recursion, as a second opinion: from `folder`, `target` leads to the returned folder;
// nothing if that is outside or takes too many links.
std::optional<std::vector<std::string>> Follow(const std::map<std::string, std::string>& links,
                                               std::vector<std::string> folder, const std::string& target,
                                               int* followed) {
  if (target.empty() || target[0] == '/' || ++*followed > shoal::kMaxLinksFollowed) return std::nullopt;
  std::istringstream components(target);
  for (std::string component; std::getline(components, component, '/');) {
    if (component.empty() || component == ".") continue;
    if (component == "..") {
      if (folder.empty()) return std::nullopt;
      folder.pop_back();
      continue;
    }
    std::string path;
    for (const std::string& part : folder) path += part + '/';
    const auto link = links.find(path + component);
    if (link == links.end()) {
      folder.push_back(component);
      continue;
    }
    std::optional<std::vector<std::string>> led = Follow(links, folder, link->second, followed);
    if (!led.has_value()) return std::nullopt;
    folder = *std::move(led);
  }
  return folder;
}

bool StaysInside(const std::map<std::string, std::string>& links, const shoal::LinkEntry& link) {
  std::vector<std::string> folder;
  std::istringstream components(link.path);
  for (std::string component; std::getline(components, component, '/');) folder.push_back(component);
  folder.pop_back();
  int followed = 0;
  return Follow(links, folder, link.target, &followed).has_value();
}

}  // namespace

// Every decoded manifest has exactly these bytes as its only encoding, and only paths and links that stay
// inside their folder.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const shoal::ByteView input(data, size);
  const absl::StatusOr<shoal::Manifest> manifest = shoal::Manifest::Decode(input);
  const shoal::ContentId id(shoal::Sha256::Of(input));
  Require(shoal::Manifest::DecodeAs(id, input).ok() == manifest.ok());
  if (!manifest.ok()) return 0;

  Require(manifest->Encode() == std::string(data, data + size));
  Require(manifest->id() == id);
  Require(shoal::CheckContentName(manifest->name()).ok());
  std::set<std::string> paths;
  for (const std::string& folder : manifest->empty_folders()) {
    Require(shoal::CheckContentPath(folder).ok() && paths.insert(folder).second);
  }
  std::map<std::string, std::string> links;
  for (const shoal::LinkEntry& link : manifest->links()) {
    Require(shoal::CheckContentPath(link.path).ok() && paths.insert(link.path).second);
    links[link.path] = link.target;
  }
  for (const shoal::LinkEntry& link : manifest->links()) Require(StaysInside(links, link));
  Require(manifest->version() == (paths.empty() ? 1 : 2));
  uint64_t length = 0;
  for (const shoal::FileEntry& file : manifest->files()) {
    Require(shoal::CheckContentPath(file.path).ok() && paths.insert(file.path).second);
    length += file.length_bytes;
  }
  Require(length == manifest->length_bytes());
  for (uint32_t i = 0; i < manifest->chunk_count(); ++i) {
    const shoal::ChunkPlace place = manifest->PlaceOf(shoal::ChunkIndex(i));
    length -= place.length_bytes;
    (void)manifest->IsZeroChunk(shoal::ChunkIndex(i));
    Require(place.length_bytes > 0 && place.length_bytes <= manifest->chunk_size_bytes());
    Require(place.offset_bytes + place.length_bytes <= manifest->files()[place.file.value()].length_bytes);
  }
  Require(length == 0);  // the chunks are all of the content
  // No path has another entry as a folder on it.
  for (const std::string& path : paths) {
    for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      Require(!paths.contains(path.substr(0, slash)));
    }
  }
  return 0;
}
