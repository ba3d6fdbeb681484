// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/bus/errors.h"

namespace gamesched::bus {
namespace {

// dbus/org.gamesched.Scheduler1.xml documents those of its errors that a caller can act on.
const char* name_of(Error::Code code) {
  switch (code) {
    case Error::Code::NotAuthorized:
      return "org.gamesched.Error.NotAuthorized";
    case Error::Code::InvalidArgument:
      return "org.gamesched.Error.InvalidArgument";
    case Error::Code::NoSuchProcess:
      return "org.gamesched.Error.NoSuchProcess";
    case Error::Code::NotYourProcess:
      return "org.gamesched.Error.NotYourProcess";
    case Error::Code::NotAGame:
      return "org.gamesched.Error.NotAGame";
    case Error::Code::AlreadyRegistered:
      return "org.gamesched.Error.AlreadyRegistered";
    case Error::Code::NoSuchGame:
      return "org.gamesched.Error.NoSuchGame";
    case Error::Code::NoSuchProfile:
      return "org.gamesched.Error.NoSuchProfile";
    case Error::Code::NoSuchHold:
      return "org.gamesched.Error.NoSuchHold";
    case Error::Code::LimitsExceeded:
      return "org.gamesched.Error.LimitsExceeded";
    case Error::Code::Busy:
    case Error::Code::Unsupported:
    case Error::Code::Permission:
    case Error::Code::System:
      break;
  }
  return "org.freedesktop.DBus.Error.Failed";
}

}  // namespace

sdbus::Error to_bus(const Error& error) {
  return sdbus::Error(sdbus::Error::Name{name_of(error.code)}, error.message);
}

}  // namespace gamesched::bus
