// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/games/option_text.h"

#include <charconv>
#include <string>

#include "service/util/text.h"

namespace gamesched::games {
namespace {

Result<void> take_option(std::string_view key, std::string_view value, GameOptions& out) {
  if (key == "name") {
    out.name = value;
  } else if (key == "app-id") {
    out.app_id = value;
  } else if (key == "profile") {
    out.profile = value;
  } else if (key == "target-fps") {
    const char* const end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, out.target_fps);
    if (error != std::errc{} || stop != end)
      return fail(Error::Code::InvalidArgument, "Option \"target-fps\" is no number.");
    return check_target_fps(out.target_fps);
  } else {
    // Others are for clients that stay on the bus.
    return fail(Error::Code::InvalidArgument, "There is no option \"" + cleaned(key, 64) +
                                                  "\" here; known are name, app-id, profile and target-fps.");
  }
  return {};
}

}  // namespace

Result<GameOptions> options_of_text(std::string_view text) {
  GameOptions out;
  while (!text.empty()) {
    const std::size_t end = text.find('\0');
    const std::string_view line = text.substr(0, end);
    const std::size_t equals = line.find('=');
    if (end == text.npos || equals == line.npos)
      return fail(Error::Code::InvalidArgument, "The request is no list of key=value, each ended by a NUL.");
    if (auto taken = take_option(line.substr(0, equals), line.substr(equals + 1), out); !taken)
      return std::unexpected(taken.error());
    text.remove_prefix(end + 1);
  }
  return check_options(out).transform([&] { return out; });
}

}  // namespace gamesched::games
