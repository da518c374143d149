# plyfs_room(NAME [LINKS target...] [TEST_LINKS target...])
#
# One room of the house: every *.cc of the folder becomes the static library plyfs_NAME, every *_test.cc
# its unit-test program NAME_test.  A room links only what stands left of it (docs/architecture.md);
# tools/lint checks the includes against the same order.
function(plyfs_room name)
  cmake_parse_arguments(ROOM "" "" "LINKS;TEST_LINKS;EXCLUDE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  foreach(pattern ${ROOM_EXCLUDE})
    list(FILTER sources EXCLUDE REGEX "${pattern}")
  endforeach()
  if(sources)
    add_library(plyfs_${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(plyfs_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(plyfs_${name} ${scope} ${CMAKE_SOURCE_DIR})
  target_link_libraries(plyfs_${name} ${scope} ${ROOM_LINKS} Threads::Threads)
  if(PLYFS_PCH AND sources)
    plyfs_precompile(plyfs_${name})
  endif()
  if(tests AND PLYFS_BUILD_TESTS)
    plyfs_gtest(${name}_test SOURCES ${tests} LINKS plyfs_${name} ${ROOM_TEST_LINKS})
    set_tests_properties(${name}_test PROPERTIES LABELS unit)
    add_dependencies(unit_tests ${name}_test)
  endif()
endfunction()

# Every test program that does not mount: what tools/dev test --quick builds; and those of the rooms alone: --unit.
add_custom_target(quick_tests)
add_custom_target(unit_tests)

# plyfs_gtest(NAME SOURCES file... LINKS target... [MOUNTS]): a GoogleTest program registered with CTest as one
# test.  MOUNTS: it needs real mounts.
function(plyfs_gtest name)
  cmake_parse_arguments(T "MOUNTS" "" "SOURCES;LINKS" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE ${T_LINKS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  if(PLYFS_PCH)
    plyfs_precompile_test(${name})
  endif()
  add_test(NAME ${name} COMMAND ${name})
  if(T_MOUNTS)
    set_tests_properties(${name} PROPERTIES LABELS mount RUN_SERIAL ON)
  else()
    add_dependencies(quick_tests ${name})
  endif()
endfunction()

# The heaviest headers of the standard library and abseil, compiled once: halves the time of most files.
set(PLYFS_PRECOMPILED
  <array> <atomic> <functional> <memory> <optional> <string> <string_view> <variant> <vector>
  <condition_variable> <mutex> <shared_mutex> <absl/container/flat_hash_map.h> <absl/container/flat_hash_set.h>)

function(plyfs_precompile target)
  plyfs_pch_without_time(${target})
  if(target STREQUAL "plyfs_base")
    target_precompile_headers(plyfs_base PRIVATE ${PLYFS_PRECOMPILED})
  else()
    target_precompile_headers(${target} REUSE_FROM plyfs_base)
  endif()
endfunction()

# The same for test programs, GoogleTest with it.
function(plyfs_precompile_test target)
  if(NOT TARGET plyfs_test_headers)
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/test_headers.cc CONTENT "")  # not newer with each configuring
    add_library(plyfs_test_headers OBJECT ${CMAKE_BINARY_DIR}/test_headers.cc)
    target_link_libraries(plyfs_test_headers PRIVATE GTest::gtest GTest::gmock Threads::Threads)
    plyfs_pch_without_time(plyfs_test_headers)
    target_precompile_headers(plyfs_test_headers PRIVATE ${PLYFS_PRECOMPILED}
      <filesystem> <fstream> <map> <set> <sstream> <thread> <gmock/gmock.h> <gtest/gtest.h>)
  endif()
  plyfs_pch_without_time(${target})
  target_precompile_headers(${target} REUSE_FROM plyfs_test_headers)
endfunction()

# Without a time in it, the precompiled header is the same in every build, and ccache can use it.
function(plyfs_pch_without_time target)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endfunction()
