// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/bus/call_guard.h"

#include <cstring>
#include <string>
#include <system_error>

#include "service/bus/errors.h"

namespace gamesched::bus {
namespace {

// Of what is allowed for a value of a fixed size.
constexpr std::size_t fixed_value_bytes = sizeof(uint64_t);

auto malformed() {
  return fail(Error::Code::InvalidArgument, "The arguments could not be read; pass those documented.");
}

// Bytes of a value, the message being inside of its variant.
Result<std::size_t> size_of_value(sd_bus_message* call, const std::string& type) {
  if (type.size() != 1 || std::strchr("ybnqiuxtdsogh", type[0]) == nullptr) {
    return fail(Error::Code::InvalidArgument,
                "An option is a container; pass a text or a number, as documented.");
  }
  const bool is_text = std::strchr("sog", type[0]) != nullptr;
  union {
    const char* text;
    uint64_t number;
  } value{};
  if (sd_bus_message_read_basic(call, type[0], &value) <= 0) return malformed();
  return is_text ? std::strlen(value.text) : fixed_value_bytes;
}

// Bytes of one option, the message being inside of its dictionary entry; left there behind it.
Result<std::size_t> size_of_option(sd_bus_message* call) {
  const char* key = nullptr;
  const char* type = nullptr;
  if (sd_bus_message_read_basic(call, 's', &key) <= 0 ||
      sd_bus_message_peek_type(call, nullptr, &type) <= 0 ||
      sd_bus_message_enter_container(call, 'v', type) <= 0) {
    return malformed();
  }
  const auto value = size_of_value(call, type);
  if (value && sd_bus_message_exit_container(call) < 0) return malformed();
  return value.transform([&](std::size_t bytes) { return std::strlen(key) + bytes; });
}

Result<void> check_options(sd_bus_message* call) {
  if (sd_bus_message_skip(call, "h") < 0 || sd_bus_message_enter_container(call, 'a', "{sv}") < 0) {
    return malformed();
  }
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (;;) {
    const int entered = sd_bus_message_enter_container(call, 'e', "sv");
    if (entered < 0) return malformed();
    if (entered == 0) return {};
    if (++count > max_option_count) {
      return fail(Error::Code::InvalidArgument,
                  "There are more than " + std::to_string(max_option_count) + " options.");
    }
    const auto size = size_of_option(call);
    if (!size) return std::unexpected(size.error());
    bytes += *size;
    if (bytes > max_option_bytes) {
      return fail(Error::Code::InvalidArgument,
                  "The options have more than " + std::to_string(max_option_bytes) + " bytes.");
    }
    if (sd_bus_message_exit_container(call) < 0) return malformed();
  }
}

Result<void> check_texts(sd_bus_message* call) {
  const char* text = nullptr;
  while (sd_bus_message_at_end(call, 1) == 0) {
    if (sd_bus_message_read_basic(call, 's', &text) <= 0) return malformed();
    if (std::strlen(text) > max_text_bytes) {
      return fail(Error::Code::InvalidArgument,
                  "An argument has more than " + std::to_string(max_text_bytes) + " bytes.");
    }
  }
  return {};
}

// A call need not name its interface. One of another signature is refused undecoded by the bus library.
bool is_call(sd_bus_message* message, const char* member, const char* signature) {
  return sd_bus_message_is_method_call(message, nullptr, member) > 0 &&
         sd_bus_message_has_signature(message, signature) > 0;
}

int on_message(sd_bus_message* message, void*, sd_bus_error* error) {
  Result<void> checked;
  if (is_call(message, "RegisterGame", "ha{sv}")) {
    checked = check_options(message);
  } else if (is_call(message, "HoldProfile", "sss") || is_call(message, "SetProfile", "s")) {
    checked = check_texts(message);
  } else {
    return 0;
  }
  sd_bus_message_rewind(message, 1);
  if (checked) return 0;
  const sdbus::Error refusal = to_bus(checked.error());
  return sd_bus_error_set(error, refusal.getName().c_str(), refusal.getMessage().c_str());
}

}  // namespace

CallGuard::CallGuard(sd_bus* bus) {
  const int result = sd_bus_add_filter(bus, &filter_, on_message, nullptr);
  if (result < 0) throw std::system_error(-result, std::generic_category(), "cannot look at calls");
}

}  // namespace gamesched::bus
