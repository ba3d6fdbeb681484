// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/kernel/bpf_cost.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace gamesched::lab {
namespace {

constexpr int highest_fd = 512;
constexpr std::size_t kept_of_a_name = 15;  // BPF_OBJ_NAME_LEN without the end

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

bool is_a(int fd, const char* kind) {
  std::error_code none;
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), none) == kind;
}

}  // namespace

int program_named(std::string_view name) {
  for (int fd = 0; fd < highest_fd; fd++) {
    bpf_prog_info info{};
    unsigned size = sizeof(info);
    if (is_a(fd, "anon_inode:bpf-prog") && bpf_prog_get_info_by_fd(fd, &info, &size) == 0 &&
        name.substr(0, kept_of_a_name) == info.name)
      return fd;
  }
  throw std::runtime_error("no program " + std::string(name));
}

int map_named(std::string_view name, int number) {
  for (int fd = 0; fd < highest_fd; fd++) {
    bpf_map_info info{};
    unsigned size = sizeof(info);
    if (is_a(fd, "anon_inode:bpf-map") && bpf_map_get_info_by_fd(fd, &info, &size) == 0 &&
        name.substr(0, kept_of_a_name) == info.name && number-- == 0)
      return fd;
  }
  throw std::runtime_error("no map " + std::string(name));
}

Cost cost_of(int program) {
  bpf_prog_info info{};
  unsigned size = sizeof(info);
  if (bpf_prog_get_info_by_fd(program, &info, &size) != 0) fail("cannot ask a program");
  return {info.run_time_ns, info.run_cnt, info.recursion_misses};
}

Statistics::Statistics() : fd_(bpf_enable_stats(BPF_STATS_RUN_TIME)) {
  if (fd_ < 0) fail("cannot measure BPF programs");
}

Statistics::~Statistics() {
  ::close(fd_);
}

EmptyProgram::EmptyProgram(const std::string& name, At at) {
  const bpf_attach_type type = at == At::Tracepoint ? BPF_TRACE_RAW_TP : BPF_TRACE_FENTRY;
  const int id = libbpf_find_vmlinux_btf_id(name.c_str(), type);
  if (id < 0) throw std::runtime_error("this kernel has no " + name);
  const bpf_insn code[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = type,
              .attach_btf_id = static_cast<__u32>(id));
  program_ = bpf_prog_load(BPF_PROG_TYPE_TRACING, "empty", "GPL", code, 2, &options);
  if (program_ < 0) fail("cannot load an empty program");
  link_ = bpf_raw_tracepoint_open(nullptr, program_);
  if (link_ < 0) fail("cannot attach an empty program");
}

EmptyProgram::~EmptyProgram() {
  ::close(link_);
  ::close(program_);
}

}  // namespace gamesched::lab
