// SPDX-License-Identifier: GPL-2.0-or-later
//
// Result<T>: a value, or an error that the caller can act on.
//
// An Error is a code for programs and one sentence for people that says what
// was wrong and, where there is something, what to do. Codes with a D-Bus error
// name are listed in dbus/org.gamesched.Scheduler1.xml; the others stay inside.
#pragma once

#include <cstring>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace gamesched {

struct Error {
  enum class Code {
    // inside the daemon
    Busy,         // another scheduler is in place, or one is being attached
    Unsupported,  // this machine or kernel cannot
    Permission,   // the kernel refused for lack of privilege
    System,       // a system call failed; errno is in the text
    // on the bus as org.gamesched.Error.*
    NotAuthorized,
    InvalidArgument,
    NoSuchProcess,
    NotYourProcess,
    NotAGame,
    AlreadyRegistered,
    NoSuchGame,
    NoSuchProfile,
    NoSuchHold,
    LimitsExceeded,
  };

  Code code = Code::System;
  std::string message;
};

template <typename T>
using Result = std::expected<T, Error>;

// return fail(Error::Code::Busy, "...");
inline std::unexpected<Error> fail(Error::Code code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

// "cannot open /x: No such file or directory (errno 2)"; take errno at once.
inline std::unexpected<Error> fail_errno(std::string_view what, int saved_errno,
                                         Error::Code code = Error::Code::System) {
  return fail(code, std::string(what) + ": " + std::strerror(saved_errno) + " (errno " +
                        std::to_string(saved_errno) + ")");
}

}  // namespace gamesched
