#include "agent/symbols/symbol_cache.h"

#include <iterator>
#include <utility>
#include <vector>

namespace waitscope {

std::shared_ptr<const ElfSymbols> SymbolCache::Get(const FileKey& key) {
  const auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->symbols;
}

void SymbolCache::Put(const FileKey& key, std::shared_ptr<const ElfSymbols> symbols) {
  if (const auto known = index_.find(key); known != index_.end()) Remove(known->second);
  const size_t bytes = symbols->bytes();
  entries_.push_front({key, std::move(symbols), bytes});
  index_.emplace(key, entries_.begin());
  bytes_ += bytes;
  while (bytes_ > max_bytes_ && entries_.size() > 1) Remove(std::prev(entries_.end()));
}

void SymbolCache::Complete(const std::string& build_id, const DebugFile& debug) {
  std::vector<std::pair<FileKey, std::shared_ptr<const ElfSymbols>>> lacking;
  for (const Entry& entry : entries_) {
    const bool lacks = entry.symbols->stripped() && entry.symbols->build_id() == build_id;
    if (lacks) lacking.emplace_back(entry.key, entry.symbols);
  }
  for (const auto& [key, symbols] : lacking) {
    Put(key, std::make_shared<const ElfSymbols>(symbols->With(debug)));
  }
}

void SymbolCache::Remove(std::list<Entry>::iterator entry) {
  bytes_ -= entry->bytes;
  index_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace waitscope
