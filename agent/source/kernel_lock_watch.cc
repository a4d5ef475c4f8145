#include "agent/source/kernel_lock_watch.h"

#include <bpf/bpf.h>
#include <malloc.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/source/map_reader.h"

namespace waitscope {
namespace {

// Where no thread can be had any more, by whoever asks for the result.
template <typename Work>
auto OnItsOwnThread(Work work) {
  return std::async(std::launch::async | std::launch::deferred, std::move(work));
}

template <typename Result>
bool IsReady(const std::future<Result>& result) {
  return result.valid() && result.wait_for(std::chrono::seconds(0)) != std::future_status::timeout;
}

kernel_lock_event ToEvent(const kernel_lock_key& key, const kernel_lock_totals& totals) {
  kernel_lock_event event{};
  event.hdr = {EVENT_kernel_lock, sizeof(event)};
  event.pid = key.pid;
  event.lock_kind = key.lock_kind;
  event.role = key.role;
  event.lock = key.lock;
  event.owner = key.owner;
  event.waits = totals.waits;
  event.wait_ns = totals.wait_ns;
  event.wait_max_ns = totals.wait_max_ns;
  return event;
}

}  // namespace

void KernelLockWatch::Want(bool wanted, uint64_t now_ns) {
  wanted_ = wanted;
  if (!wanted) programs_.reset();
  Follow(now_ns);
}

void KernelLockWatch::Follow(uint64_t now_ns) {
  if (IsReady(loading_)) TakeLoaded(now_ns);
  if (!wanted_ || watching() || loading() || !pause_.IsDue(now_ns)) return;
  loading_ = OnItsOwnThread([load = prepare_()] {
    absl::StatusOr<Programs> programs = load();
    malloc_trim(0);  // loading parsed the kernel's BTF
    return programs;
  });
}

void KernelLockWatch::TakeLoaded(uint64_t now_ns) {
  absl::StatusOr<Programs> programs = loading_.get();
  failure_ = programs.status();
  if (!programs.ok()) {
    pause_.Failed(now_ns);
    return;
  }
  pause_.Succeeded();
  programs_ = *std::move(programs);
  ++generation_;
  if (!wanted_) programs_.reset();
}

std::string KernelLockWatch::WhyNot() const {
  if (failure_.ok()) return "";
  return absl::StrCat("locks of the kernel are told by stacks alone: ", failure_.message(),
                      "; tried again ", pause_.pause_ns() / 1'000'000'000,
                      " s later, when somebody asks");
}

std::vector<ProgramReport> KernelLockWatch::Reports() const {
  return programs_ && programs_->object ? programs_->object->Programs()
                                        : std::vector<ProgramReport>();
}

// A process may meet more locks in its life than the map has room for: once half of it is used up,
// all is taken out, and those that are waited for again begin anew.
absl::Status KernelLockWatch::Read(uint64_t now_ns, absl::FunctionRef<void(const Event&)> fold) {
  if (!watching()) return absl::OkStatus();
  size_t found = 0;
  absl::Status status = ForEachEntry<kernel_lock_key, kernel_lock_totals>(
      programs_->waits.get(), crowded_ ? MapRead::kRemove : MapRead::kKeep,
      [&](const kernel_lock_key& key, const kernel_lock_totals& totals) {
        kernel_lock_event event = ToEvent(key, totals);
        event.generation = generation_;
        event.at_ns = now_ns;
        fold(event);
        ++found;
      });
  if (crowded_) ++generation_;
  crowded_ = !crowded_ && IsHalfFull(programs_->waits.get(), found);
  return status;
}

void KernelLockWatch::GiveUp(const absl::Status& why, uint64_t now_ns) {
  programs_.reset();
  failure_ = why;
  pause_.Failed(now_ns);
}

}  // namespace waitscope
