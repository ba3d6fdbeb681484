// SPDX-License-Identifier: GPL-2.0-or-later
//
// One BPF object: opened from the bytes inside the daemon, loaded, its programs attached.
//
// Everything it holds ends with it. Global variables are found by name through
// the object's BTF, so user space repeats no BPF types beyond bpf/shared/abi.h.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "service/util/result.h"

namespace gamesched::kernel {

// What the kernel's verifier said of one program.
struct VerifiedProgram {
  std::string name;
  uint32_t instructions = 0;  // that the verifier processed
};

class Object {
 public:
  // Parses only; no system call that needs a privilege. Throws std::runtime_error for a broken build.
  Object(std::string name, std::span<const unsigned char> bytes);
  ~Object();
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  const std::string& name() const { return name_; }

  // Before load(): use another object's map of the same name.
  void share_maps_of(const Object& other, std::span<const std::string_view> names);
  // Before load(): how many entries a map shall have.
  void resize_map(std::string_view name, uint32_t entries);
  // Errors: Permission, Unsupported (a symbol this kernel lacks, or the verifier refused), System.
  Result<void> load();
  bool loaded() const { return loaded_; }

  // Before load(): attach_programs() leaves out the program of that name.
  void attach_later(std::string_view program);
  // Attaches all programs that attach by themselves (not struct_ops).
  Result<void> attach_programs();
  // Attaches one; the link is the caller's.
  Result<bpf_link*> attach_program(std::string_view program);
  void detach_programs() { links_.clear(); }
  // Runs the one program that it is, an iterator, over all there is now; what that found lies in its variables.
  Result<void> run_iterator() const;
  // Attaches the struct_ops map of that name; the link is the caller's.
  Result<bpf_link*> attach_struct_ops(std::string_view map);

  int map_fd(std::string_view name) const;

  // A global variable: before load() its initial value, afterwards the living one.
  template <typename T>
  volatile T* global(std::string_view variable) {
    return static_cast<volatile T*>(global_bytes(variable, sizeof(T)));
  }

  std::vector<VerifiedProgram> verified_programs() const;

 private:
  void* global_bytes(std::string_view variable, std::size_t size);
  void* section_memory(bpf_map* map);
  // Throws std::runtime_error when there is none: the object and the code disagree.
  bpf_program* program_named(std::string_view name) const;

  struct ObjectCloser {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
  };
  struct LinkDestroyer {
    void operator()(bpf_link* link) const { bpf_link__destroy(link); }
  };
  struct Mapping {
    const bpf_map* map = nullptr;
    void* memory = nullptr;
    std::size_t size = 0;
  };

  std::string name_;
  std::unique_ptr<bpf_object, ObjectCloser> object_;
  std::vector<std::unique_ptr<bpf_link, LinkDestroyer>> links_;
  std::vector<Mapping> mappings_;
  bool loaded_ = false;
};

// Sends libbpf's own messages nowhere; the last warnings are kept for the error that follows.
void capture_libbpf_messages();

}  // namespace gamesched::kernel
