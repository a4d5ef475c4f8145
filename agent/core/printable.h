#pragma once

#include <string>
#include <string_view>

namespace waitscope {

// `text` as valid UTF-8 without control characters, each other byte a question mark. Names come
// from files anybody can write: they must neither steer a terminal nor make a message unreadable
// (protobuf refuses strings that are not UTF-8).
std::string Printable(std::string_view text);

}  // namespace waitscope
