// SPDX-License-Identifier: GPL-2.0-or-later
//
// signal-bench: what the detectors of audio, network and programs cost on this machine. One JSON object on
// standard output; times are nanoseconds, and measuring itself is subtracted. Needs root; no other gamesched
// may run.
//
//   network     a message in each of the hooks: a live conversation over UDP, a bulk transfer over TCP
//   programs    the start of a program, with the distribution's rules (they are read from the file named next):
//               one that is ignored, one that no rule names, one in a folder of games, one that a game starts
//   servers     the look-up of an audio server, in a table with a bit a process, in a hash of all CPUs and in
//               one of each CPU, on every CPU at once
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "bpf/policy/budget.h"
#include "bpf/shared/abi.h"
#include "service/games/exec_filter.h"
#include "service/kernel/loader.h"
#include "service/policy/config.h"
#include "service/util/fd.h"
#include "tests/lab/kernel/bpf_cost.h"

namespace gamesched::lab {
namespace {

using nlohmann::json;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  ::sched_setaffinity(0, sizeof(set), &set);
}

// Two connected sockets of the loopback device.
std::array<UniqueFd, 2> connected(int type) {
  UniqueFd server(::socket(AF_INET, type, 0)), client(::socket(AF_INET, type, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(server.get(), generic, length) < 0 || ::getsockname(server.get(), generic, &length) < 0)
    fail("bind");
  if (type == SOCK_STREAM && ::listen(server.get(), 1) < 0) fail("listen");
  if (::connect(client.get(), generic, length) < 0) fail("connect");
  if (type == SOCK_STREAM) return {UniqueFd(::accept(server.get(), nullptr, nullptr)), std::move(client)};
  if (::getsockname(client.get(), generic, &length) < 0 || ::connect(server.get(), generic, length) < 0)
    fail("connect");
  return {std::move(server), std::move(client)};
}

json network() {
  const auto backend = kernel::make_backend();
  backend->load();
  for (const auto& detector : backend->detectors())
    if (detector.name == "network" && !detector.attached)
      throw std::runtime_error("the network detector: " + detector.reason);
  pin_to(0);
  const int sends = program_named("net_sends"), received = program_named("net_received");
  const EmptyProgram empty("inet_sendmsg");
  const Statistics statistics;
  json result;
  const auto phase = [&](const char* name, int type, std::size_t bytes, int messages, useconds_t pause) {
    const auto [server, client] = connected(type);
    std::vector<char> buffer(bytes);
    const auto move = [&](int from, int to) {
      if (::send(from, buffer.data(), bytes, 0) != static_cast<ssize_t>(bytes)) fail("send");
      for (std::size_t got = 0; got < bytes;) {
        const ssize_t part = ::recv(to, buffer.data(), bytes - got, 0);
        if (part <= 0) fail("recv");
        got += static_cast<std::size_t>(part);
      }
    };
    // The first message finds no state yet.
    for (int i = 0; i < 10; i++) move(client.get(), server.get());
    // The least of some rounds: the emulator's CPUs share one stream of instructions.
    double send_ns = std::numeric_limits<double>::max(), receive_ns = send_ns;
    uint64_t counted = 0, not_run = 0;
    for (int round = 0; round < 4; round++) {
      const Cost send_before = cost_of(sends), receive_before = cost_of(received),
                 empty_before = empty.cost();
      for (int i = 0; i < messages / 4; i++) {
        move(client.get(), server.get());
        if (type == SOCK_DGRAM) move(server.get(), client.get());
        ::usleep(pause);
      }
      const double measuring = (empty.cost() - empty_before).mean_ns();
      const Cost send = cost_of(sends) - send_before;
      send_ns = std::min(send_ns, send.mean_ns() - measuring);
      receive_ns = std::min(receive_ns, (cost_of(received) - receive_before).mean_ns() - measuring);
      counted += send.runs;
      not_run += send.recursion_misses;
    }
    result[name] = {
        {"send_ns", send_ns}, {"receive_ns", receive_ns}, {"messages", counted}, {"not_run", not_run}};
  };
  phase("live", SOCK_DGRAM, 80, 400, 5000);
  phase("bulk", SOCK_STREAM, 32768, 2000, 0);
  return result;
}

// A program that does nothing, under a name of our own; gone with this.
class Program {
 public:
  explicit Program(std::filesystem::path folder)
      : folder_(std::move(folder)), path_(folder_ / "bench-program") {
    std::filesystem::create_directories(folder_);
    std::filesystem::copy_file("/usr/bin/true", path_, std::filesystem::copy_options::overwrite_existing);
  }
  ~Program() {
    std::error_code none;
    std::filesystem::remove_all(folder_, none);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path folder_, path_;
};

void run_once(const std::string& path) {
  // As long as a launcher's are.
  std::string name = path, verb = "waitforexitandrun", program(80, 'x');
  char* const arguments[] = {name.data(), verb.data(), program.data(), nullptr};
  pid_t pid = 0;
  if ((errno = ::posix_spawn(&pid, path.c_str(), nullptr, nullptr, arguments, environ)) != 0) fail(path);
  ::waitpid(pid, nullptr, 0);
}

json programs(const std::string& rules) {
  std::ifstream in(rules);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  const auto config = policy::parse(text, rules, {});
  if (!config) throw std::runtime_error(config.error().message);
  if (config->detect.empty()) throw std::runtime_error(rules + ": no rules");
  const auto backend = kernel::make_backend();
  backend->load();
  for (const auto& detector : backend->detectors())
    if (detector.name == "process" && !detector.attached)
      throw std::runtime_error("the detector of programs: " + detector.reason);
  backend->set_exec_filter(games::exec_filter(config->detect, {}));
  const int hook = program_named("process_exec");
  const EmptyProgram empty("sched_process_exec", EmptyProgram::At::Tracepoint);
  const Statistics statistics;
  const Program elsewhere("/run/gamesched-bench"), among_games("/srv/gamesched-bench");
  json result;
  // Less often than is told at once.
  const auto phase = [&](const char* name, const std::string& path) {
    run_once(path);
    // The median: now and then an interrupt, or another CPU's work, falls into a run.
    std::array<double, GS_EXEC_BURST / 4 + 1> costs{};
    for (double& cost : costs) {
      const Cost hook_before = cost_of(hook), empty_before = empty.cost();
      run_once(path);
      cost = (cost_of(hook) - hook_before).mean_ns() - (empty.cost() - empty_before).mean_ns();
    }
    std::ranges::nth_element(costs, costs.begin() + costs.size() / 2);
    result[name] = {{"median_ns", costs[costs.size() / 2]}, {"events", costs.size()}};
    backend->dispatch_events();
  };
  phase("ignored", "/usr/bin/true");
  phase("elsewhere", elsewhere.path());
  phase("among_games", among_games.path());
  if (const auto added = backend->add_game(1, getpid()); !added)
    throw std::runtime_error(added.error().message);
  phase("of_a_game", elsewhere.path());
  backend->remove_game(1);
  return result;
}

constexpr int look_ups = 64;

// Looks a key up that is there, so many times; 0: the loop's cost alone.
UniqueFd look_up_program(int map, int times) {
  std::vector<bpf_insn> code;
  const auto add = [&](uint8_t op, uint8_t dst, uint8_t src, int16_t off, int32_t imm) {
    code.push_back({.code = op,
                    .dst_reg = static_cast<uint8_t>(dst & 0xf),
                    .src_reg = static_cast<uint8_t>(src & 0xf),
                    .off = off,
                    .imm = imm});
  };
  add(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 1000);
  for (int i = 0; i < times; i++) {
    add(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map);
    add(0, 0, 0, 0, 0);
    add(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0);
    add(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4);
    add(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
  }
  add(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
  add(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  UniqueFd program(
      bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "look_up", "GPL", code.data(), code.size(), &options));
  if (!program) fail("cannot load a program");
  return program;
}

double run_ns(int program) {
  std::array<char, 64> packet{};
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(), .data_size_in = packet.size(),
              .repeat = 2000);
  if (bpf_prog_test_run_opts(program, &options) != 0) fail("cannot run a program");
  return options.duration;
}

json servers() {
  json result;
  const int cpus = libbpf_num_possible_cpus();
  for (const auto& [name, type] :
       {std::pair("bits", BPF_MAP_TYPE_ARRAY), std::pair("hash", BPF_MAP_TYPE_HASH),
        std::pair("per_cpu", BPF_MAP_TYPE_PERCPU_HASH)}) {
    const bool bits = type == BPF_MAP_TYPE_ARRAY;
    const UniqueFd map(bpf_map_create(type, "servers", sizeof(uint32_t),
                                      bits ? sizeof(uint64_t) : sizeof(uint32_t),
                                      bits ? GS_PROCESS_IDS / 64 : 256, nullptr));
    if (!map) fail("cannot make a map");
    for (uint32_t server = 1000; server < 1008 && !bits; server++) {
      const std::vector<uint64_t> ones(static_cast<std::size_t>(cpus), 1);
      if (bpf_map_update_elem(map.get(), &server, ones.data(), BPF_ANY) != 0) fail("cannot fill a map");
    }
    const UniqueFd full = look_up_program(map.get(), look_ups), empty = look_up_program(map.get(), 0);
    const double alone = (run_ns(full.get()) - run_ns(empty.get())) / look_ups;
    // The emulator's CPUs share one stream of instructions: with all busy, a run takes as many times longer.
    std::vector<double> together(static_cast<std::size_t>(cpus));
    std::vector<std::thread> threads;
    for (int cpu = 0; cpu < cpus; cpu++)
      threads.emplace_back([&, cpu] {
        pin_to(cpu);
        together[static_cast<std::size_t>(cpu)] = run_ns(full.get()) / look_ups;
      });
    double sum = 0;
    for (std::size_t i = 0; i < threads.size(); i++) threads[i].join(), sum += together[i];
    result[name] = {{"alone_ns", alone}, {"all_cpus_ns", sum / cpus / cpus}};
  }
  return result;
}

}  // namespace
}  // namespace gamesched::lab

int main(int argc, char** argv) {
  using namespace gamesched::lab;
  const std::string what = argc > 1 ? argv[1] : "";
  try {
    if (what == "network" && argc == 2) return std::cout << network() << '\n', 0;
    if (what == "programs" && argc == 3) return std::cout << programs(argv[2]) << '\n', 0;
    if (what == "servers" && argc == 2) return std::cout << servers() << '\n', 0;
  } catch (const std::exception& error) {
    std::cerr << "signal-bench: " << error.what() << '\n';
    return 1;
  }
  std::cerr << "usage: signal-bench network|servers|programs RULES\n";
  return 2;
}
