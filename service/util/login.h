// SPDX-License-Identifier: GPL-2.0-or-later
//
// Who is logged in where, by what systemd-logind keeps in /run/systemd: a few small files, read at once and
// without the bus. Where there is no logind there are no sessions.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "service/util/fd.h"

namespace gamesched {

// Whether a session of that user is in front at a seat.
bool is_at_a_seat(uid_t uid);

struct LoginSession {
  std::string id;
  uid_t uid = 0;
  bool is_display = false;  // of its user: what the user's own systemd starts belongs to it
};

// The one that is in front at each seat, of `most` seats at most.
std::vector<LoginSession> sessions_in_front(std::size_t most);

// What a process was started by, as its control group tells: a session, or a user's own systemd.
struct StartedBy {
  std::string session;         // "" else
  std::optional<uid_t> users;  // whose systemd
};
// Nothing when it was started by neither, or has ended.
std::optional<StartedBy> started_by(int pidfd);

// The process that the session began with, as a pidfd, if it is in the session still.
UniqueFd leader_of(const LoginSession& session);

}  // namespace gamesched
