#include "services/seeder/folder/mailbox.h"

#include <sys/eventfd.h>

#include <thread>

#include <gtest/gtest.h>

namespace shoal::seeder {
namespace {

TEST(Mailbox, LettersWakeTheReaderAndArriveInOrder) {
  const auto mailbox = Mailbox::Create();
  ASSERT_TRUE(mailbox.ok());
  std::thread writer([&] {
    (*mailbox)->Put(StaleEntry{"a"});
    (*mailbox)->Put(StaleEntry{"b"});
  });
  std::vector<std::string> entries;
  while (entries.size() < 2) {
    (*mailbox)->Wait(-1, absl::InfiniteDuration());
    for (const Letter& letter : (*mailbox)->TakeAll()) entries.push_back(std::get<StaleEntry>(letter).entry);
  }
  writer.join();
  EXPECT_EQ(entries, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE((*mailbox)->TakeAll().empty());
}

TEST(Mailbox, WakeAndOtherDescriptorsEndTheWait) {
  const auto mailbox = Mailbox::Create();
  ASSERT_TRUE(mailbox.ok());
  (*mailbox)->Wake();
  (*mailbox)->Wait(-1, absl::InfiniteDuration());
  const FileDescriptor ready(::eventfd(1, EFD_CLOEXEC));
  (*mailbox)->Wait(ready.get(), absl::InfiniteDuration());
  (*mailbox)->Wait(-1, absl::ZeroDuration());
}

}  // namespace
}  // namespace shoal::seeder
