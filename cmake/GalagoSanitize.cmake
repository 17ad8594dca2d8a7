# GALAGO_SANITIZE=address,undefined or thread: every target is built with these sanitizers. A finding ends the program,
# so no test passes over it. -O1 and line tables only: twice as fast to build, and quick enough to run.
if(GALAGO_SANITIZE)
  set(GALAGO_SANITIZE_FLAGS -fsanitize=${GALAGO_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_compile_options(${GALAGO_SANITIZE_FLAGS} -O1 -g1)
  # Left out is what ASan notices as well, or what only asks of every pointer and not of what it points to (a seventh of
  # the build's time), and what the headers of the system do by themselves (a quarter).
  if(GALAGO_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize=null,object-size,vptr,pointer-overflow
                        -fsanitize-ignorelist=${CMAKE_CURRENT_LIST_DIR}/ubsan_ignored.txt)
  endif()
  add_link_options(${GALAGO_SANITIZE_FLAGS})
endif()

# Fuzzers need libFuzzer, which comes with clang, and a sanitizer to notice what goes wrong. Coverage is recorded in
# the whole library: a fuzzer sees only the code that reports to it.
set(GALAGO_FUZZ OFF)
if(GALAGO_SANITIZE MATCHES "address" AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  set(GALAGO_FUZZ ON)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# For units that hold most of the arithmetic and are instantiated for each instruction set: without the checks of every
# pointer, without coverage, and with calls for the checks of addresses they compile in a fifth of the time.
set(GALAGO_SANITIZE_KERNEL_FLAGS "")
if(GALAGO_FUZZ)
  set(GALAGO_SANITIZE_KERNEL_FLAGS -fno-sanitize=undefined,fuzzer-no-link
                                   -fsanitize=bounds,shift,signed-integer-overflow -fno-sanitize-recover=all
                                   -mllvm -asan-instrumentation-with-call-threshold=0)
endif()

# For test programs and layers that no fuzzer enters and that compute little: calls for the checks of addresses, and no
# coverage. A sixth to a third of the time to build them.
function(galago_check_by_calls target)
  if(GALAGO_FUZZ)
    target_compile_options(${target} PRIVATE "SHELL:-mllvm -asan-instrumentation-with-call-threshold=0"
                           -fsanitize-coverage-ignorelist=${PROJECT_SOURCE_DIR}/cmake/not_covered.txt)
  endif()
endfunction()
