#pragma once

#include "shoal/service/grpc/grpc_methods.h"

namespace shoal::service {

// Adds grpc.channelz.v1.Channelz: what gRPC itself knows of this process's servers, connections and channels.
void AddChannelz(GrpcMethods* methods);

}  // namespace shoal::service
