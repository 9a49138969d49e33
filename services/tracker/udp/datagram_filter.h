#pragma once

#include <linux/filter.h>

#include <span>

namespace shoal::tracker {

// Returns: a program for the kernel (classic BPF, SO_ATTACH_FILTER) that accepts what may be a request of one
// of the UDP port's dialects, by its length and first bytes, and drops the rest on arrival: before it takes
// room in the socket's queue from honest requests, and before a thread of the tracker has to read it. It
// knows no secrets, so it accepts everything of the right form; the dialects check everything that they get,
// with or without it.
std::span<const sock_filter> DatagramFilter();

}  // namespace shoal::tracker
