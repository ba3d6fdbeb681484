// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/kernel/gpu_cards.h"

#include <charconv>
#include <string>
#include <system_error>
#include <vector>

namespace gamesched::kernel {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view drm_devices = "226:";  // DRM_MAJOR
constexpr uint32_t first_command = 0x40;          // DRM_COMMAND_BASE

struct Driver {
  std::string_view name;
  std::vector<uint32_t> submits;
};

const std::vector<Driver>& drivers() {
#define GPU_DRIVER(name, ...) {name, {__VA_ARGS__}},
  static const std::vector<Driver> all{
#include "bpf/shared/gpu_drivers.def"
  };
#undef GPU_DRIVER
  return all;
}

bool is_known(const gs_gpu_card& card) {
  return (card.submits[0] | card.submits[1]) != 0;
}

// The last part of what a link in sysfs points to; "" where there is none.
std::string target_of(const fs::path& link) {
  std::error_code error;
  return fs::read_symlink(link, error).filename().string();
}

// A device without a driver of its own (vgem's) is known by its name.
gs_gpu_card commands_of(const fs::path& card) {
  const gs_gpu_card by_driver = gpu_commands_of(target_of(card / "device" / "driver"));
  return is_known(by_driver) ? by_driver : gpu_commands_of(target_of(card / "device"));
}

}  // namespace

gs_gpu_card gpu_commands_of(std::string_view driver) {
  gs_gpu_card card{};
  for (const Driver& each : drivers()) {
    if (each.name != driver) continue;
    for (const uint32_t command : each.submits) {
      const uint32_t bit = command - first_command;
      card.submits[bit / 64] |= 1ULL << bit % 64;
    }
  }
  return card;
}

std::map<uint32_t, gs_gpu_card> read_gpu_cards(const fs::path& char_devices) {
  std::map<uint32_t, gs_gpu_card> cards;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(char_devices, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(drm_devices)) continue;
    uint32_t minor = 0;
    const char* const end = name.data() + name.size();
    if (std::from_chars(name.data() + drm_devices.size(), end, minor).ptr != end || minor >= GS_GPU_CARDS)
      continue;
    const gs_gpu_card card = commands_of(entry.path());
    if (is_known(card)) cards.emplace(minor, card);
  }
  return cards;
}

}  // namespace gamesched::kernel
