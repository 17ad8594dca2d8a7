// How many threads this process should use.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

namespace galago {

// What the system lets this process use. Hardware threads of one core count as one core.
struct CpuTopology {
  int logical_cpus = 1;
  int physical_cores = 1;
  int performance_cores = 1;  // cores at least 60 % as fast as the fastest; all of them when all are alike
  double cpu_quota = 0;       // CPUs' worth of time that the control group grants; 0: no limit
};

// Reads the files of Linux's /proc and /sys under `root`. `cpus` are the logical CPUs that the process may run on.
CpuTopology read_topology(const std::filesystem::path& root, const std::vector<int>& cpus);

// Of this process, by sched_getaffinity; read once.
const CpuTopology& cpu_topology();

int physical_core_count();

// Performance cores within the control group's quota: at least 1. A token waits for the slowest thread, so slower
// cores and second hardware threads cost more than they bring.
int default_threads();

// Linux's lists of CPUs: "0-3,8,10-11". Anything unreadable in it is skipped.
std::vector<int> parse_cpu_list(std::string_view text);

}  // namespace galago
