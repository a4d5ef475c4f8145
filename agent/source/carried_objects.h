// The compiled BPF objects, carried inside the binary (cmake/WaitscopeBpf.cmake).
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace waitscope {

// The ELF file of bpf/probes/NAME.bpf.c, for the life of the program.
std::span<const std::byte> CarriedObject(std::string_view name);

}  // namespace waitscope
