// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which sound card a thread plays to: the kernel's side knows the number of a device, the daemon its card.
//
// A card is looked up in /sys when its number comes up: when a stream is set up on it (the kernel tells,
// at most once a second for each device), or when somebody asks. Nothing is watched, so cards that come and
// go cost nothing. The journal has a line for each card the first time it is used.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "service/kernel/backend.h"

namespace gamesched::audio {

struct Card {
  int number = 0;    // N of /proc/asound/cardN
  std::string name;  // a USB device's product name, else the card's id; for people, cleaned
  bool usb = false;
};

// The card of the ALSA device with this minor number as it is now; none: there is no such device, or it
// belongs to no card (the sequencer). `sys` is where sysfs is.
std::optional<Card> card_of(uint32_t minor, const std::filesystem::path& sys = "/sys");

class SoundCards {
 public:
  explicit SoundCards(kernel::Backend& backend, std::filesystem::path sys = "/sys");
  ~SoundCards();
  SoundCards(const SoundCards&) = delete;
  SoundCards& operator=(const SoundCards&) = delete;

  // Cards that streams were set up on since the start, by number: what was last there.
  const std::map<int, Card>& used() const { return used_; }

 private:
  void used(uint32_t minor);

  kernel::Backend& backend_;
  const std::filesystem::path sys_;
  std::map<int, Card> used_;
};

}  // namespace gamesched::audio
