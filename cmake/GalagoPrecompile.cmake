# Headers that most units include and that are slow to parse, precompiled once for the libraries and once for the tests:
# nlohmann's JSON alone costs 5 of the 7 seconds of a unit that includes it. -DGALAGO_PRECOMPILE=OFF builds without, which
# shows missing includes.
option(GALAGO_PRECOMPILE "Precompile the standard, fmt and JSON headers" ON)

set(GALAGO_PRECOMPILED <algorithm> <filesystem> <functional> <memory> <optional> <span> <string> <string_view> <variant>
                       <vector> <fmt/format.h> <nlohmann/json.hpp>)

# galago_precompile(target [TESTS]): gives a target the precompiled headers.
function(galago_precompile target)
  if(NOT GALAGO_PRECOMPILE)
    return()
  endif()
  set(owner galago_precompiled)
  if("${ARGN}" STREQUAL "TESTS")
    set(owner galago_precompiled_tests)
  endif()
  if(NOT TARGET ${owner})
    file(WRITE ${CMAKE_BINARY_DIR}/${owner}.cc "int main() {}\n")
    if(owner STREQUAL "galago_precompiled")
      add_library(${owner} OBJECT ${CMAKE_BINARY_DIR}/${owner}.cc)  # -fPIC, as the layers
      target_precompile_headers(${owner} PRIVATE ${GALAGO_PRECOMPILED})
    else()
      add_executable(${owner} ${CMAKE_BINARY_DIR}/${owner}.cc)  # -fPIE, as the tests
      target_precompile_headers(${owner} PRIVATE ${GALAGO_PRECOMPILED} <gmock/gmock.h> <gtest/gtest.h>)
      target_link_libraries(${owner} PRIVATE GTest::gmock_main)
    endif()
    target_compile_features(${owner} PUBLIC cxx_std_20)
    target_link_libraries(${owner} PRIVATE galago_warnings fmt::fmt nlohmann_json::nlohmann_json Threads::Threads)
  endif()
  # Whoever uses the headers must define the same macros.
  target_link_libraries(${target} PRIVATE fmt::fmt nlohmann_json::nlohmann_json)
  target_precompile_headers(${target} REUSE_FROM ${owner})
endfunction()
