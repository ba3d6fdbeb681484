// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/policy/toml_reader.h"

#include "service/util/suggest.h"
#include "service/util/text.h"

namespace gamesched::policy::toml_reader {
namespace {

std::string text_of(const Item& item, const toml::node& node, std::size_t max_bytes) {
  const auto text = node.value_exact<std::string>();
  const std::string key(item.key.str());
  const toml::source_position at = node.source().begin ? node.source().begin : item.where();
  if (!text) throw Wrong{at, key + " must be a text in quotes"};
  if (text->empty()) throw Wrong{at, key + " must not be empty"};
  if (text->size() > max_bytes)
    throw Wrong{at, key + " has " + std::to_string(text->size()) + " bytes; at most " +
                        std::to_string(max_bytes) + " are allowed"};
  if (!is_clean(*text)) throw Wrong{at, key + " holds control characters or is not UTF-8"};
  return *text;
}

}  // namespace

toml::source_position Item::where() const {
  const toml::source_position at_value = value.source().begin;
  return at_value ? at_value : key.source().begin;
}

void Item::wrong(const std::string& what) const {
  throw Wrong{where(), what};
}

bool Item::boolean() const {
  const auto on = value.value_exact<bool>();
  if (!on) wrong(std::string(key.str()) + " must be true or false");
  return *on;
}

uint64_t Item::number(uint64_t minimum, uint64_t maximum, std::string_view unit) const {
  const auto number = value.value_exact<int64_t>();
  if (!number || *number < 0 || static_cast<uint64_t>(*number) < minimum ||
      static_cast<uint64_t>(*number) > maximum) {
    wrong(std::string(key.str()) + " must be a whole number" + std::string(unit.empty() ? "" : " of ") +
          std::string(unit) + " from " + std::to_string(minimum) + " to " + std::to_string(maximum));
  }
  return static_cast<uint64_t>(*number);
}

std::string Item::text(std::size_t max_bytes) const {
  return text_of(*this, value, max_bytes);
}

std::vector<std::string> Item::texts(std::size_t max_count, std::size_t max_bytes) const {
  const toml::array* const array = value.as_array();
  if (array == nullptr) return {text(max_bytes)};
  if (array->empty()) wrong(std::string(key.str()) + " must not be empty");
  if (array->size() > max_count)
    wrong(std::string(key.str()) + " has more than " + std::to_string(max_count) + " entries");
  std::vector<std::string> out;
  for (const toml::node& entry : *array) out.push_back(text_of(*this, entry, max_bytes));
  return out;
}

const toml::table& Item::table() const {
  const toml::table* const table = value.as_table();
  if (table == nullptr) wrong(std::string(key.str()) + " must be a table");
  return *table;
}

std::vector<const toml::table*> Item::tables(std::size_t max_count) const {
  const toml::array* const array = value.as_array();
  const std::string name(key.str());
  if (array == nullptr || !array->is_homogeneous<toml::table>())
    wrong(name + " must be written as [[" + name + "]]");
  if (array->size() > max_count)
    wrong("there are more than " + std::to_string(max_count) + " of [[" + name + "]]");
  std::vector<const toml::table*> out;
  for (const toml::node& entry : *array) out.push_back(entry.as_table());
  return out;
}

void Item::unknown(std::span<const std::string_view> known) const {
  const std::string word = cleaned(key.str(), 64);
  throw Wrong{key.source().begin ? key.source().begin : where(),
              "there is no key \"" + word + "\"" + suggestion(key.str(), known)};
}

}  // namespace gamesched::policy::toml_reader
