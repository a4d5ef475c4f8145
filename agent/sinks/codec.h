// The core's snapshots as the messages people ask for. Pure: a snapshot already merged and
// already narrowed to the target goes in, one whole answer comes out.
#pragma once

#include <optional>
#include <string_view>

#include "agent/core/snapshot.h"
#include "agent/core/target.h"
#include "agent/diagnose/finding.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope {

enum class ProfileKind { kOffCpu, kOnCpu, kWall, kRunQueue, kDisk, kLock, kWaker };

// "off-cpu" and so on; empty means off-cpu; nothing for a word that is no kind.
std::optional<ProfileKind> ParseProfileKind(std::string_view word);
std::string_view ProfileKindWord(ProfileKind kind);

// `view` is the middle of the schema's name: "threads" gives "waitscope.threads/v1".
v1::Header EncodeHeader(const Snapshot& snapshot, std::string_view view);

v1::ProcessesResponse EncodeProcesses(const Snapshot& snapshot);
v1::ThreadsResponse EncodeThreads(const Snapshot& snapshot);
v1::ProfileResponse EncodeProfile(const Snapshot& snapshot, ProfileKind kind);
v1::WakersResponse EncodeWakers(const Snapshot& snapshot);
v1::IoResponse EncodeIo(const Snapshot& snapshot);
v1::RunQueueResponse EncodeRunQueue(const Snapshot& snapshot);
v1::SyscallsResponse EncodeSyscalls(const Snapshot& snapshot);
v1::Snapshot EncodeSnapshot(const Snapshot& snapshot);

// Of the whole machine's snapshot, the processes a target is in.
v1::PoolsResponse EncodePools(const Snapshot& machine, const Target& target);
v1::LoopsResponse EncodeLoopTurns(const Snapshot& machine, const Target& target);
v1::LocksResponse EncodeLocks(const Snapshot& machine, const Target& target);

v1::Diagnosis EncodeDiagnosis(const Snapshot& snapshot, const Findings& findings);
google::protobuf::RepeatedPtrField<v1::Finding> EncodeFindings(const Snapshot& snapshot,
                                                               const Findings& findings);
// Which and since when, without their proof.
google::protobuf::RepeatedPtrField<v1::Finding> EncodeFindingNames(const Snapshot& snapshot,
                                                                   const Findings& findings);

}  // namespace waitscope
