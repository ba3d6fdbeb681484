// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/games/options.h"

#include "service/util/text.h"

namespace gamesched::games {
namespace {

Result<void> check_text(const std::string& key, const std::string& value, std::size_t max_bytes) {
  if (value.size() > max_bytes) {
    return fail(Error::Code::InvalidArgument, "Option \"" + key + "\" has " + std::to_string(value.size()) +
                                                  " bytes; at most " + std::to_string(max_bytes) +
                                                  " are allowed.");
  }
  if (!is_clean(value)) {
    return fail(Error::Code::InvalidArgument,
                "Option \"" + key + "\" holds control characters or is not UTF-8; pass printable text.");
  }
  return {};
}

}  // namespace

Result<void> check_options(const GameOptions& options) {
  if (auto ok = check_text("name", options.name, GameOptions::max_name_bytes); !ok) return ok;
  if (auto ok = check_text("app-id", options.app_id, GameOptions::max_app_id_bytes); !ok) return ok;
  if (auto ok = check_text("profile", options.profile, GameOptions::max_profile_bytes); !ok) return ok;
  return options.target_fps == 0 ? Result<void>{} : check_target_fps(options.target_fps);
}

Result<void> check_target_fps(uint32_t target_fps) {
  if (target_fps >= 1 && target_fps <= GameOptions::max_target_fps) return {};
  return fail(Error::Code::InvalidArgument, "Option \"target-fps\" is " + std::to_string(target_fps) +
                                                "; pass 1 to " + std::to_string(GameOptions::max_target_fps) +
                                                ".");
}

}  // namespace gamesched::games
