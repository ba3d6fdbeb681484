// SPDX-License-Identifier: GPL-2.0-or-later
//
// What SetProfile last said, remembered over restarts in the state directory.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "service/util/result.h"

namespace gamesched::policy {

class ProfileStore {
 public:
  explicit ProfileStore(std::filesystem::path file) : file_(std::move(file)) {}

  // Nothing when it was never said; System when the file is damaged or cannot be read.
  Result<std::optional<std::string>> read() const;
  // Writes to the disk only what is not there already.
  Result<void> write(const std::string& profile) const;

 private:
  std::filesystem::path file_;
};

}  // namespace gamesched::policy
