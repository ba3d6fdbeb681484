// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/policy/enabled_store.h"

#include "service/util/file.h"

namespace gamesched::policy {

Result<std::optional<bool>> EnabledStore::read() const {
  if (!file_exists(file_)) return std::nullopt;
  const auto text = read_file(file_, 64);
  if (!text) return std::unexpected(text.error());
  if (*text == "true\n") return true;
  if (*text == "false\n") return false;
  return fail(Error::Code::System, file_.string() + " holds neither \"true\" nor \"false\"");
}

Result<void> EnabledStore::write(bool enabled) const {
  if (const auto stored = read(); stored && *stored == enabled) return {};
  return replace_file(file_, enabled ? "true\n" : "false\n", 0644);
}

}  // namespace gamesched::policy
