#include "base/cpu_topology.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace galago {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxCpus = 4096;
constexpr double kPerformanceShare = 0.6;

std::optional<std::string> first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

std::optional<double> number_in(const fs::path& path) {
  const auto line = first_line(path);
  if (!line) return std::nullopt;
  std::istringstream stream(*line);
  double value = 0;
  if (!(stream >> value)) return std::nullopt;
  return value;
}

// The lowest CPU of the core that `cpu` is a hardware thread of.
int core_of(const fs::path& cpu_folder, int cpu) {
  const auto siblings = first_line(cpu_folder / "topology/thread_siblings_list");
  if (!siblings) return cpu;
  const std::vector<int> threads = parse_cpu_list(*siblings);
  return threads.empty() ? cpu : *std::min_element(threads.begin(), threads.end());
}

// Relative speed: cpu_capacity where the kernel knows it (Arm), else the highest frequency, else 1.
double speed_of(const fs::path& cpu_folder) {
  if (const auto capacity = number_in(cpu_folder / "cpu_capacity")) return *capacity;
  if (const auto frequency = number_in(cpu_folder / "cpufreq/cpuinfo_max_freq")) return *frequency;
  return 1.0;
}

// Intel's hybrid processors name their performance cores; efficiency cores clock nearly as high but do less per cycle.
std::set<int> intel_performance_cpus(const fs::path& root) {
  const auto line = first_line(root / "sys/devices/cpu_core/cpus");
  if (!line) return {};
  const std::vector<int> cpus = parse_cpu_list(*line);
  return {cpus.begin(), cpus.end()};
}

// "max 100000" or "150000 100000" (quota and period in us), as in control groups version 2.
double quota_v2(const fs::path& folder) {
  const auto line = first_line(folder / "cpu.max");
  if (!line) return 0;
  std::istringstream stream(*line);
  double quota = 0;
  double period = 0;
  if (!(stream >> quota >> period) || quota <= 0 || period <= 0) return 0;
  return quota / period;
}

double quota_v1(const fs::path& folder) {
  const auto quota = number_in(folder / "cpu.cfs_quota_us");
  const auto period = number_in(folder / "cpu.cfs_period_us");
  if (!quota || !period || *quota <= 0 || *period <= 0) return 0;
  return *quota / *period;
}

double tighter(double a, double b) { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

// The tightest quota of the process's group and all groups around it.
double read_quota(const fs::path& root) {
  double quota = 0;
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    // "0::/user.slice/x" in version 2, "4:cpu,cpuacct:/docker/x" in version 1
    const auto first = line.find(':');
    const auto second = line.find(':', first == std::string::npos ? first : first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool v2 = controllers.empty();
    if (!v2 && ("," + controllers + ",").find(",cpu,") == std::string::npos) continue;
    const fs::path base = root / (v2 ? "sys/fs/cgroup" : "sys/fs/cgroup/cpu");
    fs::path group = fs::path(line.substr(second + 1)).relative_path().lexically_normal();
    for (;; group = group.parent_path()) {
      quota = tighter(quota, v2 ? quota_v2(base / group) : quota_v1(base / group));
      if (group.empty()) break;
    }
  }
  return quota;
}

std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
#if defined(__linux__)
  cpu_set_t* set = CPU_ALLOC(kMaxCpus);
  if (set == nullptr) return cpus;
  const std::size_t size = CPU_ALLOC_SIZE(kMaxCpus);
  CPU_ZERO_S(size, set);
  if (::sched_getaffinity(0, size, set) == 0) {
    for (int cpu = 0; cpu < kMaxCpus; ++cpu) {
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), size, set)) cpus.push_back(cpu);
    }
  }
  CPU_FREE(set);
#endif
  return cpus;
}

}  // namespace

std::vector<int> parse_cpu_list(std::string_view text) {
  std::vector<int> cpus;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    int first = 0;
    auto parsed = std::from_chars(at, end, first);
    if (parsed.ec != std::errc() || first < 0 || first >= kMaxCpus) break;
    int last = first;
    at = parsed.ptr;
    if (at < end && *at == '-') {
      parsed = std::from_chars(at + 1, end, last);
      if (parsed.ec != std::errc()) break;
      at = parsed.ptr;
    }
    for (int cpu = first; cpu <= std::min(last, kMaxCpus - 1); ++cpu) cpus.push_back(cpu);
    if (at == end || *at != ',') break;
    ++at;
  }
  return cpus;
}

CpuTopology read_topology(const fs::path& root, const std::vector<int>& cpus) {
  const std::set<int> named_fast = intel_performance_cpus(root);
  std::map<int, double> speed_of_core;
  double fastest = 0;
  for (const int cpu : cpus) {
    const fs::path folder = root / "sys/devices/system/cpu" / ("cpu" + std::to_string(cpu));
    const int core = core_of(folder, cpu);
    const double speed = named_fast.empty() ? speed_of(folder) : named_fast.contains(cpu) ? 1.0 : 0.0;
    speed_of_core[core] = std::max(speed_of_core[core], speed);
    fastest = std::max(fastest, speed);
  }
  CpuTopology topology;
  topology.logical_cpus = std::max<int>(1, static_cast<int>(cpus.size()));
  topology.physical_cores = std::max<int>(1, static_cast<int>(speed_of_core.size()));
  const auto fast = std::count_if(speed_of_core.begin(), speed_of_core.end(),
                                  [&](const auto& core) { return core.second >= kPerformanceShare * fastest; });
  topology.performance_cores = std::max<int>(1, static_cast<int>(fast));
  topology.cpu_quota = read_quota(root);
  return topology;
}

const CpuTopology& cpu_topology() {
  static const CpuTopology topology = [] {
    std::vector<int> cpus = allowed_cpus();
    if (cpus.empty()) {  // another system: take the standard library's word
      for (unsigned cpu = 0; cpu < std::max(1u, std::thread::hardware_concurrency()); ++cpu) {
        cpus.push_back(static_cast<int>(cpu));
      }
    }
    return read_topology("/", cpus);
  }();
  return topology;
}

int physical_core_count() { return cpu_topology().physical_cores; }

int default_threads() {
  const CpuTopology& topology = cpu_topology();
  if (topology.cpu_quota == 0) return topology.performance_cores;
  return std::clamp(static_cast<int>(topology.cpu_quota), 1, topology.performance_cores);
}

}  // namespace galago
