// SPDX-License-Identifier: GPL-2.0-or-later
//
// The journal. Lines carry fields (GAMESCHED_GAME=..., GAMESCHED_STATE=...), so
// that `journalctl GAMESCHED_STATE=ejected` works. When the service's output is
// not the journal, lines go to stderr with a syslog prefix, without fields.
//
// The top of a chain of calls logs, once: service/daemon, service/policy/attachment
// and service/bus/requests do; what they call returns errors.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace gamesched::log {

using Field = std::pair<std::string_view, std::string>;
using Fields = std::initializer_list<Field>;

void error(std::string_view message, Fields fields = {});
void warning(std::string_view message, Fields fields = {});
void notice(std::string_view message, Fields fields = {});
void info(std::string_view message, Fields fields = {});

}  // namespace gamesched::log
