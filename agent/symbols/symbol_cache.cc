#include "agent/symbols/symbol_cache.h"

#include <utility>

namespace waitscope {

std::shared_ptr<const ElfSymbols> SymbolCache::Get(const FileKey& key) {
  const auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->symbols;
}

void SymbolCache::Put(const FileKey& key, std::shared_ptr<const ElfSymbols> symbols) {
  if (index_.contains(key)) return;
  const size_t bytes = symbols->bytes();
  entries_.push_front({key, std::move(symbols), bytes});
  index_.emplace(key, entries_.begin());
  bytes_ += bytes;
  while (bytes_ > max_bytes_ && entries_.size() > 1) {
    bytes_ -= entries_.back().bytes;
    index_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

}  // namespace waitscope
