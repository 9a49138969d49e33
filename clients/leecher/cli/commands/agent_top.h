#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/leecher/agent/api/grpc_agent.h"
#include "clients/leecher/cli/commands/agent_text.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/interrupts.h"
#include "clients/leecher/cli/terminal/keys.h"

namespace shoal::leecher {

// `top`: an agent's downloads, redrawn as they change, with keys to choose one, pause and resume it, look
// into it, and sort. Ends with 'q' and Ctrl-C.
//
// Thread safety: one thread. The arguments must outlive it.
class AgentTop {
 public:
  AgentTop(AgentClient& agent, Console& console, Interrupts& interrupts)
      : agent_(agent), console_(console), interrupts_(interrupts) {}

  // Requires: console.live(). Errors: those of the agent.
  absl::Status Run();

 private:
  using Json = agent_text::Json;
  enum class Order { kRate, kName, kDone, kSize, kAdded };
  static constexpr int kOrders = 5;

  void Apply(const Json& message);
  absl::Status Press(Key key);
  void Sort();
  void Move(int by);
  const Json* Chosen() const;  // null: there is none
  void Draw();
  std::vector<std::string> Overview(int width, size_t most) const;
  absl::StatusOr<std::vector<std::string>> Inside(int width);

  AgentClient& agent_;
  Console& console_;
  Interrupts& interrupts_;
  std::map<uint64_t, Json> downloads_;
  Json totals_ = Json::object();
  std::vector<uint64_t> shown_;  // ids, in order
  std::optional<uint64_t> chosen_;
  Order order_ = Order::kRate;
  bool inside_ = false;  // looks into the chosen one
  bool over_ = false;
  std::string trouble_;  // of the last key
};

}  // namespace shoal::leecher
