#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "shoal/service/http/http_server.h"

namespace shoal::service {

// A file that was linked into the program, see cmake/EmbedFolder.cmake. Lives as long as the program.
struct EmbeddedFile {
  const char* path;  // relative to the folder that was embedded
  const unsigned char* bytes;
  size_t length_bytes;
};

// Returns routes that serve the files at `prefix` ("/") plus their paths, and an index.html at its folder as
// well. Each has a type by its extension, the headers of PageHeaders, and a tag by which a browser learns
// that it has the file already.
HttpServer::Routes FileRoutes(const std::vector<EmbeddedFile>& files, const std::string& prefix);

}  // namespace shoal::service
