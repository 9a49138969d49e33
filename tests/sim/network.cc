#include "tests/sim/network.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace shoal::sim {
namespace {

constexpr double kNothing = 0.5;  // bytes: a transfer with less than this left is over

}  // namespace

NodeIndex Network::AddNode(double up_bps, double down_bps, bool receives) {
  Node node;
  node.up = up_bps / 8 / (1 + traits_.headers + (receives ? traits_.acknowledgements : 0));
  node.down = down_bps / 8 / (1 + traits_.headers);
  nodes_.push_back(std::move(node));
  return NodeIndex(static_cast<uint32_t>(nodes_.size() - 1));
}

TransferIndex Network::Start(NodeIndex from, NodeIndex to, uint32_t payload_bytes, Watcher watcher) {
  TransferIndex index;
  if (free_.empty()) {
    index = TransferIndex(static_cast<uint32_t>(transfers_.size()));
    transfers_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Transfer& transfer = transfers_[index.value()];
  const uint64_t version = transfer.version + 1;
  transfer = Transfer();
  transfer.from = from;
  transfer.to = to;
  transfer.weight = std::exp(std::normal_distribution<double>(0, traits_.unevenness)(random_));
  transfer.left = payload_bytes;
  transfer.told_at = double{1} * payload_bytes - traits_.progress_bytes;
  transfer.settled = time_.now();
  transfer.version = version;
  transfer.alive = true;
  transfer.watcher = std::move(watcher);
  nodes_[from.value()].outbound.push_back(index);
  nodes_[to.value()].inbound.push_back(index);
  Share(from);
  ShareInto(to);
  return index;
}

void Network::Abort(TransferIndex index) {
  if (!transfers_[index.value()].alive) return;
  Settle(transfers_[index.value()]);
  Remove(index);
  free_.push_back(index);
}

uint32_t Network::TakeProgress(TransferIndex index) {
  Transfer& transfer = transfers_[index.value()];
  Settle(transfer);
  const auto bytes = static_cast<uint32_t>(transfer.untaken);
  transfer.untaken -= bytes;
  return bytes;
}

void Network::Tell(NodeIndex from, NodeIndex to, absl::Duration& not_before, std::function<void()> deliver) {
  const absl::Duration wait = traits_.latency + (IsSending(from) ? traits_.queue : absl::ZeroDuration());
  not_before = std::max(not_before, time_.now() + wait);
  time_.At(not_before, [this, from, to, deliver = std::move(deliver)] {
    if (!IsFrozen(from) && !IsFrozen(to)) deliver();
  });
}

void Network::Freeze(NodeIndex index) {
  Node& node = nodes_[index.value()];
  node.frozen = true;
  Share(index);
  std::vector<NodeIndex> senders;
  for (const TransferIndex transfer : node.inbound) senders.push_back(transfers_[transfer.value()].from);
  for (const NodeIndex sender : senders) Share(sender);
}

void Network::Settle(Transfer& transfer) {
  const absl::Duration now = time_.now();
  if (transfer.rate > 0 && now > transfer.settled) {
    const double bytes =
        std::min(transfer.left, transfer.rate * absl::ToDoubleSeconds(now - transfer.settled));
    transfer.left -= bytes;
    transfer.untaken += bytes;
    Node& node = nodes_[transfer.from.value()];
    node.sent += bytes;
    CountSent(node, transfer.settled, transfer.rate);
  }
  transfer.settled = now;
}

void Network::CountSent(Node& node, absl::Duration since, double rate) {
  while (since < time_.now()) {
    const int64_t period = since / period_;
    const absl::Duration until = std::min(time_.now(), period_ * (period + 1));
    if (node.sent_per_period.size() <= static_cast<size_t>(period)) {
      node.sent_per_period.resize(static_cast<size_t>(period) + 1);
    }
    node.sent_per_period[static_cast<size_t>(period)] += rate * absl::ToDoubleSeconds(until - since);
    since = until;
  }
}

// Gives the uplink to its transfers: those whose receivers can take less than their share first, and to the
// rest their shares of what is left.
void Network::Share(NodeIndex from) {
  const Node& node = nodes_[from.value()];
  caps_.clear();
  double weights = 0;
  for (const TransferIndex index : node.outbound) {
    Transfer& transfer = transfers_[index.value()];
    Settle(transfer);
    const Node& receiver = nodes_[transfer.to.value()];
    const bool stands = node.frozen || receiver.frozen;
    const double cap = stands ? 0 : receiver.down / static_cast<double>(receiver.inbound.size());
    caps_.emplace_back(cap / transfer.weight, index);
    weights += transfer.weight;
  }
  std::sort(caps_.begin(), caps_.end());
  double left = node.up;
  for (const auto& [cap, index] : caps_) {
    Transfer& transfer = transfers_[index.value()];
    const double rate = transfer.weight * std::min(cap, left / weights);
    left -= rate;
    weights -= transfer.weight;
    if (transfer.rate == rate) continue;
    transfer.rate = rate;
    Schedule(index);
  }
}

// Called after a transfer into `to` began or ended. The downlink matters only to the senders that it limits.
void Network::ShareInto(NodeIndex to) {
  Node& node = nodes_[to.value()];
  double asked = 0;
  for (const TransferIndex index : node.inbound) asked += nodes_[transfers_[index.value()].from.value()].up;
  const bool was_crowded = std::exchange(node.crowded, asked > node.down);
  if (!node.crowded && !was_crowded) return;
  std::vector<NodeIndex> senders;
  for (const TransferIndex index : node.inbound) senders.push_back(transfers_[index.value()].from);
  for (const NodeIndex sender : senders) Share(sender);
}

void Network::Schedule(TransferIndex index) {
  Transfer& transfer = transfers_[index.value()];
  const uint64_t version = ++transfer.version;
  if (transfer.rate <= 0) return;
  // The milestones: more progress is due, the last byte is handed over, the last byte leaves.
  double milestone = std::max(0.0, transfer.told_at);
  if (!transfer.handed_over) milestone = std::max(milestone, double{1} * traits_.kernel_bytes);
  const double until_milestone = std::max(0.0, transfer.left - milestone);
  time_.After(absl::Seconds(until_milestone / transfer.rate), [this, index, version] {
    if (transfers_[index.value()].version == version) ReachMilestone(index);
  });
}

void Network::ReachMilestone(TransferIndex index) {
  Transfer& transfer = transfers_[index.value()];
  Settle(transfer);
  if (transfer.left > kNothing && transfer.left <= transfer.told_at + kNothing) {
    transfer.told_at -= traits_.progress_bytes;
    const std::function<void()> told = transfer.watcher.moved;
    Schedule(index);
    return told();
  }
  if (!transfer.handed_over && transfer.left <= traits_.kernel_bytes + kNothing) {
    transfer.handed_over = true;
    const std::function<void()> told = transfer.watcher.handed_over;
    Schedule(index);
    return told();
  }
  if (transfer.left > kNothing) return Schedule(index);
  Remove(index);
  time_.After(traits_.latency, [this, index] {
    const std::function<void()> told = std::move(transfers_[index.value()].watcher.arrived);
    free_.push_back(index);
    told();
  });
}

void Network::Remove(TransferIndex index) {
  Transfer& transfer = transfers_[index.value()];
  const NodeIndex from = transfer.from;
  const NodeIndex to = transfer.to;
  transfer.alive = false;
  transfer.rate = 0;
  ++transfer.version;
  std::erase(nodes_[from.value()].outbound, index);
  std::erase(nodes_[to.value()].inbound, index);
  Share(from);
  ShareInto(to);
}

}  // namespace shoal::sim
