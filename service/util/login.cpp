// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/util/login.h"

#include <sys/syscall.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>

namespace gamesched {
namespace {

// Texts and lists that libsystemd gives away.
struct Free {
  void operator()(void* given) const { std::free(given); }
};
using Text = std::unique_ptr<char, Free>;

struct FreeList {
  void operator()(char** list) const {
    for (char** each = list; *each != nullptr; ++each) std::free(*each);
    std::free(static_cast<void*>(list));
  }
};
using Texts = std::unique_ptr<char*, FreeList>;

// The id of the session whose control group a process is in.
int own_session(int pidfd, Text& id) {
  char* given = nullptr;
  const int result = sd_pidfd_get_session(pidfd, &given);
  id.reset(given);
  return result;
}

}  // namespace

bool is_at_a_seat(uid_t uid) {
  constexpr int active_ones = 1;
  return sd_uid_get_seats(uid, active_ones, nullptr) > 0;
}

std::vector<LoginSession> sessions_in_front(std::size_t most) {
  std::vector<LoginSession> sessions;
  char** given = nullptr;
  if (sd_get_seats(&given) < 0 || given == nullptr) return sessions;
  const Texts seats(given);
  for (char** seat = seats.get(); *seat != nullptr && most > 0; ++seat, --most) {
    char* id = nullptr;
    char* display = nullptr;
    LoginSession session;
    if (sd_seat_get_active(*seat, &id, &session.uid) < 0) continue;
    session.id = Text(id).get();
    if (sd_uid_get_display(session.uid, &display) >= 0)
      session.is_display = session.id == Text(display).get();
    sessions.push_back(std::move(session));
  }
  return sessions;
}

std::optional<StartedBy> started_by(int pidfd) {
  Text id;
  const int result = own_session(pidfd, id);
  if (result >= 0) return StartedBy{.session = id.get(), .users = std::nullopt};
  uid_t owner = 0;
  if (result != -ENODATA || sd_pidfd_get_owner_uid(pidfd, &owner) < 0) return std::nullopt;
  return StartedBy{.session = "", .users = owner};
}

UniqueFd leader_of(const LoginSession& session) {
  pid_t leader = 0;
  if (sd_session_get_leader(session.id.c_str(), &leader) < 0) return {};
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, leader, 0U)));
  // It may have ended, and its number be another process's by now: only what is in the session speaks for it.
  Text id;
  if (!pidfd || own_session(pidfd.get(), id) < 0 || session.id != id.get()) return {};
  return pidfd;
}

}  // namespace gamesched
