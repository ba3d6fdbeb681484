// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/util/login.h"

#include <systemd/sd-login.h>

namespace gamesched {

bool is_at_a_seat(uid_t uid) {
  constexpr int active_ones = 1;
  return sd_uid_get_seats(uid, active_ones, nullptr) > 0;
}

}  // namespace gamesched
