#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "shoal/base/strong_index.h"
#include "tests/sim/virtual_time.h"

namespace shoal::sim {

// A machine of the simulated network.
using NodeIndex = StrongIndex<struct NodeTag, uint32_t>;
// A chunk in transit from one node to another.
using TransferIndex = StrongIndex<struct TransferTag, uint32_t>;

// Properties of the path of a chunk. Rates are wire rates.
struct NetworkTraits {
  absl::Duration latency = absl::Microseconds(300);  // one way, of an idle link
  // How long a packet waits in the queue of an uplink that is busy.
  absl::Duration queue = absl::Milliseconds(50);
  double headers = 0.044;  // bytes of frames and headers per byte of payload
  // Bytes of acknowledgements that a node sends per byte that it receives, where it receives about as much as
  // it sends: they are taken off its uplink.
  double acknowledgements = 0.022;
  // The size of the kernel's send buffer: a chunk looks sent to its sender this many bytes before its last
  // byte leaves the uplink.
  uint32_t kernel_bytes = 16 * 1024;
  // Connections that share an uplink get unequal parts of it: the standard deviation of the logarithm of a
  // transfer's part. Zero: all are equal.
  double unevenness = 0.7;
  // The number of bytes that a receiver reads before it notifies its policy.
  uint32_t progress_bytes = 64 * 1024;
};

// Nodes with a capacity up and a capacity down each, and the chunks that move between them as fluid: a node's
// transfers share its uplink by weights that are drawn at random, no transfer is faster than its fair share
// of the receiver's downlink, and what it can't use of the uplink goes to the others. Small messages take the
// latency, behind the queue of an uplink that is busy. A frozen node's transfers stand still, both ways.
//
// No loss, no slow start, no limit inside the network. A change costs O(transfers of the nodes that it
// touches). One thread.
class Network {
 public:
  // The events of a transfer, called at the virtual time of each.
  struct Watcher {
    std::function<void()> moved;        // NetworkTraits::progress_bytes more are at the receiver
    std::function<void()> handed_over;  // the sender's kernel has taken the last byte
    std::function<void()> arrived;      // the last byte is at the receiver
  };

  Network(VirtualTime& time, const NetworkTraits& traits, absl::Duration period, uint64_t random_seed)
      : time_(time), traits_(traits), period_(period), random_(random_seed) {}

  // Bits per second. `receives`: it will receive as much as it sends.
  NodeIndex AddNode(double up_bps, double down_bps, bool receives);

  TransferIndex Start(NodeIndex from, NodeIndex to, uint32_t payload_bytes, Watcher watcher);
  // Ends a transfer whose connection broke. None of its events is called any more.
  void Abort(TransferIndex transfer);
  // Returns the payload bytes that arrived since the previous call.
  uint32_t TakeProgress(TransferIndex transfer);

  // A control message: `deliver` is called when it arrives, unless either end is frozen by then. Messages of
  // one connection and direction share `not_before`, which keeps them in order.
  void Tell(NodeIndex from, NodeIndex to, absl::Duration& not_before, std::function<void()> deliver);

  void Freeze(NodeIndex node);
  bool IsFrozen(NodeIndex node) const { return nodes_[node.value()].frozen; }

  uint64_t SentBytes(NodeIndex node) const { return static_cast<uint64_t>(nodes_[node.value()].sent); }
  // Payload bytes that left the node in each period since the start.
  const std::vector<double>& SentPerPeriod(NodeIndex node) const {
    return nodes_[node.value()].sent_per_period;
  }
  // Payload bytes per second that the node's uplink carries.
  double UplinkRate(NodeIndex node) const { return nodes_[node.value()].up; }
  bool IsSending(NodeIndex node) const { return !nodes_[node.value()].outbound.empty(); }

 private:
  struct Node {
    double up = 0;  // payload bytes per second
    double down = 0;
    bool frozen = false;
    bool crowded = false;  // its senders could send more than it can take
    std::vector<TransferIndex> outbound;
    std::vector<TransferIndex> inbound;
    double sent = 0;
    std::vector<double> sent_per_period;
  };
  struct Transfer {
    NodeIndex from;
    NodeIndex to;
    double weight = 1;   // its part of the uplink, beside those of the others
    double left = 0;     // payload bytes that have not left the uplink
    double told_at = 0;  // the bytes left at which `moved` is called next
    double untaken = 0;  // bytes that TakeProgress has not returned
    double rate = 0;     // per second, since `settled`
    absl::Duration settled;
    uint64_t version = 0;  // grows when a scheduled milestone becomes invalid
    bool alive = false;
    bool handed_over = false;
    Watcher watcher;
  };

  void Settle(Transfer& transfer);
  void CountSent(Node& node, absl::Duration since, double rate);
  void Share(NodeIndex from);
  void ShareInto(NodeIndex to);
  void Schedule(TransferIndex index);
  void ReachMilestone(TransferIndex index);
  void Remove(TransferIndex index);

  VirtualTime& time_;
  const NetworkTraits traits_;
  const absl::Duration period_;
  std::vector<Node> nodes_;
  std::vector<Transfer> transfers_;
  std::vector<TransferIndex> free_;
  std::mt19937_64 random_;
  std::vector<std::pair<double, TransferIndex>> caps_;  // a member to reuse its memory
};

}  // namespace shoal::sim
