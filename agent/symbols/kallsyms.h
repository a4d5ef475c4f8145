// Kernel symbols, from /proc/kallsyms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"

namespace waitscope {

struct KernelSymbol {
  std::string_view name;    // valid as long as the Kallsyms it came from
  std::string_view module;  // "[kernel]", "[ext4]", "[bpf]"
};

// A sorted index over the functions of the running kernel, its modules and its BPF programs.
class Kallsyms {
 public:
  static Kallsyms Parse(std::string_view text);
  // Fails when the file cannot be read, or when the kernel hides the addresses.
  static absl::StatusOr<Kallsyms> Load(const std::string& path);

  std::optional<KernelSymbol> Lookup(uint64_t address) const;
  size_t size() const { return entries_.size(); }
  size_t bytes() const;
  // Every address was zero: kptr_restrict, or no CAP_SYSLOG.
  bool hidden() const { return entries_.empty() && zero_addresses_ > 0; }

 private:
  struct Entry {
    uint64_t address;
    uint32_t name;    // offset in names_, which ends each name with a zero byte
    uint32_t module;  // index in modules_
  };

  void AddLine(std::string_view text);
  void Finish();
  uint32_t ModuleIndex(std::string_view module);

  std::vector<Entry> entries_;
  std::string names_;
  std::vector<std::string> modules_{"[kernel]"};
  absl::flat_hash_map<std::string, uint32_t> module_index_;
  uint64_t zero_addresses_ = 0;
};

}  // namespace waitscope
