// Gives equal wait objects one index in a snapshot's table. Index 0 is "none".
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "bpf/events.h"

namespace waitscope {

struct ObjectLess {
  bool operator()(const wait_object& a, const wait_object& b) const;
};

class ObjectInterner {
 public:
  // Goes on with an existing table; its first entry is the "none".
  explicit ObjectInterner(std::vector<wait_object> objects);
  ObjectInterner() : ObjectInterner(std::vector<wait_object>(1)) {}

  uint32_t Intern(const wait_object& object);

  std::vector<wait_object> Take() && { return std::move(objects_); }

 private:
  std::vector<wait_object> objects_;
  std::map<wait_object, uint32_t, ObjectLess> indices_;
};

}  // namespace waitscope
