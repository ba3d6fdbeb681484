// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/policy/profile_store.h"

#include "service/policy/profiles.h"
#include "service/util/file.h"

namespace gamesched::policy {

Result<std::optional<std::string>> ProfileStore::read() const {
  if (!file_exists(file_)) return std::nullopt;
  auto text = read_file(file_, max_profile_name_bytes + 1);
  if (!text) return std::unexpected(text.error());
  if (text->ends_with('\n')) text->pop_back();
  if (is_profile_name(*text)) return std::move(*text);
  return fail(Error::Code::System, file_.string() + " holds no name of a profile");
}

Result<void> ProfileStore::write(const std::string& profile) const {
  if (const auto stored = read(); stored && *stored == profile) return {};
  return replace_file(file_, profile + "\n", 0644);
}

}  // namespace gamesched::policy
