// SPDX-License-Identifier: GPL-2.0-or-later
//
// The games on record in the runtime directory, so that a daemon that was
// killed and started again takes up the games that still run.
//
// What is read back is believed no more than a client: the process must have the
// recorded start time and user, and every text is checked again.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "service/games/registry.h"

namespace gamesched::games {

struct Record {
  GameId next_id = 1;
  std::string bus_id;  // of the bus on which the games' holders have their names
  std::vector<Game> games;
};

std::string to_json(const Record& record);
// Entries that make no sense are left out; text that is no journal is an error.
Result<Record> from_json(std::string_view text);

class Journal {
 public:
  explicit Journal(std::filesystem::path file) : file_(std::move(file)) {}

  Result<void> write(const Registry& registry, const std::string& bus_id) const;
  // Games of the record whose process still lives and is the same; returns how many were taken up. On another
  // bus than the record's no holder can be; whether one still is on this bus is for the caller to find out.
  Result<std::size_t> adopt_into(Registry& registry, const std::string& bus_id) const;

 private:
  std::filesystem::path file_;
};

}  // namespace gamesched::games
