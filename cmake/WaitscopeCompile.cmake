# Compiler settings shared by every C++ target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

option(WAITSCOPE_RELEASE "Link-time optimisation and hardening" OFF)
option(WAITSCOPE_FUZZ "Build the libFuzzer harnesses (needs clang)" OFF)
set(WAITSCOPE_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

if(WAITSCOPE_SANITIZE)
  add_compile_options(-fsanitize=${WAITSCOPE_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${WAITSCOPE_SANITIZE})
endif()
if(WAITSCOPE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined)
  add_link_options(-fsanitize=address,undefined)
endif()
if(WAITSCOPE_RELEASE)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
  add_compile_options(-fstack-protector-strong -D_FORTIFY_SOURCE=2)
  add_link_options(-Wl,-z,relro,-z,now)
endif()

# Warnings are errors in our own code; generated code is compiled without them.
add_library(waitscope_warnings INTERFACE)
# Designated initializers that name only what differs from the default are how we write structs.
target_compile_options(waitscope_warnings INTERFACE -Wall -Wextra -Wpedantic -Werror
                       -Wno-missing-field-initializers)

# waitscope_library(name SOURCES ... LINK ...): a static library of ours, with our warnings.
function(waitscope_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} PRIVATE waitscope_warnings)
endfunction()

# waitscope_test(name SOURCES ... LINK ...): a GoogleTest program, run case by case by ctest.
function(waitscope_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest_main
                                        waitscope_warnings)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS unit)
endfunction()
