// Names as they are shown, by where they lie in a file: the same calls stand in stack after stack,
// and reading and demangling a name takes longer than all else about a frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "agent/os/file_access.h"

namespace waitscope {

// Forgets everything at once when full: what is in use is soon back.
class NameCache {
 public:
  explicit NameCache(size_t max_names) : max_names_(max_names) {}

  // Null when it is not known. Empty: the file has no name for it.
  const std::string* Find(const FileKey& file, uint64_t offset) const {
    const auto found = names_.find({file, offset});
    return found == names_.end() ? nullptr : &found->second;
  }

  void Put(const FileKey& file, uint64_t offset, std::string name) {
    if (names_.size() >= max_names_) names_.clear();
    names_.insert_or_assign({file, offset}, std::move(name));
  }

  void Clear() { names_.clear(); }

 private:
  size_t max_names_;
  absl::flat_hash_map<std::pair<FileKey, uint64_t>, std::string> names_;
};

}  // namespace waitscope
