// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/kernel/object.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <stdexcept>

#include "service/util/fd.h"

namespace gamesched::kernel {
namespace {

// libbpf explains a failure in several messages before it returns an errno; the end of the last ones names
// the cause.
constexpr std::size_t kept_message_bytes = 600;
// Of the verifier's log, the reason stands in the last lines before its statistics.
constexpr std::size_t kept_verifier_bytes = 400;
std::string last_messages;

std::string verifier_reason(const std::string& log) {
  const auto statistics = log.rfind("\nprocessed ");
  const auto end = statistics == std::string::npos ? log.size() : statistics;
  auto begin = end > kept_verifier_bytes ? log.find('\n', end - kept_verifier_bytes) + 1 : 0;
  return "the verifier's last words: " + log.substr(begin, end - begin) + "\n";
}

int keep_message(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length <= 0) return 0;
  std::string message(static_cast<std::size_t>(length) + 1, '\0');
  std::vsnprintf(message.data(), message.size(), format, arguments);
  message.pop_back();
  last_messages += message.contains("-- BEGIN PROG LOAD LOG --") ? verifier_reason(message) : message;
  if (last_messages.size() > kept_message_bytes)
    last_messages.erase(0, last_messages.size() - kept_message_bytes);
  return length;
}

std::string single_line(std::string text) {
  for (char& c : text)
    if (c == '\n') c = ' ';
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

std::unexpected<Error> kernel_error(const std::string& what, int error) {
  Error::Code code = Error::Code::System;
  if (error == EPERM || error == EACCES) code = Error::Code::Permission;
  if (error == ENOENT || error == ESRCH || error == EINVAL || error == EOPNOTSUPP)
    code = Error::Code::Unsupported;
  if (error == EBUSY) code = Error::Code::Busy;
  std::string details = single_line(std::exchange(last_messages, {}));
  return fail_errno(details.empty() ? what : what + " (" + details + ")", error, code);
}

}  // namespace

void capture_libbpf_messages() {
  libbpf_set_print(keep_message);
}

Object::Object(std::string name, std::span<const unsigned char> bytes) : name_(std::move(name)) {
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = name_.c_str());
  object_.reset(bpf_object__open_mem(bytes.data(), bytes.size(), &options));
  if (!object_)
    throw std::runtime_error("BPF object " + name_ + " cannot be opened: " + single_line(last_messages));
}

Object::~Object() {
  for (const Mapping& mapping : mappings_) ::munmap(mapping.memory, mapping.size);
}

void Object::share_maps_of(const Object& other, std::span<const std::string_view> names) {
  for (const std::string_view name : names) {
    bpf_map* map = bpf_object__find_map_by_name(object_.get(), std::string(name).c_str());
    const int fd = other.map_fd(name);
    if (map != nullptr && fd >= 0 && bpf_map__reuse_fd(map, fd) != 0)
      throw std::runtime_error("BPF objects " + name_ + " and " + other.name_ + " disagree on map " +
                               std::string(name));
  }
}

void Object::resize_map(std::string_view name, uint32_t entries) {
  bpf_map* map = bpf_object__find_map_by_name(object_.get(), std::string(name).c_str());
  if (map == nullptr || bpf_map__set_max_entries(map, entries) != 0)
    throw std::runtime_error("BPF object " + name_ + " has no map " + std::string(name) + " to size");
}

Result<void> Object::load() {
  last_messages.clear();
  if (const int error = bpf_object__load(object_.get()); error != 0)
    return kernel_error("the kernel did not load BPF object " + name_, -error);
  loaded_ = true;
  return {};
}

namespace {

Result<bpf_link*> attach(const bpf_program* program) {
  last_messages.clear();
  bpf_link* link = bpf_program__attach(program);
  if (link != nullptr) return link;
  const int error = errno;
  return kernel_error(std::string("cannot attach ") + bpf_program__section_name(program), error);
}

}  // namespace

bpf_program* Object::program_named(std::string_view name) const {
  bpf_program* program = bpf_object__find_program_by_name(object_.get(), std::string(name).c_str());
  if (program == nullptr)
    throw std::runtime_error("BPF object " + name_ + " has no program " + std::string(name));
  return program;
}

void Object::attach_later(std::string_view program) {
  bpf_program__set_autoattach(program_named(program), false);
}

Result<bpf_link*> Object::attach_program(std::string_view program) {
  return attach(program_named(program));
}

Result<void> Object::attach_programs() {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object_.get()) {
    if (bpf_program__type(program) == BPF_PROG_TYPE_STRUCT_OPS || !bpf_program__autoattach(program)) continue;
    auto link = attach(program);
    if (!link) {
      links_.clear();
      return std::unexpected(link.error());
    }
    links_.emplace_back(*link);
  }
  return {};
}

Result<void> Object::run_iterator() const {
  if (links_.empty()) return fail(Error::Code::Unsupported, "BPF object " + name_ + " is not attached");
  const UniqueFd iterator(bpf_iter_create(bpf_link__fd(links_.front().get())));
  if (!iterator) return kernel_error("cannot begin " + name_, errno);
  char nothing[64];  // the program writes no text
  for (;;) {
    const ssize_t n = ::read(iterator.get(), nothing, sizeof(nothing));
    if (n == 0) return {};
    // A long way is interrupted here and there for others' sake.
    if (n < 0 && errno != EAGAIN && errno != EINTR) return kernel_error("cannot run " + name_, errno);
  }
}

Result<bpf_link*> Object::attach_struct_ops(std::string_view name) {
  bpf_map* map = bpf_object__find_map_by_name(object_.get(), std::string(name).c_str());
  if (map == nullptr)
    return fail(Error::Code::Unsupported, "BPF object " + name_ + " has no " + std::string(name));
  last_messages.clear();
  bpf_link* link = bpf_map__attach_struct_ops(map);
  if (link == nullptr) {
    const int error = errno;
    return kernel_error("the kernel did not take the scheduler", error);
  }
  return link;
}

int Object::map_fd(std::string_view name) const {
  const bpf_map* map = bpf_object__find_map_by_name(object_.get(), std::string(name).c_str());
  return map == nullptr ? -1 : bpf_map__fd(map);
}

void* Object::section_memory(bpf_map* map) {
  std::size_t size = 0;
  if (!loaded_) return bpf_map__initial_value(map, &size);
  for (const Mapping& mapping : mappings_)
    if (mapping.map == map) return mapping.memory;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  size = (bpf_map__value_size(map) + page - 1) / page * page;
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
  if (memory == MAP_FAILED) return nullptr;
  mappings_.push_back({map, memory, size});
  return memory;
}

void* Object::global_bytes(std::string_view variable, std::size_t size) {
  const btf* types = bpf_object__btf(object_.get());
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object_.get()) {
    // The map of a section is named "OBJECT.SECTION"; its value type is the section in BTF.
    if (!bpf_map__is_internal(map)) continue;
    const std::string_view map_name = bpf_map__name(map);
    const auto dot = map_name.find('.');
    if (dot == std::string_view::npos) continue;
    const int id = btf__find_by_name_kind(types, std::string(map_name.substr(dot)).c_str(), BTF_KIND_DATASEC);
    if (id < 0) continue;
    const btf_type* section = btf__type_by_id(types, static_cast<unsigned>(id));
    const btf_var_secinfo* info = btf_var_secinfos(section);
    for (int i = 0; i < btf_vlen(section); i++) {
      const btf_type* type = btf__type_by_id(types, info[i].type);
      if (variable != btf__name_by_offset(types, type->name_off)) continue;
      if (info[i].size < size) break;
      char* memory = static_cast<char*>(section_memory(map));
      if (memory == nullptr) break;
      return memory + info[i].offset;
    }
  }
  throw std::runtime_error("BPF object " + name_ + " has no variable " + std::string(variable) +
                           " of that size");
}

std::vector<VerifiedProgram> Object::verified_programs() const {
  std::vector<VerifiedProgram> programs;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object_.get()) {
    bpf_prog_info info{};
    unsigned length = sizeof(info);
    if (bpf_prog_get_info_by_fd(bpf_program__fd(program), &info, &length) == 0)
      programs.push_back({bpf_program__name(program), info.verified_insns});
  }
  return programs;
}

}  // namespace gamesched::kernel
