# waitscope_bpf_objects(target NAMES...): compiles bpf/probes/NAME.bpf.c for each name and makes a
# library `target` that carries the objects as bytes: no compiler is needed at run time.
find_program(BPF_CLANG NAMES clang clang-14 REQUIRED)
find_program(LLVM_STRIP NAMES llvm-strip llvm-strip-14 REQUIRED)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(BPF_ARCH x86)
else()
  message(FATAL_ERROR "no vmlinux.h for ${CMAKE_SYSTEM_PROCESSOR}: see bpf/vmlinux")
endif()

# -mcpu=v2: compilers from LLVM 20 on default to v3, whose atomics kernel 5.10 refuses.
set(BPF_FLAGS -target bpf -mcpu=v2 -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter
    -D__TARGET_ARCH_${BPF_ARCH} -I${CMAKE_SOURCE_DIR} -I${CMAKE_SOURCE_DIR}/bpf/vmlinux/${BPF_ARCH}
    -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE} -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)

function(waitscope_bpf_objects target)
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bpf/*.h ${CMAKE_SOURCE_DIR}/bpf/*.def
       ${CMAKE_SOURCE_DIR}/bpf/unwind/*.h ${CMAKE_SOURCE_DIR}/bpf/unwind/*.def
       ${CMAKE_SOURCE_DIR}/kernel-compat/*.h)
  set(assembly "\t.section .note.GNU-stack,\"\",@progbits\n\t.section .rodata\n")
  foreach(name ${ARGN})
    set(source ${CMAKE_SOURCE_DIR}/bpf/probes/${name}.bpf.c)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${BPF_CLANG} ${BPF_FLAGS} -c ${source} -o ${object}
      COMMAND ${LLVM_STRIP} -g ${object}
      DEPENDS ${source} ${headers}
      COMMENT "BPF ${name}"
      VERBATIM)
    list(APPEND objects ${object})
    string(APPEND assembly "\t.balign 16\n\t.global bpf_object_${name}\nbpf_object_${name}:\n"
           "\t.incbin \"${object}\"\n\t.global bpf_object_${name}_end\nbpf_object_${name}_end:\n")
  endforeach()
  set(carrier ${CMAKE_CURRENT_BINARY_DIR}/${target}.S)
  file(CONFIGURE OUTPUT ${carrier} CONTENT "${assembly}" @ONLY)
  set_source_files_properties(${carrier} PROPERTIES OBJECT_DEPENDS "${objects}" LANGUAGE ASM)
  add_library(${target} STATIC ${carrier})
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE CXX)
endfunction()
