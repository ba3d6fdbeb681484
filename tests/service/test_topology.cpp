// SPDX-License-Identifier: GPL-2.0-or-later
//
// The machine as sysfs shows it: fixture trees of known machines, of odd ones, and of nonsense.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <utility>

#include "bpf/policy/place.h"
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

  std::filesystem::path root() const { return path() / "system/cpu"; }
  void make(const std::string& folder) const { Folder::make("system/cpu/" + folder); }
  void write(const std::string& file, const std::string& text) const {
    Folder::write("system/cpu/" + file, text);
  }

  static std::string cpu(unsigned number) { return "cpu" + std::to_string(number); }

  void cache(unsigned number, int index, const std::string& level, const std::string& type,
             const std::string& shared, const std::string& size = "") const {
    const std::string folder = cpu(number) + "/cache/index" + std::to_string(index);
    make(folder);
    write(folder + "/level", level + "\n");
    write(folder + "/type", type + "\n");
    write(folder + "/shared_cpu_list", shared + "\n");
    if (!size.empty()) write(folder + "/size", size + "\n");
  }

  // L1 and L2 of a core whose CPUs are `core`, and an L3 for those of `l3` (none when empty).
  void core_cpu(unsigned number, const std::string& core, const std::string& l3,
                const std::string& l3_size = "", const std::string& l2 = "") const {
    cache(number, 0, "1", "Data", core, "32K");
    cache(number, 1, "1", "Instruction", core, "32K");
    cache(number, 2, "2", "Unified", l2.empty() ? core : l2, "1024K");
    if (!l3.empty()) cache(number, 3, "3", "Unified", l3, l3_size);
    make(cpu(number) + "/topology");
    write(cpu(number) + "/topology/thread_siblings_list", core + "\n");
    write(cpu(number) + "/topology/core_cpus_list", core + "\n");
  }

  void node(unsigned number, unsigned node) const { make(cpu(number) + "/node" + std::to_string(node)); }
  void max_khz(unsigned number, unsigned khz) const {
    make(cpu(number) + "/cpufreq");
    write(cpu(number) + "/cpufreq/cpuinfo_max_freq", std::to_string(khz) + "\n");
  }
  void highest_perf(unsigned number, unsigned perf) const {
    make(cpu(number) + "/acpi_cppc");
    write(cpu(number) + "/acpi_cppc/highest_perf", std::to_string(perf) + "\n");
  }
  // The two PMUs of a hybrid processor of Intel's.
  void hybrid(const std::string& cores, const std::string& atoms) const {
    for (const auto& [pmu, cpus] : {std::pair{"cpu_core", cores}, std::pair{"cpu_atom", atoms}}) {
      Folder::make(pmu);
      Folder::write(std::string(pmu) + "/cpus", cpus + "\n");
    }
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
    unsigned for_games = 0;
    for (unsigned i = 0; i < GS_MAX_CPUS; ++i) {
      EXPECT_LT(topology.sibling_of[i], GS_MAX_CPUS);
      for_games += (topology.flags[i] & GS_CPU_FOR_GAMES) != 0;
    }
    EXPECT_EQ(for_games, topology.nr_for_games);
  }

  gs_topology read() const {
    const auto topology = read_topology(root());
    EXPECT_TRUE(topology) << topology.error().message;
    if (!topology) return {};
    expect_consistent(*topology);
    return *topology;
  }

  // Where a thread goes while there is room, as select_cpu() decides it.
  static std::set<unsigned> goes_to(const gs_topology& topology, u32 lane, bool of_game) {
    std::set<unsigned> cpus;
    for (unsigned llc = 0; llc < topology.nr_llcs; ++llc)
      for (unsigned i = 0; i < topology.llcs[llc].nr_cpus; ++i) {
        const unsigned number = topology.llcs[llc].cpus[i];
        if (topology.nr_for_games == 0 || !gs_wants_game_cpu(lane, of_game) ||
            topology.flags[number] & GS_CPU_FOR_GAMES)
          cpus.insert(number);
      }
    return cpus;
  }

  // The game's threads and the compositor to `games`, all others anywhere.
  static void expect_lanes(const gs_topology& topology, const std::set<unsigned>& games) {
    std::set<unsigned> all;
    for (unsigned i = 0; i < topology.nr_cpus; ++i) all.insert(i);
    for (const u32 lane : {GS_LANE_GAME_AUDIO, GS_LANE_FRAME, GS_LANE_GAME_NETWORK, GS_LANE_GAME,
                           GS_LANE_INTERACTIVE, GS_LANE_NORMAL})
      EXPECT_EQ(goes_to(topology, lane, true), games) << "lane " << lane << " of the game";
    EXPECT_EQ(goes_to(topology, GS_LANE_COMPOSITOR, false), games);
    EXPECT_EQ(goes_to(topology, GS_LANE_BACKGROUND, true), all) << "what the game itself calls unimportant";
    for (const u32 lane :
         {GS_LANE_AUDIO, GS_LANE_NETWORK, GS_LANE_INTERACTIVE, GS_LANE_NORMAL, GS_LANE_BACKGROUND})
      EXPECT_EQ(goes_to(topology, lane, false), all) << "lane " << lane << " of others";
  }
};

std::set<unsigned> range(unsigned first, unsigned last) {
  std::set<unsigned> cpus;
  for (unsigned i = first; i <= last; ++i) cpus.insert(i);
  return cpus;
}

TEST_F(Topology, OfA7800X3DIsOneLlcAndAllCpusAreAlike) {
  for (unsigned i = 0; i < 16; ++i) {
    core_cpu(i, std::to_string(i % 8) + "," + std::to_string(i % 8 + 8), "0-15", "98304K");
    max_khz(i, 5'053'000);
    highest_perf(i, 196 + i % 8 * 5);  // favoured cores
    node(i, 0);
  }
  const gs_topology topology = read();
  EXPECT_EQ(topology.nr_cpus, 16U);
  EXPECT_EQ(topology.nr_llcs, 1U);
  EXPECT_EQ(topology.llcs[0].nr_cpus, 16U);
  EXPECT_EQ(topology.nr_for_games, 0U);
  expect_lanes(topology, range(0, 15));
  for (unsigned i = 0; i < 16; ++i) EXPECT_EQ(topology.sibling_of[i], (i + 8) % 16);
}

TEST_F(Topology, OfA7950X3DGamesGoToTheCacheThoughTheOtherHalfIsFaster) {
  for (unsigned i = 0; i < 32; ++i) {
    const unsigned core = i % 16;
    const bool stacked = core < 8;
    core_cpu(i, std::to_string(core) + "," + std::to_string(core + 16), stacked ? "0-7,16-23" : "8-15,24-31",
             stacked ? "98304K" : "32768K");
    max_khz(i, stacked ? 5'250'000 : 5'759'000);
    highest_perf(i, stacked ? 166 : 236);
    node(i, 0);
  }
  const gs_topology topology = read();
  EXPECT_EQ(topology.nr_cpus, 32U);
  ASSERT_EQ(topology.nr_llcs, 2U);
  for (unsigned i = 0; i < 32; ++i) EXPECT_EQ(topology.llc_of[i], i % 16 < 8 ? 0 : 1) << "CPU " << i;
  std::set<unsigned> cache = range(0, 7);
  cache.merge(range(16, 23));
  expect_lanes(topology, cache);
}

TEST_F(Topology, OfA7950X3DWithoutCpufreqIsTheSame) {
  for (unsigned i = 0; i < 32; ++i) {
    const bool stacked = i % 16 < 8;
    core_cpu(i, std::to_string(i % 16) + "," + std::to_string(i % 16 + 16),
             stacked ? "0-7,16-23" : "8-15,24-31", stacked ? "98304K" : "32768K");
  }
  std::set<unsigned> cache = range(0, 7);
  cache.merge(range(16, 23));
  expect_lanes(read(), cache);
}

TEST_F(Topology, OfA14900KGamesGoToThePerformanceCores) {
  for (unsigned i = 0; i < 16; ++i) {
    core_cpu(i, std::to_string(i / 2 * 2) + "-" + std::to_string(i / 2 * 2 + 1), "0-31", "36864K");
    max_khz(i, i / 2 == 4 || i / 2 == 5 ? 6'000'000 : 5'700'000);
  }
  for (unsigned i = 16; i < 32; ++i) {
    const unsigned first = i / 4 * 4;  // four efficient cores share an L2
    core_cpu(i, std::to_string(i), "0-31", "36864K", std::to_string(first) + "-" + std::to_string(first + 3));
    max_khz(i, 4'400'000);
  }
  const auto check = [&](const char* how) {
    const gs_topology topology = read();
    EXPECT_EQ(topology.nr_llcs, 1U) << how;
    EXPECT_EQ(topology.llcs[0].nr_cpus, 32U) << how;
    expect_lanes(topology, range(0, 15));
    EXPECT_EQ(topology.sibling_of[4], 5) << how;
    EXPECT_EQ(topology.sibling_of[5], 4) << how;
    EXPECT_EQ(topology.sibling_of[20], 20) << how;
  };
  check("by frequency");
  hybrid("0-15", "16-31");
  check("as the kernel says");
}

TEST_F(Topology, CapacityGoesBeforeFrequency) {
  for (unsigned i = 0; i < 8; ++i) {
    core_cpu(i, std::to_string(i), "0-7", "8192K");
    max_khz(i, 3'000'000);
    write(cpu(i) + "/cpu_capacity", i < 4 ? "1024\n" : "512\n");
  }
  expect_lanes(read(), range(0, 3));
}

TEST_F(Topology, OfASteamDeckAllCpusAreAlike) {
  for (unsigned i = 0; i < 8; ++i) {
    core_cpu(i, std::to_string(i / 2 * 2) + "-" + std::to_string(i / 2 * 2 + 1), "0-7", "4096K");
    max_khz(i, 3'500'000);
  }
  const gs_topology topology = read();
  EXPECT_EQ(topology.nr_cpus, 8U);
  EXPECT_EQ(topology.nr_llcs, 1U);
  EXPECT_EQ(topology.nr_for_games, 0U);
  expect_lanes(topology, range(0, 7));
}

TEST_F(Topology, OfALaptopWithTwoFastCoresGamesGoToThem) {
  for (unsigned i = 0; i < 4; ++i) {
    core_cpu(i, std::to_string(i / 2 * 2) + "-" + std::to_string(i / 2 * 2 + 1), "0-11", "12288K");
    max_khz(i, 4'700'000);
  }
  for (unsigned i = 4; i < 12; ++i) {
    core_cpu(i, std::to_string(i), "0-11", "12288K",
             std::to_string(i / 4 * 4) + "-" + std::to_string(i / 4 * 4 + 3));
    max_khz(i, 3'500'000);
  }
  hybrid("0-3", "4-11");
  expect_lanes(read(), range(0, 3));
}

TEST_F(Topology, OneFastCoreIsNoPlaceForAGame) {
  for (unsigned i = 0; i < 6; ++i) {
    core_cpu(i, i < 2 ? "0-1" : std::to_string(i), "0-5", "4096K");
    max_khz(i, i < 2 ? 3'000'000 : 1'800'000);
  }
  EXPECT_EQ(read().nr_for_games, 0U);
}

TEST_F(Topology, OfTwoSocketsIsOneLlcEachAndAllCpusAreAlike) {
  for (unsigned i = 0; i < 48; ++i) {
    core_cpu(i, std::to_string(i % 24) + "," + std::to_string(i % 24 + 24),
             i % 24 < 12 ? "0-11,24-35" : "12-23,36-47", "16896K");
    max_khz(i, 3'600'000);
    node(i, i % 24 < 12 ? 0 : 1);
  }
  const gs_topology topology = read();
  ASSERT_EQ(topology.nr_llcs, 2U);
  EXPECT_EQ(topology.llc_of[11], 0);
  EXPECT_EQ(topology.llc_of[12], 1);
  EXPECT_EQ(topology.llc_of[35], 0);
  EXPECT_EQ(topology.llc_of[47], 1);
  EXPECT_EQ(topology.nr_for_games, 0U);
  expect_lanes(topology, range(0, 47));
}

TEST_F(Topology, CachesOfOneNodeHaveNeighbouringNumbers) {
  // Two nodes that count their CPUs in turn, two caches each.
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned first = i % 2 + i / 8 * 8;
    core_cpu(i, std::to_string(i),
             std::to_string(first) + "," + std::to_string(first + 2) + "," + std::to_string(first + 4) + "," +
                 std::to_string(first + 6),
             "16384K");
    node(i, i % 2);
  }
  const gs_topology topology = read();
  ASSERT_EQ(topology.nr_llcs, 4U);
  for (unsigned i = 0; i < 16; ++i) EXPECT_EQ(topology.llc_of[i] / 2, i % 2) << "CPU " << i;
}

TEST_F(Topology, CoresWithoutAnL3HaveTheirL2) {
  for (unsigned i = 0; i < 8; ++i) core_cpu(i, std::to_string(i), "0-7");
  for (unsigned i = 8; i < 10; ++i) core_cpu(i, "8-9", "");  // low-power cores beside the ring
  for (unsigned i = 0; i < 10; ++i) max_khz(i, i < 4 ? 4'800'000 : i < 8 ? 3'800'000 : 2'500'000);
  const gs_topology topology = read();
  ASSERT_EQ(topology.nr_llcs, 2U);
  EXPECT_EQ(topology.llc_of[7], 0);
  EXPECT_EQ(topology.llc_of[8], 1);
  EXPECT_EQ(topology.llcs[1].nr_cpus, 2U);
  expect_lanes(topology, range(0, 3));
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
  EXPECT_TRUE(topology.flags[3] & GS_CPU_KNOWN);
  EXPECT_FALSE(topology.flags[4] & GS_CPU_KNOWN);
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
  const auto topology = read_topology(root());
  ASSERT_FALSE(topology);
  EXPECT_EQ(topology.error().code, Error::Code::Unsupported);
  EXPECT_NE(topology.error().message.find(std::to_string(GS_MAX_CPUS)), std::string::npos)
      << topology.error().message;
}

TEST_F(Topology, TooManyLlcsAreUnsupported) {
  for (unsigned i = 0; i < GS_MAX_LLCS; ++i) core_cpu(i, std::to_string(i), "");
  EXPECT_EQ(read().nr_llcs, static_cast<unsigned>(GS_MAX_LLCS));
  core_cpu(GS_MAX_LLCS, "64", "");
  const auto topology = read_topology(root());
  ASSERT_FALSE(topology);
  EXPECT_EQ(topology.error().code, Error::Code::Unsupported);
}

TEST_F(Topology, WithoutAnyCpuIsUnsupported) {
  const auto empty = read_topology(root());
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, Error::Code::Unsupported);
  EXPECT_FALSE(read_topology(root() / "absent"));
  EXPECT_FALSE(read_topology(root() / "possible")) << "a file";
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

TEST_F(Topology, NonsenseAboutACpuIsNotBelieved) {
  for (unsigned i = 0; i < 4; ++i) core_cpu(i, std::to_string(i), "0-3");
  write("cpu0/topology/thread_siblings_list", "7-99999999999");
  write("cpu1/topology/thread_siblings_list", "1,4000000000");
  write("cpu2/topology/thread_siblings_list", ",,-,x-y");
  write("cpu3/topology/thread_siblings_list", std::string(100'000, '3'));
  for (unsigned i = 0; i < 4; ++i) {
    make(cpu(i) + "/cpufreq");
    write(cpu(i) + "/cpufreq/cpuinfo_max_freq", i % 2 ? "fast" : "");
    write(cpu(i) + "/cache/index3/size", "-1K");
  }
  make(cpu(0) + "/nodes");
  const gs_topology topology = read();
  for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(topology.sibling_of[i], i);
  EXPECT_EQ(topology.nr_for_games, 0U);
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
