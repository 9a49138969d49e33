#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/seeder/catalog.h"
#include "shoal/base/mutex.h"

namespace shoal::seeder {

// A CatalogListener for tests: records all events, and lets the test's thread wait for them. Thread-safe.
class RecordingListener final : public CatalogListener {
 public:
  struct Record {
    std::vector<std::string> events;  // "published NAME", "withdrawn NAME", "problem ENTRY", ...
    std::map<std::string, std::shared_ptr<const OfferedSource>> published;  // those that are now, by name
    std::map<std::string, bool> from_cache;                // of the last publication, by name
    std::map<std::string, absl::Status> problems;          // by entry
    std::map<std::string, std::vector<LeftOut>> left_out;  // by entry
    bool first_scan_done = false;

    size_t Count(const std::string& event) const {
      size_t count = 0;
      for (const std::string& each : events) count += each == event ? 1 : 0;
      return count;
    }
  };

  // Blocks until `done` returns true for the record, and returns a copy of it.
  Record Wait(const std::function<bool(const Record&)>& done) {
    MutexLock lock(&mutex_);
    while (!done(record_)) changed_.Wait(&mutex_);
    return record_;
  }
  Record WaitForFirstScan() {
    return Wait([](const Record& record) { return record.first_scan_done; });
  }
  Record WaitForEvent(const std::string& event, size_t count = 1) {
    return Wait([&](const Record& record) { return record.Count(event) >= count; });
  }

  void OnPublished(const std::shared_ptr<const OfferedSource>& source, bool from_cache) override {
    const std::string& name = source->manifest()->name();
    Note(absl::StrCat("published ", name), [&](Record& record) {
      record.published[name] = source;
      record.from_cache[name] = from_cache;
    });
  }
  void OnWithdrawn(const std::shared_ptr<const Manifest>& manifest, const std::string&) override {
    Note(absl::StrCat("withdrawn ", manifest->name()),
         [&](Record& record) { record.published.erase(manifest->name()); });
  }
  void OnHashing(const std::string&, uint64_t, uint64_t) override {}
  void OnProblem(const std::string& entry, const absl::Status& why) override {
    Note(absl::StrCat("problem ", entry), [&](Record& record) { record.problems[entry] = why; });
  }
  void OnProblemOver(const std::string& entry, const std::string& message) override {
    Note(absl::StrCat("problem over ", entry), [&](Record& record) {
      const auto found = record.problems.find(entry);
      if (found != record.problems.end() && found->second.message() == message) record.problems.erase(found);
    });
  }
  void OnLeftOut(const std::string& entry, const std::vector<LeftOut>& left_out) override {
    Note(absl::StrCat("left out of ", entry), [&](Record& record) { record.left_out[entry] = left_out; });
  }
  void OnFirstScanDone(size_t contents) override {
    Note(absl::StrCat("first scan ", contents), [](Record& record) { record.first_scan_done = true; });
  }

 private:
  template <typename Change>
  void Note(std::string event, const Change& change) {
    MutexLock lock(&mutex_);
    record_.events.push_back(std::move(event));
    change(record_);
    changed_.NotifyAll();
  }

  Mutex mutex_;
  CondVar changed_;
  Record record_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::seeder
