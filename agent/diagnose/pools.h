// Threads of one process that look alike: they are judged together, since an idle worker and a
// starved one wait alike.
#pragma once

#include <string>
#include <vector>

#include "agent/diagnose/machine.h"

namespace waitscope {

struct Pool {
  std::string name;  // of its threads, without digits
  std::vector<const ThreadView*> members;
};

// The name of its pool, if it has one: its own without digits.
std::string PoolNameOf(const ThreadView& thread);

// Where a thread of a pool is while it waits.
enum class Place : uint8_t {
  kHome,     // idle: at its queue, at a poll, or for a client's next request
  kTask,     // in the middle of a task
  kUnclear,  // either
};
Place PlaceOf(Nature nature);

// All threads but the main one, by name without digits, however many and however long they lived.
std::vector<Pool> NamedAlikeIn(const ProcessView& process);

// Groups of at least two threads of one name, without the main thread and without those that were
// there for less than half of the window: they do not wait for a next task.
std::vector<Pool> PoolsOf(const MachineView& machine, const ProcessView& process);

// The function a thread began at, as far as its stacks reach its root; empty: not known. Threads of
// one name may be of several pools (all of Node's are "node").
std::string EntryOf(const MachineView& machine, const ThreadView& thread);

// Whether others ask this process for something: it accepts connections, or is asked over one that
// is kept.
bool ServesRequests(const ProcessView& process);

// The same where what it accepts and answers may not have been counted: then whoever listens, or
// holds connections that others made, may be asked.
bool MayServeRequests(const MachineView& machine, const ProcessView& process);

// Whether system calls were counted of any of its threads.
bool IsCounted(const ProcessView& process);

// Whether another thread of the process keeps being busy, at least as often as the pool's jobs end,
// as one that hands them out is.
bool HasDispatcher(const MachineView& machine, const ProcessView& process, const Pool& pool,
                   double jobs);

// How often it sent something over a connection.
uint64_t SentBy(const ThreadView& thread);

// The same with all it wrote, be it to a connection or a file.
uint64_t SendsOf(const ThreadView& thread);

// How often it received something, if it polls for that and answers less than half of it, and asks
// nobody: others of its process have to answer. Else 0. Plain reads may be of anything: so many of
// them count, at most.
double HandsOn(const ThreadView& thread, uint64_t most_reads);

// As often as something came over a connection and something was sent over one.
uint64_t ExchangesOf(const ThreadView& thread);

// Whether it waits for a connection to be made: nothing was asked by then.
bool IsForConnection(const WaitSite& site);
double WaitsToConnect(const ThreadView& thread);

// How many of its exchanges others began: whoever asks waits for each answer, while a question lies
// there already or is waited for on the asked side.
double ExchangesForOthers(const ThreadView& thread);

// How many waits for an answer, in other processes of this machine, these threads of one process
// ended: seen without counted calls, and proof that somebody waits for them.
// By thread: all such waits that it ended.
std::map<ThreadKey, double> AnswersByThread(const MachineView& machine);
double AnsweredBy(const MachineView& machine, const std::vector<const ThreadView*>& threads);

// Whether it is one of HotSpot's own that run no Java: they come round by the clock, or when code
// is to be compiled or memory to be collected.
bool IsOfTheRuntime(const MachineView& machine, const ThreadView& thread);

// Whether it waited for those connected to us: for what they ask, or for them to read the answer.
bool WaitsForClients(const ThreadView& thread);

// Whether it is a thread of the process that others ask by itself.
bool IsAsked(const ProcessView& process, const ThreadView& thread);

// Whether it is known that no thread sent anything.
bool AnswersNobody(const ProcessView& process);

}  // namespace waitscope
