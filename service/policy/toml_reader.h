// SPDX-License-Identifier: GPL-2.0-or-later
//
// Typed reading of TOML nodes, with errors that say where and what to write instead.
//
// Inside a parser a Wrong is thrown: the first one ends the file. parse() of config.h catches it and returns
// an Error; nothing else sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <toml++/toml.hpp>
#include <vector>

namespace gamesched::policy::toml_reader {

struct Wrong {
  toml::source_position where;
  std::string what;
};

// `key` as written in the file, for sentences and, where a value has no position, for its place.
struct Item {
  const toml::key& key;
  const toml::node& value;

  toml::source_position where() const;
  [[noreturn]] void wrong(const std::string& what) const;

  bool boolean() const;
  uint64_t number(uint64_t minimum, uint64_t maximum, std::string_view unit) const;
  std::string text(std::size_t max_bytes) const;
  // One text or an array of texts; never empty.
  std::vector<std::string> texts(std::size_t max_count, std::size_t max_bytes) const;
  const toml::table& table() const;
  // [[key]]: the tables, in order.
  std::vector<const toml::table*> tables(std::size_t max_count) const;

  [[noreturn]] void unknown(std::span<const std::string_view> known) const;
};

}  // namespace gamesched::policy::toml_reader
