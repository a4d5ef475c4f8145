// Debug files that are not on this machine: asked for one after the other, beside all else.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "agent/symbols/debug_store.h"

namespace waitscope {

class DebugFetcher {
 public:
  // Gets the debug file of a build id, as a file that may be moved away. NotFound: there is none.
  // Unavailable: it may come when asked for again. Back within seconds once `give_up` is true.
  using Fetch = std::function<absl::StatusOr<std::string>(const std::string& build_id,
                                                          const std::atomic<bool>& give_up)>;
  struct Options {
    size_t max_waiting = 256;
    size_t max_known = 16'384;
    // So long an answer stands: servers say "not found" also when they are ill, and a file that
    // came may have had to make room.
    uint64_t stands_ns = 3'600'000'000'000;
    // What is unavailable is asked for three times more, after this, six times and 36 times as
    // long: nobody else would ask, for stacks are named once.
    uint64_t retry_ns = 5'000'000'000;
  };
  struct Stats {
    uint64_t asked = 0;  // and answered, each time: found, missing or failed
    uint64_t found = 0;
    uint64_t missing = 0;
    uint64_t failed = 0;
    uint64_t bytes = 0;        // of what was found
    size_t waiting = 0;        // the one that is asked for now among them
    bool failing = false;      // the last answer was a failure
    std::string last_failure;  // empty: there was none
  };

  DebugFetcher(DebugStore store, Fetch fetch, Options options);
  DebugFetcher(const DebugFetcher&) = delete;
  DebugFetcher& operator=(const DebugFetcher&) = delete;
  // Gives up what is under way.
  ~DebugFetcher();

  // The functions of a file with this build id have no names. Never waits: when too many are
  // wanted already, this one is forgotten, and asked for when it is wanted again.
  void Want(const std::string& build_id);

  // How many files have come. Which ones, since this was asked last.
  uint64_t arrivals() const { return arrivals_; }
  std::vector<std::string> TakeArrived();

  const std::string& directory() const { return store_.directory(); }
  Stats stats() const;

 private:
  struct Wanted {
    std::string build_id;
    uint64_t not_before_ns = 0;
    int tries = 0;
  };

  void Run();
  bool MakeRoom();
  size_t CountWaiting() const { return waiting_.size() + (asking_ ? 1 : 0); }
  // What may be asked for now. Nothing: then not for so long, if anything waits.
  std::optional<Wanted> TakeDue(uint64_t now_ns, uint64_t& patience_ns);
  absl::StatusOr<uint64_t> FetchNow(const std::string& build_id) const;
  void Note(Wanted wanted, const absl::StatusOr<uint64_t>& bytes);
  void TryAgain(Wanted wanted);

  const DebugStore store_;
  const Fetch fetch_;
  const Options options_;
  std::atomic<bool> stopping_ = false;
  std::atomic<uint64_t> arrivals_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable wanted_;
  std::deque<Wanted> waiting_;
  bool asking_ = false;
  // By build id: when it may be asked for again.
  absl::flat_hash_map<std::string, uint64_t> known_;
  std::vector<std::string> arrived_;
  Stats stats_;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace waitscope
