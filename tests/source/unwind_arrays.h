// The maps that the kernel side would unwind with, made without it. Takes root.
#pragma once

#include <bpf/bpf.h>

#include <cstddef>
#include <cstdint>

#include "agent/os/unique_fd.h"
#include "agent/source/unwind_maps.h"
#include "bpf/unwind/capture.h"
#include "bpf/unwind/hotspot.h"
#include "bpf/unwind/python.h"

namespace waitscope {

class UnwindArrays {
 public:
  UnwindArrays(size_t row_words, size_t page_words)
      : rows_(Array(ChunksFor(row_words), UNWIND_CHUNK_WORDS * sizeof(uint32_t))),
        pages_(Array(ChunksFor(page_words), UNWIND_CHUNK_WORDS * sizeof(uint32_t))) {}

  UnwindMapFds fds() const {
    return {.rows = rows_.get(),
            .pages = pages_.get(),
            .rules = rules_.get(),
            .mappings = mappings_.get(),
            .processes = processes_.get(),
            .pythons = pythons_.get(),
            .hotspots = hotspots_.get()};
  }

 private:
  static constexpr uint32_t kProcesses = 4096;

  static UniqueFd Array(uint32_t entries, uint32_t entry_bytes) {
    bpf_map_create_opts options{};
    options.sz = sizeof(options);
    options.map_flags = BPF_F_MMAPABLE;
    return UniqueFd(bpf_map_create(BPF_MAP_TYPE_ARRAY, nullptr, sizeof(uint32_t), entry_bytes,
                                   entries, &options));
  }
  static UniqueFd ByProcess(uint32_t entry_bytes) {
    return UniqueFd(bpf_map_create(BPF_MAP_TYPE_HASH, nullptr, sizeof(uint32_t), entry_bytes,
                                   kProcesses, nullptr));
  }
  static uint32_t ChunksFor(size_t words) {
    return static_cast<uint32_t>((words + UNWIND_CHUNK_WORDS - 1) / UNWIND_CHUNK_WORDS);
  }

  UniqueFd rows_;
  UniqueFd pages_;
  UniqueFd rules_ = Array(UNWIND_MAX_RULES, sizeof(unwind_rule));
  UniqueFd mappings_ = Array(64 * kProcesses, sizeof(unwind_mapping));
  UniqueFd processes_ = ByProcess(sizeof(unwind_process));
  UniqueFd pythons_ = Array(PYTHON_MAX_LAYOUTS, sizeof(python_layout));
  UniqueFd hotspots_ = ByProcess(sizeof(hotspot_code));
};

}  // namespace waitscope
