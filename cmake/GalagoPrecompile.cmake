# Headers that most units include and that are slow to parse, precompiled once for the libraries and once for the tests:
# nlohmann's JSON alone costs 5 of the 7 seconds of a unit that includes it. -DGALAGO_PRECOMPILE=OFF builds without, which
# shows missing includes.
option(GALAGO_PRECOMPILE "Precompile the standard, fmt and JSON headers" ON)

set(GALAGO_PRECOMPILED <algorithm> <filesystem> <functional> <memory> <optional> <span> <string> <string_view> <variant>
                       <vector> <fmt/format.h> <nlohmann/json.hpp>)

# Compiles the headers once for all targets of a kind. Libraries are compiled with -fPIC and programs with -fPIE, so each
# kind needs its own.
function(galago_precompile_for owner)
  if(TARGET ${owner})
    return()
  endif()
  file(WRITE ${CMAKE_BINARY_DIR}/${owner}.cc "int main() {}\n")
  if(owner STREQUAL "galago_precompiled")
    add_library(${owner} OBJECT ${CMAKE_BINARY_DIR}/${owner}.cc)
  else()
    add_executable(${owner} ${CMAKE_BINARY_DIR}/${owner}.cc)
  endif()
  target_precompile_headers(${owner} PRIVATE ${GALAGO_PRECOMPILED} ${ARGN})
  target_compile_features(${owner} PUBLIC cxx_std_20)
  target_link_libraries(${owner} PRIVATE galago_warnings fmt::fmt nlohmann_json::nlohmann_json Threads::Threads)
endfunction()

# galago_precompile(target [TESTS|CLI]): gives a library, a test program or the command line the precompiled headers.
function(galago_precompile target)
  if(NOT GALAGO_PRECOMPILE)
    return()
  endif()
  if("${ARGN}" STREQUAL "TESTS")
    set(owner galago_precompiled_tests)
    galago_precompile_for(${owner} <gmock/gmock.h> <gtest/gtest.h>)
    # Tests run once: to optimize them takes longer than to run them. The headers want the options of who includes them.
    target_compile_options(${owner} PRIVATE $<$<CONFIG:Release>:-O1>)
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
    target_link_libraries(${owner} PRIVATE GTest::gmock_main)
  elseif("${ARGN}" STREQUAL "CLI")
    set(owner galago_precompiled_cli)
    galago_precompile_for(${owner} <CLI/CLI.hpp>)
    # As above: the command line waits for people and for the engine.
    target_compile_options(${owner} PRIVATE $<$<CONFIG:Release>:-O1>)
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
    target_link_libraries(${owner} PRIVATE CLI11::CLI11)
  else()
    set(owner galago_precompiled)
    galago_precompile_for(${owner})
  endif()
  # Whoever uses the headers must define the same macros.
  target_link_libraries(${target} PRIVATE fmt::fmt nlohmann_json::nlohmann_json)
  target_precompile_headers(${target} REUSE_FROM ${owner})
endfunction()
