#include "agent/python/code_cache.h"

#include <iterator>
#include <utility>

namespace waitscope {

size_t CodeCache::BytesOf(const Entry& entry) {
  constexpr size_t kIndexBytes = 64;
  return sizeof(entry) + kIndexBytes + entry.code.qualified_name.capacity() +
         entry.code.filename.capacity() + entry.code.line_table.capacity();
}

void CodeCache::Forget(Entries::iterator entry) {
  bytes_ -= BytesOf(*entry);
  index_.erase(entry->key);
  entries_.erase(entry);
}

void CodeCache::Put(const Key& key, CodeObject code) {
  entries_.push_front({key, std::move(code)});
  index_[key] = entries_.begin();
  bytes_ += BytesOf(entries_.front());
  while (bytes_ > max_bytes_ && entries_.size() > 1) Forget(std::prev(entries_.end()));
}

const CodeObject* CodeCache::Find(Life life, uint64_t address, const PythonLayout* layout,
                                  const ReadMemory& read) {
  const Key key{life.pid, life.start_ticks, address};
  const auto known = index_.find(key);
  if (known != index_.end()) {
    const auto entry = known->second;
    entries_.splice(entries_.begin(), entries_, entry);
    const auto now = layout == nullptr ? std::nullopt : ReadCodeIdentity(*layout, address, read);
    if (!now || *now == entry->code.identity) return &entry->code;
    Forget(entry);
  }
  if (layout == nullptr) return nullptr;
  std::optional<CodeObject> code = ReadCodeObject(*layout, address, read);
  if (!code) return nullptr;
  Put(key, *std::move(code));
  return &entries_.front().code;
}

}  // namespace waitscope
