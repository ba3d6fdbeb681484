// SPDX-License-Identifier: GPL-2.0-or-later
//
// gameschedctl's side of the bus, and its own look at the kernel.
//
// Looking never starts the service: a question goes to whoever owns the name
// now, by its unique name, and to nobody when the name has no owner. Only
// what changes something lets the bus start it.
//
// Failures are typed: Problem::Kind decides the exit status, its text is one
// sentence for people.
#pragma once

#include <expected>
#include <filesystem>
#include <memory>
#include <string>

#include "desktop/cli/model.h"

namespace sdbus {
class IConnection;
class Error;
}  // namespace sdbus

namespace gamesched::cli {

struct Problem {
  enum class Kind {
    NotRunning,   // nobody owns the name, and the bus knows nobody to start
    CannotStart,  // nobody owns the name, and who was to be started failed
    Refused,      // the service answered, with an error
    NoAnswer,     // none in time, or no bus: nobody knows whether it runs
  };
  Kind kind = Kind::NoAnswer;
  std::string text;
};

Problem problem_of(const sdbus::Error& error);

template <typename T>
using Expected = std::expected<T, Problem>;

class Client {
 public:
  static Expected<Client> connect();
  Client(Client&&) noexcept;
  ~Client();

  Expected<Service> service();
  Expected<std::vector<Game>> games();
  Expected<Counters> counters();
  // Of the thread that the pidfd stands for.
  Expected<Thread> explain(int pidfd);
  Expected<void> set_enabled(bool enabled);
  Expected<ProfileState> profiles();
  Expected<void> set_profile(const std::string& profile);
  // Until the Client ends.
  Expected<void> hold_profile(const std::string& profile, const std::string& reason,
                              const std::string& application);

 private:
  explicit Client(std::unique_ptr<sdbus::IConnection> connection);
  std::string owner();

  std::unique_ptr<sdbus::IConnection> connection_;
};

// `sched_ext` is /sys/kernel/sched_ext, or a folder like it.
Kernel read_kernel(const std::filesystem::path& sched_ext);

}  // namespace gamesched::cli
