#pragma once

#include <linux/filter.h>

#include <span>

namespace shoal::tracker {

// A program for the kernel (classic BPF, SO_ATTACH_FILTER) that lets in what may be a request of one of the
// dialects of the tracker's UDP port, by its length and first bytes, and drops the rest where it arrives:
// before it takes room in the socket's queue that an honest request then lacks, and before any thread of the
// tracker has to look at it. It knows no secrets, so it lets in whatever has the right form; the dialects
// check all of what they are given, with it or without.
std::span<const sock_filter> DatagramFilter();

}  // namespace shoal::tracker
