// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/policy/profiles.h"

#include <algorithm>

#include "service/util/suggest.h"
#include "service/util/text.h"

namespace gamesched::policy {

bool is_profile_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= max_profile_name_bytes && letter(name[0]) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || c == '-' || c == '_'; });
}

std::string no_such_profile(std::string_view name, const Profiles& profiles) {
  std::vector<std::string_view> names;
  for (const auto& [known, profile] : profiles) names.push_back(known);
  return "there is no profile \"" + cleaned(name, max_profile_name_bytes) + "\"" + suggestion(name, names);
}

}  // namespace gamesched::policy
