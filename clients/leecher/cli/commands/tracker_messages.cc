#include "clients/leecher/cli/commands/tracker_messages.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/terminal/event_teller.h"
#include "clients/leecher/cli/terminal/terminal_text.h"

namespace shoal::leecher {

std::function<void(const tracking::TrackerUrl&, const absl::Status&)> TrackerMessages::OnTracker() {
  return [this](const tracking::TrackerUrl& tracker, const absl::Status& status) {
    std::string text = TellTracker(tracker, status);
    MutexLock lock(&mutex_);
    messages_.push_back({std::move(text), true});
  };
}

std::function<void(const tracking::ContentSummary&, const absl::Status&)> TrackerMessages::OnRejected() {
  return [this](const tracking::ContentSummary& content, const absl::Status& why) {
    std::string text =
        absl::StrCat("a tracker does not take ", Printable(content.name),
                     ", so peers will not find it here: ", Printable(std::string(why.message())));
    MutexLock lock(&mutex_);
    messages_.push_back({std::move(text), false});
  };
}

void TrackerMessages::Print(Console& console, bool with_reachability) {
  std::vector<Message> messages;
  {
    MutexLock lock(&mutex_);
    messages.swap(messages_);
  }
  for (const Message& message : messages) {
    if (!message.reachability) {
      console.Error(message.text);
    } else if (with_reachability) {
      console.Say(message.text);
    }
  }
}

}  // namespace shoal::leecher
