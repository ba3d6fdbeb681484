// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/audio/sound_cards.h"

#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

#include "service/util/file.h"
#include "service/util/log.h"
#include "service/util/text.h"

namespace gamesched::audio {
namespace {

constexpr std::size_t attribute_max_bytes = 4096;  // sysfs has no longer ones
constexpr std::size_t name_max_bytes = 64;
constexpr int cards_max = 32;  // SNDRV_CARDS

std::string attribute(const std::filesystem::path& path) {
  const auto text = read_file(path, attribute_max_bytes);
  if (!text) return {};
  std::string_view value = *text;
  if (value.ends_with('\n')) value.remove_suffix(1);
  return cleaned(value, name_max_bytes);
}

std::optional<int> number_of(const std::string& folder) {
  constexpr std::string_view prefix = "card";
  int number = 0;
  if (!folder.starts_with(prefix)) return std::nullopt;
  const char* const end = folder.data() + folder.size();
  const auto [stop, wrong] = std::from_chars(folder.data() + prefix.size(), end, number);
  if (wrong != std::errc{} || stop != end || number < 0 || number >= cards_max) return std::nullopt;
  return number;
}

}  // namespace

std::optional<Card> card_of(uint32_t minor, const std::filesystem::path& sys) {
  std::error_code error;
  // .../usb1/1-2/1-2:1.0/sound/card3/pcmC3D0p
  const auto device = std::filesystem::canonical(sys / "dev/char" / ("116:" + std::to_string(minor)), error);
  if (error) return std::nullopt;
  const auto folder = device.parent_path();
  const auto number = number_of(folder.filename());
  if (!number) return std::nullopt;
  Card card{.number = *number, .name = attribute(folder / "id"), .usb = false};
  // The USB device is the nearest folder above that has a product name; a hub further up is another device.
  const auto interface = folder.parent_path().parent_path();
  if (interface.filename().string().contains(':') && file_exists(interface.parent_path() / "idVendor")) {
    card.usb = true;
    if (auto product = attribute(interface.parent_path() / "product"); !product.empty())
      card.name = std::move(product);
  }
  return card;
}

SoundCards::SoundCards(kernel::Backend& backend, std::filesystem::path sys)
    : backend_(backend), sys_(std::move(sys)) {
  backend_.on_sound = [this](uint32_t minor) { used(minor); };
}

SoundCards::~SoundCards() {
  backend_.on_sound = nullptr;
}

void SoundCards::used(uint32_t minor) {
  const auto card = card_of(minor, sys_);
  if (!card) return;  // unplugged meanwhile
  const auto [known, fresh] = used_.try_emplace(card->number, *card);
  if (!fresh && known->second.name == card->name && known->second.usb == card->usb) return;
  known->second = *card;
  log::info("Sound card in use: " + card->name + (card->usb ? " (USB)" : ""),
            {{"GAMESCHED_CARD", std::to_string(card->number)},
             {"GAMESCHED_CARD_NAME", card->name},
             {"GAMESCHED_CARD_USB", card->usb ? "1" : "0"}});
}

}  // namespace gamesched::audio
