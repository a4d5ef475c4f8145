#include "agent/pipeline.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/os/clock.h"

namespace waitscope {
namespace {

// How soon a wait notices that it is to be given up.
constexpr std::chrono::milliseconds kPatience(50);
// A source may drop a request that meets a tick already under way.
constexpr int kPatiencesPerRequest = 10;

}  // namespace

Pipeline::Pipeline(Source& source, Symbolizer& symbolizer, Options options)
    : source_(source),
      replay_(options.replay),
      history_(options.history),
      publisher_(symbolizer, history_, diagnosis_, std::move(options.publisher), options.replay) {}

Pipeline::~Pipeline() { Stop(); }

void Pipeline::Start() {
  ingest_ = std::thread([this] { Ingest(); });
}

void Pipeline::Stop() {
  stopping_ = true;
  publisher_.Stop();
  if (ingest_.joinable()) ingest_.join();
}

absl::Status Pipeline::EndStatus() const {
  const std::lock_guard lock(mutex_);
  return end_status_;
}

void Pipeline::Ingest() {
  pthread_setname_np(pthread_self(), "ws-ingest");
  absl::StatusOr<bool> more = true;
  while (!stopping_ && more.ok() && *more) {
    RunTasks();
    FollowSuspicion();
    more = source_.Poll([this](const Event& event) { Take(event); });
  }
  publisher_.Drain();
  const std::lock_guard lock(mutex_);
  end_status_ = more.status();
  ended_ = true;
  for (const Task& task : tasks_) task();
  tasks_.clear();
}

void Pipeline::Take(const Event& event) {
  Hint(event);
  std::optional<Window> window = builder_.Fold(event);
  const bool ticked = std::holds_alternative<tick_event>(event);
  if (!taps_.empty()) FeedTaps(event, ticked);
  if (ticked && builder_.TakeStackLapse()) source_.DeliverStacksAgain();
  if (window) publisher_.Publish(*std::move(window));
}

// What can only be read while the process lives is read now, on the publisher's thread.
void Pipeline::Hint(const Event& event) {
  if (const auto* stack = std::get_if<stack_event>(&event); stack != nullptr && stack->pid != 0) {
    publisher_.ResolveEarly(RawStackOf(*stack));
  } else if (const auto* life = std::get_if<life_event>(&event);
             life != nullptr && life->kind == LIFE_exec) {
    publisher_.Remember(life->thread.pid);
  }
}

void Pipeline::FeedTaps(const Event& event, bool ticked) {
  std::erase_if(taps_, [](const auto& tap) { return tap.use_count() == 1; });
  for (const auto& tap : taps_) {
    if (tap->started()) {
      tap->Offer(event);
    } else if (ticked) {
      tap->Start([this](absl::FunctionRef<void(const Event&)> emit) { builder_.Baseline(emit); });
    }
  }
}

void Pipeline::Post(Task task) {
  const std::lock_guard lock(mutex_);
  if (ended_) {
    task();
  } else {
    tasks_.push_back(std::move(task));
  }
}

void Pipeline::RunTasks() {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (const Task& task : tasks) task();
}

void Pipeline::Attach(std::shared_ptr<RecordTap> tap) {
  Post([this, tap = std::move(tap)] { taps_.push_back(tap); });
}

absl::StatusOr<std::shared_ptr<void>> Pipeline::LeaseSyscalls(GiveUp give_up) {
  return Lease(kSyscalls, give_up);
}

absl::StatusOr<std::shared_ptr<void>> Pipeline::LeaseKernelLocks(GiveUp give_up) {
  absl::StatusOr<std::shared_ptr<void>> lease = Lease(kKernelLocks, give_up);
  while (lease.ok() && !stopping_ && !ended_ && !source_.KernelLocksSettled()) {
    if (give_up()) return absl::CancelledError("given up while programs were being attached");
    std::this_thread::sleep_for(kPatience);
  }
  return lease;
}

absl::StatusOr<std::shared_ptr<void>> Pipeline::Lease(Detail detail, GiveUp give_up) {
  auto result = std::make_shared<std::promise<absl::Status>>();
  const std::shared_future<absl::Status> attached = result->get_future();
  Post([this, detail, result] { result->set_value(BeginLease(detail)); });
  while (attached.wait_for(kPatience) != std::future_status::ready) {
    if (!give_up()) continue;
    Post([this, detail, attached] {  // runs after the task above
      if (attached.get().ok()) EndLease(detail);
    });
    return absl::CancelledError("given up while programs were being attached");
  }
  if (absl::Status status = attached.get(); !status.ok()) return status;
  return std::shared_ptr<void>(this, [detail](Pipeline* pipeline) {
    pipeline->Post([pipeline, detail] { pipeline->EndLease(detail); });
  });
}

absl::Status Pipeline::Want(Detail detail, bool wanted) {
  if (detail == kSyscalls) return source_.WantSyscalls(wanted);
  source_.WantKernelLocks(wanted);
  return absl::OkStatus();
}

absl::Status Pipeline::BeginLease(Detail detail) {
  absl::Status status = leases_.at(detail) == 0 ? Want(detail, true) : absl::OkStatus();
  if (status.ok()) ++leases_.at(detail);
  return status;
}

void Pipeline::EndLease(Detail detail) {
  if (--leases_.at(detail) == 0) Want(detail, false).IgnoreError();
}

void Pipeline::FollowSuspicion() {
  const bool suspects = diagnosis_.suspects_kernel_locks();
  if (suspects == std::exchange(suspects_, suspects)) return;
  if (suspects) {
    BeginLease(kKernelLocks).IgnoreError();
  } else {
    EndLease(kKernelLocks);
  }
}

absl::Status Pipeline::WhyNoMore() const {
  if (stopping_) return absl::UnavailableError("the agent is stopping");
  const absl::Status status = EndStatus();
  const bool usable = replay_ && history_.Usage().windows > 0;
  if (status.ok() || usable) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("measuring has ended: ", status.message()));
}

absl::StatusOr<uint64_t> Pipeline::WaitForEnd(uint64_t at_ns, GiveUp give_up) {
  for (;;) {
    const bool over = stopping_ || ended_;
    const auto patience = over ? std::chrono::milliseconds(0) : kPatience;
    if (const auto end_ns = history_.WaitForEnd(at_ns, patience)) return *end_ns;
    if (over) {
      if (absl::Status status = WhyNoMore(); !status.ok()) return status;
      return history_.Usage().end_ns;
    }
    if (give_up()) return absl::CancelledError("given up while waiting for a window to close");
  }
}

absl::StatusOr<uint64_t> Pipeline::Mark(GiveUp give_up) {
  const uint64_t asked_ns = MonotonicNs();
  source_.RequestTick();
  int patiences = 0;
  return WaitForEnd(asked_ns, [&] {
    if (++patiences % kPatiencesPerRequest == 0) source_.RequestTick();
    return give_up();
  });
}

absl::Status Pipeline::SleepUntil(uint64_t until_ns, GiveUp give_up) const {
  for (uint64_t now_ns = MonotonicNs(); now_ns < until_ns; now_ns = MonotonicNs()) {
    if (stopping_ || ended_) return WhyNoMore();
    if (give_up()) return absl::CancelledError("given up while time was passing");
    std::this_thread::sleep_for(
        std::min<std::chrono::nanoseconds>(kPatience, std::chrono::nanoseconds(until_ns - now_ns)));
  }
  return absl::OkStatus();
}

}  // namespace waitscope
