# plyfs_room(NAME [LINKS target...] [TEST_LINKS target...] [TEST_SHARDS n])
#
# One room of the house: every *.cc of the folder becomes the static library plyfs_NAME, every *_test.cc
# its unit-test program NAME_test.  A room links only what stands left of it (docs/architecture.md);
# tools/lint checks the includes against the same order.  NAME_test_tests lists the tests in CTest.
function(plyfs_room name)
  cmake_parse_arguments(ROOM "" "TEST_SHARDS" "LINKS;TEST_LINKS;EXCLUDE" ${ARGN})
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
    plyfs_gtest(${name}_test SOURCES ${tests} LINKS plyfs_${name} ${ROOM_TEST_LINKS} SHARDS ${ROOM_TEST_SHARDS})
    set_tests_properties(${${name}_test_tests} PROPERTIES LABELS unit)
    add_dependencies(unit_tests ${name}_test)
    set(${name}_test_tests ${${name}_test_tests} PARENT_SCOPE)
  endif()
endfunction()

# Every test program that does not mount: what tools/dev test --quick builds; and those of the rooms alone: --unit.
add_custom_target(quick_tests)
add_custom_target(unit_tests)

# plyfs_gtest(NAME SOURCES file... LINKS target... [SHARDS n] [MOUNTS]): a GoogleTest program, registered with CTest
# as one test, or as NAME_1 ... NAME_n that share its cases, so that they can run side by side; NAME_tests lists them.
# MOUNTS: it needs real mounts.
function(plyfs_gtest name)
  cmake_parse_arguments(T "MOUNTS" "SHARDS" "SOURCES;LINKS" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE ${T_LINKS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  plyfs_compile_as_test(${name})
  if(T_SHARDS)
    set(tests)
    foreach(shard RANGE 1 ${T_SHARDS})
      math(EXPR index "${shard} - 1")
      add_test(NAME ${name}_${shard} COMMAND ${name})
      set_tests_properties(${name}_${shard} PROPERTIES
        ENVIRONMENT "GTEST_TOTAL_SHARDS=${T_SHARDS};GTEST_SHARD_INDEX=${index}" COST 40)
      list(APPEND tests ${name}_${shard})
    endforeach()
  else()
    set(tests ${name})
    add_test(NAME ${name} COMMAND ${name})
  endif()
  if(T_MOUNTS)
    set_tests_properties(${tests} PROPERTIES LABELS mount RUN_SERIAL ON)
  else()
    add_dependencies(quick_tests ${name})
  endif()
  set(${name}_tests ${tests} PARENT_SCOPE)
endfunction()

# What only tests are made of is compiled fast rather than to be fast: most of the time of a test's file would go
# into optimizing what runs once.
function(plyfs_compile_as_test target)
  target_compile_options(${target} PRIVATE ${PLYFS_TEST_OPTIONS})
  if(PLYFS_PCH)
    plyfs_precompile_test(${target})
  endif()
endfunction()
set(PLYFS_TEST_OPTIONS $<$<CONFIG:Debug>:-O0>)

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
    target_compile_options(plyfs_test_headers PRIVATE ${PLYFS_TEST_OPTIONS})
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
