// Code objects already read, the least recently used forgotten first: names outlive their process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "agent/python/code_object.h"

namespace waitscope {

class CodeCache {
 public:
  // One life of a process id.
  struct Life {
    uint32_t pid = 0;
    uint64_t start_ticks = 0;
  };

  explicit CodeCache(size_t max_bytes) : max_bytes_(max_bytes) {}

  // The code object at `address`, read if it is not known or another one lies there by now.
  // `layout` and `read` are null when the process is gone. Null when nobody read it in time; valid
  // until the next call.
  const CodeObject* Find(Life life, uint64_t address, const PythonLayout* layout,
                         const ReadMemory& read);

  size_t bytes() const { return bytes_; }

 private:
  using Key = std::tuple<uint32_t, uint64_t, uint64_t>;
  struct Entry {
    Key key;
    CodeObject code;
  };
  using Entries = std::list<Entry>;

  static size_t BytesOf(const Entry& entry);
  void Put(const Key& key, CodeObject code);
  void Forget(Entries::iterator entry);

  const size_t max_bytes_;
  size_t bytes_ = 0;
  Entries entries_;  // the most recently used first
  absl::flat_hash_map<Key, Entries::iterator> index_;
};

}  // namespace waitscope
