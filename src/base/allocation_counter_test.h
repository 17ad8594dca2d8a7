// Counts the heap allocations of a test program, on all threads. Include it in one file of the program.
#pragma once

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <string>
#include <thread>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GALAGO_SANITIZER_ALLOCATES 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GALAGO_SANITIZER_ALLOCATES 1
#endif
#endif

namespace galago {
inline std::atomic<std::int64_t> allocations{0};
inline std::int64_t allocation_count() { return allocations.load(); }

inline bool sleeps(const std::filesystem::path& thread) {
  std::string stat;
  std::getline(std::ifstream(thread / "stat"), stat);
  const std::size_t name_end = stat.rfind(')');  // "id (name) state ..."
  return name_end == std::string::npos || stat.compare(name_end, 3, ") S") == 0;
}

// Waits until every other thread sleeps. A thread that the system has not let begin yet will allocate when it does,
// under sanitizers, and that may be long after it was made.
inline void let_threads_begin() {
  const auto all_sleep = [] {
    for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
      if (thread.path().filename() != std::to_string(::gettid()) && !sleeps(thread.path())) return false;
    }
    return true;
  };
  for (int i = 0; i < 10'000 && !all_sleep(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}
}  // namespace galago

#ifdef GALAGO_SANITIZER_ALLOCATES

// Sanitizers bring operator new of their own, and a hook.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, std::size_t),
                                                         void (*on_free)(const volatile void*));
namespace galago {
inline const int allocation_hook = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t) { allocations.fetch_add(1, std::memory_order_relaxed); },
    [](const volatile void*) {});
}  // namespace galago

#else

// Not inlined: g++ would see the free() in one and the standard operator new in another, and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
  galago::allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

#endif
