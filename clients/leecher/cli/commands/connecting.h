#pragma once

#include <memory>

#include "clients/leecher/download/download_runtime.h"
#include "shoal/net/tls/tls_context.h"

namespace shoal::leecher {

// Sets how a process connects to trackers and peers, and serves: with TLS when `tls` is not null.
void ConnectOver(std::shared_ptr<net::TlsContext> tls, DownloadRuntime::Options* runtime);

}  // namespace shoal::leecher
