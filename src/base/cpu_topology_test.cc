#include "base/cpu_topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>
#include <string>

namespace galago {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A made-up machine: the few files of /sys and /proc that are read.
class CpuTopologyTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text << "\n";
  }
  void write_cpu(int cpu, const std::string& file, const std::string& text) {
    write("sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/" + file, text);
  }
  CpuTopology read(int n_cpus) {
    std::vector<int> cpus(static_cast<std::size_t>(n_cpus));
    std::iota(cpus.begin(), cpus.end(), 0);
    return read_topology(root_, cpus);
  }
  const std::filesystem::path root_ = std::filesystem::path(::testing::TempDir()) / "galago_cpu_topology_test";
};

TEST(ParseCpuList, ReadsRangesAndStopsAtRubbish) {
  EXPECT_THAT(parse_cpu_list("0-2,5,7-8"), ElementsAre(0, 1, 2, 5, 7, 8));
  EXPECT_THAT(parse_cpu_list("3\n"), ElementsAre(3));
  EXPECT_THAT(parse_cpu_list(""), IsEmpty());
  EXPECT_THAT(parse_cpu_list("4,x,6"), ElementsAre(4));
  EXPECT_THAT(parse_cpu_list("0-99999999").size(), 4096u);
}

TEST_F(CpuTopologyTest, CountsHardwareThreadsAsOneCore) {
  for (int cpu = 0; cpu < 8; ++cpu) {
    write_cpu(cpu, "topology/thread_siblings_list", std::to_string(cpu % 4) + "," + std::to_string(cpu % 4 + 4));
  }
  const CpuTopology topology = read(8);
  EXPECT_EQ(topology.logical_cpus, 8);
  EXPECT_EQ(topology.physical_cores, 4);
  EXPECT_EQ(topology.performance_cores, 4);
  EXPECT_EQ(read(2).physical_cores, 2) << "only CPUs that the process may use count";
}

TEST_F(CpuTopologyTest, LeavesOutLittleCoresOfAPhone) {
  const int capacities[] = {325, 325, 325, 325, 870, 870, 870, 1024};
  for (int cpu = 0; cpu < 8; ++cpu) write_cpu(cpu, "cpu_capacity", std::to_string(capacities[cpu]));
  EXPECT_EQ(read(8).physical_cores, 8);
  EXPECT_EQ(read(8).performance_cores, 4);
  EXPECT_EQ(read(4).performance_cores, 4) << "bound to the little cores, those are what there is";
}

TEST_F(CpuTopologyTest, LeavesOutEfficiencyCoresOfAHybrid) {
  write("sys/devices/cpu_core/cpus", "0-3");
  for (int cpu = 0; cpu < 4; ++cpu) write_cpu(cpu, "topology/thread_siblings_list", cpu < 2 ? "0-1" : "2-3");
  for (int cpu = 4; cpu < 8; ++cpu) write_cpu(cpu, "topology/thread_siblings_list", std::to_string(cpu));
  EXPECT_EQ(read(8).physical_cores, 6);
  EXPECT_EQ(read(8).performance_cores, 2);
}

TEST_F(CpuTopologyTest, FindsTheTightestQuotaAroundTheProcess) {
  write("proc/self/cgroup", "0::/outer/inner");
  write("sys/fs/cgroup/outer/inner/cpu.max", "max 100000");
  EXPECT_EQ(read(8).cpu_quota, 0);
  write("sys/fs/cgroup/outer/cpu.max", "250000 100000");
  EXPECT_EQ(read(8).cpu_quota, 2.5);
  write("sys/fs/cgroup/cpu.max", "150000 100000");
  EXPECT_EQ(read(8).cpu_quota, 1.5);
}

TEST_F(CpuTopologyTest, ReadsTheOlderControlGroups) {
  write("proc/self/cgroup", "5:cpuset:/x\n4:cpu,cpuacct:/docker/x");
  write("sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us", "300000");
  write("sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us", "100000");
  EXPECT_EQ(read(8).cpu_quota, 3);
  write("sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us", "-1");
  EXPECT_EQ(read(8).cpu_quota, 0);
}

TEST(CpuTopology, OfThisMachineIsConsistent) {
  const CpuTopology& topology = cpu_topology();
  EXPECT_GE(default_threads(), 1);
  EXPECT_LE(default_threads(), physical_core_count());
  EXPECT_LE(topology.performance_cores, topology.physical_cores);
  EXPECT_LE(topology.physical_cores, topology.logical_cpus);
}

}  // namespace
}  // namespace galago
