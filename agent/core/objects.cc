#include "agent/core/objects.h"

#include <cstring>
#include <utility>

namespace waitscope {

// Padding is explicit and zeroed by whoever makes the record, so bytes decide.
bool ObjectLess::operator()(const wait_object& a, const wait_object& b) const {
  return std::memcmp(&a, &b, sizeof(a)) < 0;
}

ObjectInterner::ObjectInterner(std::vector<wait_object> objects) : objects_(std::move(objects)) {
  for (uint32_t index = 1; index < objects_.size(); ++index) {
    indices_.emplace(objects_[index], index);
  }
}

uint32_t ObjectInterner::Intern(const wait_object& object) {
  if (object.kind == OBJECT_none) return 0;
  const auto [at, added] = indices_.try_emplace(object, objects_.size());
  if (added) objects_.push_back(object);
  return at->second;
}

}  // namespace waitscope
