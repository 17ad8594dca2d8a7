# Registers tests. Names begin with the sanitizers of the build ("asan.", "tsan."), because ./dev test runs the tests
# of three builds in one ctest.
set(GALAGO_TEST_PREFIX "")
if(GALAGO_SANITIZE MATCHES "address")
  set(GALAGO_TEST_PREFIX asan.)
elseif(GALAGO_SANITIZE MATCHES "thread")
  set(GALAGO_TEST_PREFIX tsan.)
elseif(CMAKE_CROSSCOMPILING)
  set(GALAGO_TEST_PREFIX ${CMAKE_SYSTEM_PROCESSOR}.)
endif()

# What a sanitizer or cross build has to build for its tests.
if(GALAGO_BUILD_TESTS)
  add_custom_target(galago_tests)
endif()

# ThreadSanitizer costs minutes and finds races only where threads meet.
set(GALAGO_TSAN_LAYERS base runtime)

# Processors that qemu emulates, and the instruction sets that the CPU backend must find on them. The newest has them all
# and runs every kernel; the others show what an older one gets.
set(GALAGO_EMULATED cortex-a53 neoverse-n1 max)
set(GALAGO_EMULATED_cortex-a53 "scalar neon")
set(GALAGO_EMULATED_neoverse-n1 "scalar neon dotprod")
set(GALAGO_EMULATED_max "scalar neon dotprod i8mm bf16")
# Emulation is slow: one test case for each kernel, all types, small sizes. Dispatch alone where kernels ran already, and
# conformance where instruction sets differ in more than the products of integers.
set(GALAGO_EMULATED_CASES "IsaDispatch.*:Isa/Linear.MatchesDouble/*:Isa/Linear.WeightsDecodeBitForBit/*")
string(APPEND GALAGO_EMULATED_CASES ":Isa/Linear.ExtremeCodesDoNotSaturate/*:Isa/Linear.ColumnsOfPlainTypes*"
       ":Isa/LinearInTiles.*")

# galago_emulated_test(<program> <layer>): the CPU backend's tests under emulation; other layers have no code of their own
# for an instruction set.
function(galago_emulated_test program layer)
  if(NOT layer STREQUAL "backends_cpu")
    set_target_properties(${program} PROPERTIES EXCLUDE_FROM_ALL ON)
    return()
  endif()
  add_dependencies(galago_tests ${program})
  foreach(cpu IN LISTS GALAGO_EMULATED)
    set(cases "IsaDispatch.*")
    set(cost 1)
    if(cpu STREQUAL "max")
      set(cases "${GALAGO_EMULATED_CASES}")
      set(cost 200)
    endif()
    set(name ${GALAGO_TEST_PREFIX}${cpu}.${layer})
    add_test(NAME ${name} COMMAND ${program} --gtest_brief=1 --gtest_filter=${cases})
    set_tests_properties(${name} PROPERTIES TIMEOUT 900 COST ${cost}
                         ENVIRONMENT "QEMU_CPU=${cpu};GALAGO_EXPECTED_ISAS=${GALAGO_EMULATED_${cpu}};\
GALAGO_TEST_ISAS=neon dotprod i8mm bf16")
  endforeach()
  # The newest has all vectors of the others, and tiles; minutes under emulation.
  set(name ${GALAGO_TEST_PREFIX}conformance.bf16)
  add_test(NAME ${name} COMMAND ${program} --gtest_brief=1 --gtest_filter=Conformance.*)
  set_tests_properties(${name} PROPERTIES TIMEOUT 1800 COST 500 ENVIRONMENT "QEMU_CPU=max;GALAGO_TEST_ISAS=bf16")
endfunction()

# galago_unit_test(<program> <layer>): each test case of a GoogleTest program becomes a test of ctest, so that skips are
# counted and a failure is named. Under sanitizers, where starting a program is slow, the program is one test.
#
# Cases of one program share files of ::testing::TempDir(), so they run one after another, in a folder of their own.
function(galago_unit_test program layer)
  if(GALAGO_SANITIZE MATCHES "thread" AND NOT layer IN_LIST GALAGO_TSAN_LAYERS)
    set_target_properties(${program} PROPERTIES EXCLUDE_FROM_ALL ON)
    return()
  endif()
  if(CMAKE_CROSSCOMPILING)
    galago_emulated_test(${program} ${layer})
    return()
  endif()
  add_dependencies(galago_tests ${program})
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${program}_files)
  file(MAKE_DIRECTORY ${folder})
  set(properties RESOURCE_LOCK ${GALAGO_TEST_PREFIX}${program} TIMEOUT 600 ENVIRONMENT TEST_TMPDIR=${folder}
                 ENVIRONMENT_MODIFICATION GALAGO_PACK_CACHE=set:off)
  if(GALAGO_SANITIZE)
    add_test(NAME ${GALAGO_TEST_PREFIX}unit.${layer} COMMAND ${program} --gtest_brief=1)
    # ctest begins with what costs most, so that the longest does not run alone at the end.
    set(cost 30)
    if(layer STREQUAL "backends_cpu")
      set(cost 300)
    endif()
    set_tests_properties(${GALAGO_TEST_PREFIX}unit.${layer} PROPERTIES ${properties} COST ${cost})
  else()
    gtest_discover_tests(${program} TEST_PREFIX ${layer}. DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
                         PROPERTIES ${properties})
  endif()
endfunction()
