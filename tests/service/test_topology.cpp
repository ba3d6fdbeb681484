// SPDX-License-Identifier: GPL-2.0-or-later
//
// The machine as sysfs shows it: fixture trees of known machines, of odd ones, and of nonsense.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "service/kernel/topology.h"
#include "tests/service/folder.h"

namespace gamesched::kernel {
namespace {

class Topology : public tests::Folder {
 protected:
  Topology() {
    // What else lies in that folder of a real machine.
    for (const char* other : {"cpufreq", "cpuidle", "power", "smt", "hotplug"}) make(other);
    write("possible", "0-1023\n");
    write("online", "0\n");
  }

  static std::string cpu(unsigned number) { return "cpu" + std::to_string(number); }

  void cache(unsigned number, int index, const std::string& level, const std::string& type,
             const std::string& shared) {
    const std::string folder = cpu(number) + "/cache/index" + std::to_string(index);
    make(folder);
    write(folder + "/level", level + "\n");
    write(folder + "/type", type + "\n");
    write(folder + "/shared_cpu_list", shared + "\n");
  }

  // L1 and L2 of a core whose CPUs are `core`, and an L3 for those of `l3` (none when empty).
  void core_cpu(unsigned number, const std::string& core, const std::string& l3) {
    cache(number, 0, "1", "Data", core);
    cache(number, 1, "1", "Instruction", core);
    cache(number, 2, "2", "Unified", core);
    if (!l3.empty()) cache(number, 3, "3", "Unified", l3);
  }

  static void expect_consistent(const gs_topology& topology) {
    ASSERT_GE(topology.nr_llcs, 1U);
    ASSERT_LE(topology.nr_llcs, static_cast<unsigned>(GS_MAX_LLCS));
    std::set<unsigned> seen;
    for (unsigned llc = 0; llc < topology.nr_llcs; ++llc) {
      EXPECT_GT(topology.llcs[llc].nr_cpus, 0U) << "LLC " << llc;
      for (unsigned i = 0; i < topology.llcs[llc].nr_cpus; ++i) {
        const unsigned number = topology.llcs[llc].cpus[i];
        EXPECT_EQ(topology.llc_of[number], llc) << "CPU " << number;
        EXPECT_TRUE(seen.insert(number).second) << "CPU " << number << " is listed twice";
      }
    }
    for (unsigned llc = topology.nr_llcs; llc < GS_MAX_LLCS; ++llc) EXPECT_EQ(topology.llcs[llc].nr_cpus, 0U);
  }

  gs_topology read() {
    const auto topology = read_topology(path());
    EXPECT_TRUE(topology) << topology.error().message;
    if (!topology) return {};
    expect_consistent(*topology);
    return *topology;
  }
};

TEST_F(Topology, OfA7800X3DIsOneLlc) {
  for (unsigned i = 0; i < 16; ++i)
    core_cpu(i, std::to_string(i % 8) + "," + std::to_string(i % 8 + 8), "0-15");
  const gs_topology topology = read();
  EXPECT_EQ(topology.nr_cpus, 16U);
  EXPECT_EQ(topology.nr_llcs, 1U);
  EXPECT_EQ(topology.llcs[0].nr_cpus, 16U);
}

TEST_F(Topology, OfA7950X3DIsTwoLlcs) {
  for (unsigned i = 0; i < 32; ++i) {
    const unsigned core = i % 16;
    core_cpu(i, std::to_string(core) + "," + std::to_string(core + 16),
             core < 8 ? "0-7,16-23" : "8-15,24-31");
  }
  const gs_topology topology = read();
  EXPECT_EQ(topology.nr_cpus, 32U);
  ASSERT_EQ(topology.nr_llcs, 2U);
  for (unsigned i = 0; i < 32; ++i) EXPECT_EQ(topology.llc_of[i], i % 16 < 8 ? 0 : 1) << "CPU " << i;
  EXPECT_EQ(topology.llcs[0].nr_cpus, 16U);
  EXPECT_EQ(topology.llcs[1].nr_cpus, 16U);
}

TEST_F(Topology, OfA14900KIsOneLlcForBothKindsOfCore) {
  for (unsigned i = 0; i < 16; ++i)
    core_cpu(i, std::to_string(i / 2 * 2) + "-" + std::to_string(i / 2 * 2 + 1), "0-31");
  for (unsigned i = 16; i < 32; ++i) {
    const unsigned first = i / 4 * 4;  // four efficient cores share an L2
    core_cpu(i, std::to_string(first) + "-" + std::to_string(first + 3), "0-31");
  }
  const gs_topology topology = read();
  EXPECT_EQ(topology.nr_llcs, 1U);
  EXPECT_EQ(topology.llcs[0].nr_cpus, 32U);
}

TEST_F(Topology, OfASteamDeckIsOneLlc) {
  for (unsigned i = 0; i < 8; ++i)
    core_cpu(i, std::to_string(i / 2 * 2) + "-" + std::to_string(i / 2 * 2 + 1), "0-7");
  const gs_topology topology = read();
  EXPECT_EQ(topology.nr_cpus, 8U);
  EXPECT_EQ(topology.nr_llcs, 1U);
}

TEST_F(Topology, OfTwoSocketsIsOneLlcEach) {
  for (unsigned i = 0; i < 48; ++i)
    core_cpu(i, std::to_string(i % 24) + "," + std::to_string(i % 24 + 24),
             i % 24 < 12 ? "0-11,24-35" : "12-23,36-47");
  const gs_topology topology = read();
  ASSERT_EQ(topology.nr_llcs, 2U);
  EXPECT_EQ(topology.llc_of[11], 0);
  EXPECT_EQ(topology.llc_of[12], 1);
  EXPECT_EQ(topology.llc_of[35], 0);
  EXPECT_EQ(topology.llc_of[47], 1);
}

TEST_F(Topology, CoresWithoutAnL3HaveTheirL2) {
  for (unsigned i = 0; i < 8; ++i) core_cpu(i, std::to_string(i), "0-7");
  for (unsigned i = 8; i < 10; ++i) core_cpu(i, "8-9", "");  // low-power cores beside the ring
  const gs_topology topology = read();
  ASSERT_EQ(topology.nr_llcs, 2U);
  EXPECT_EQ(topology.llc_of[7], 0);
  EXPECT_EQ(topology.llc_of[8], 1);
  EXPECT_EQ(topology.llcs[1].nr_cpus, 2U);
}

TEST_F(Topology, WithoutCacheInformationIsOneLlc) {
  for (unsigned i = 0; i < 4; ++i) make(cpu(i) + "/topology");
  const gs_topology topology = read();
  EXPECT_EQ(topology.nr_cpus, 4U);
  EXPECT_EQ(topology.nr_llcs, 1U);
  EXPECT_EQ(topology.llcs[0].nr_cpus, 4U);
}

TEST_F(Topology, AnOfflineCpuBelongsToTheFirstLlc) {
  for (unsigned i = 0; i < 4; ++i) core_cpu(i, std::to_string(i), i < 2 ? "0-1" : "2-3");
  make(cpu(4) + "/topology");
  const gs_topology topology = read();
  EXPECT_EQ(topology.nr_cpus, 5U);
  EXPECT_EQ(topology.nr_llcs, 2U);
  EXPECT_EQ(topology.llc_of[4], 0);
}

TEST_F(Topology, NumbersMayHaveGaps) {
  for (const unsigned i : {0U, 2U, 10U}) core_cpu(i, std::to_string(i), "0,2,10");
  const gs_topology topology = read();
  EXPECT_EQ(topology.nr_cpus, 11U);
  EXPECT_EQ(topology.llcs[0].nr_cpus, 3U) << "CPUs that do not exist are no victims";
}

TEST_F(Topology, ALargeLlcListsAsManyCpusAsFit) {
  for (unsigned i = 0; i < GS_LLC_CPUS + 6; ++i) core_cpu(i, std::to_string(i), "0-69");
  const gs_topology topology = read();
  EXPECT_EQ(topology.nr_cpus, GS_LLC_CPUS + 6U);
  EXPECT_EQ(topology.llcs[0].nr_cpus, static_cast<unsigned>(GS_LLC_CPUS));
}

TEST_F(Topology, TheLastCpuThatFits) {
  core_cpu(GS_MAX_CPUS - 1, std::to_string(GS_MAX_CPUS - 1), "");
  EXPECT_EQ(read().nr_cpus, static_cast<unsigned>(GS_MAX_CPUS));
}

TEST_F(Topology, ACpuNumberTooLargeIsUnsupported) {
  core_cpu(0, "0", "0");
  core_cpu(GS_MAX_CPUS, "512", "512");
  const auto topology = read_topology(path());
  ASSERT_FALSE(topology);
  EXPECT_EQ(topology.error().code, Error::Code::Unsupported);
  EXPECT_NE(topology.error().message.find(std::to_string(GS_MAX_CPUS)), std::string::npos)
      << topology.error().message;
}

TEST_F(Topology, TooManyLlcsAreUnsupported) {
  for (unsigned i = 0; i < GS_MAX_LLCS; ++i) core_cpu(i, std::to_string(i), "");
  EXPECT_EQ(read().nr_llcs, static_cast<unsigned>(GS_MAX_LLCS));
  core_cpu(GS_MAX_LLCS, "64", "");
  const auto topology = read_topology(path());
  ASSERT_FALSE(topology);
  EXPECT_EQ(topology.error().code, Error::Code::Unsupported);
}

TEST_F(Topology, WithoutAnyCpuIsUnsupported) {
  const auto empty = read_topology(path());
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, Error::Code::Unsupported);
  EXPECT_FALSE(read_topology(path() / "absent"));
  EXPECT_FALSE(read_topology(path() / "possible")) << "a file";
}

TEST_F(Topology, NamesThatOnlyLookLikeCpusAreNone) {
  core_cpu(1, "1", "0-1");
  for (const char* name :
       {"cpu", "cpu-2", "cpu+3", "cpu 4", "cpu0x5", "cpu6a", "cpu99999999999999999999", "xcpu7"})
    make(name);
  EXPECT_EQ(read().nr_cpus, 2U);
}

TEST_F(Topology, GarbageInACacheIsNoCache) {
  const std::string zeros(3, '\0'), endless(100'000, '9');
  const std::string levels[] = {"", "three", "-3", zeros, endless, "99999999999999999999", "\n\n3"};
  unsigned number = 0;
  for (const std::string& level : levels) cache(number++, 0, level, "Unified", "0-99");
  core_cpu(number, std::to_string(number), "");
  const gs_topology topology = read();
  EXPECT_EQ(topology.nr_llcs, 1U);
  EXPECT_EQ(topology.nr_cpus, number + 1);
}

TEST_F(Topology, UnreadableCachesAreNone) {
  make(cpu(0) + "/cache/index0/level");  // folders where files should be
  make(cpu(0) + "/cache/index0/shared_cpu_list");
  make(cpu(1));
  write(cpu(1) + "/cache", "a file where a folder should be");
  make(cpu(2) + "/cache/index0");  // nothing in it
  make(cpu(3) + "/cache/index0");
  write(cpu(3) + "/cache/index0/level", "3");  // shared with whom is not said
  make(cpu(4) + "/cache/other");
  write(cpu(4) + "/cache/other/level", "9");
  write(cpu(4) + "/cache/other/shared_cpu_list", "4");
  const gs_topology topology = read();
  EXPECT_EQ(topology.nr_llcs, 1U);
  EXPECT_EQ(topology.llcs[0].nr_cpus, 5U);
}

TEST_F(Topology, AnInstructionCacheIsNotWhereDataAreShared) {
  for (unsigned i = 0; i < 2; ++i) {
    cache(i, 0, "1", "Data", "0-1");
    cache(i, 1, "2", "Instruction", std::to_string(i));
  }
  EXPECT_EQ(read().nr_llcs, 1U);
}

}  // namespace
}  // namespace gamesched::kernel
