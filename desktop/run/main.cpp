// SPDX-License-Identifier: GPL-2.0-or-later
//
// gamesched-run: registers itself as a game, then becomes the game.
//
// The command is executed in place, so process id, exit status, signals,
// terminal and open files are the game's own, and nothing stays behind. Nothing
// that goes wrong with registering keeps the game from starting: it costs one
// line on standard error. The exit statuses are env(1)'s.
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "desktop/run/detach.h"
#include "desktop/run/label.h"
#include "desktop/run/register.h"

namespace {

using gamesched::run::Label;
using gamesched::run::Options;
using gamesched::run::problem;
using gamesched::run::Problem;

constexpr int exit_usage = 125;
constexpr int exit_cannot_execute = 126;
constexpr int exit_not_found = 127;

constexpr unsigned long max_fps = 1000;  // of RegisterGame

constexpr const char* usage_text =
    "Usage: gamesched-run [OPTION...] [--] COMMAND [ARGUMENT...]\n"
    "Run COMMAND as a game: registered with gameschedd, and scheduled ahead of other work.\n"
    "\n"
    "  --name NAME    what to call the game (default: taken from COMMAND)\n"
    "  --app-id ID    its application id (default: Steam's, where Steam starts it)\n"
    "  --profile NAME the profile to play it with (default: the configuration's)\n"
    "  --fps N        the frame rate it aims at, 1 to 1000 frames per second\n"
    "  --detach       start it in the background, free of the terminal, and return\n"
    "  --help         print this text\n"
    "  --version      print the version\n"
    "\n"
    "Steam launch options: gamesched-run %command%\n"
    "COMMAND runs whether gameschedd answers or not. See gamesched-run(1).\n";

// One line in one write, and only where it neither blocks nor raises SIGPIPE: a launcher may have left a
// full or a broken pipe as standard error, and the game is to start all the same.
void print_line(const Problem& line) {
  char text[sizeof(Problem) + 32];
  const int size = snprintf(text, sizeof(text), "gamesched-run: %s\n", line.data());
  pollfd out{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (poll(&out, 1, 0) != 1 || (out.revents & POLLOUT) == 0) return;

  struct sigaction ignore{}, before{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &before);
  const ssize_t written = write(STDERR_FILENO, text, static_cast<size_t>(size));
  static_cast<void>(written);  // nobody is left to tell
  sigaction(SIGPIPE, &before, nullptr);
}

struct Arguments {
  Options options;
  const char* bad_fps = nullptr;
  bool detach = false;
  char* const* command = nullptr;
};

[[noreturn]] void exit_for_usage(const Problem& line) {
  print_line(line);
  _exit(exit_usage);
}

[[noreturn]] void print_and_exit(const char* text) {
  const bool failed = fputs(text, stdout) < 0 || fflush(stdout) != 0;
  _exit(failed ? exit_usage : EXIT_SUCCESS);
}

uint32_t parse_fps(const char* text) {
  char* end = nullptr;
  const unsigned long value = strtoul(text, &end, 10);
  const bool digits = *text >= '0' && *text <= '9' && *end == '\0';
  return digits && value <= max_fps ? static_cast<uint32_t>(value) : 0;
}

Arguments parse(int argc, char** argv) {
  enum { Name = 256, AppId, Profile, Fps, Detach, Help, Version };
  static constexpr option known[] = {
      {"name", required_argument, nullptr, Name},       {"app-id", required_argument, nullptr, AppId},
      {"profile", required_argument, nullptr, Profile}, {"detach", no_argument, nullptr, Detach},
      {"fps", required_argument, nullptr, Fps},         {"help", no_argument, nullptr, Help},
      {"version", no_argument, nullptr, Version},       {}};
  Arguments arguments;
  opterr = 0;
  for (int c = 0; (c = getopt_long(argc, argv, "+:", known, nullptr)) != -1;) {
    switch (c) {
      case Name:
        arguments.options.name = optarg;
        break;
      case AppId:
        arguments.options.app_id = optarg;
        break;
      case Profile:
        arguments.options.profile = optarg;
        break;
      case Detach:
        arguments.detach = true;
        break;
      case Fps:
        arguments.options.target_fps = parse_fps(optarg);
        arguments.bad_fps = arguments.options.target_fps == 0 ? optarg : nullptr;
        break;
      case Help:
        print_and_exit(usage_text);
      case Version:
        print_and_exit("gamesched-run " GAMESCHED_VERSION "\n");
      case ':':
        exit_for_usage(problem("option '%s' needs a value; see gamesched-run --help", argv[optind - 1]));
      default:
        exit_for_usage(optopt == 0 || optopt >= Name
                           ? problem("unknown option '%s'; see gamesched-run --help", argv[optind - 1])
                           : problem("unknown option '-%c'; see gamesched-run --help", optopt));
    }
  }
  if (optind >= argc) exit_for_usage(problem("no COMMAND to run; see gamesched-run --help"));
  arguments.command = argv + optind;
  return arguments;
}

// The kernel lets an ordinary thread sleep 50 us longer than it asked, to bundle wake-ups; a real-time thread
// not. What waits for the next frame or period of sound should not oversleep either. Threads and children
// inherit this.
void end_sleeps_in_time() {
  constexpr unsigned long slack_ns = 1;
  prctl(PR_SET_TIMERSLACK, slack_ns);
}

// Tells what there is to tell of it.
void register_game(Arguments& arguments) {
  // Refused here as gameschedd would refuse it; the game matters more than its options.
  if (arguments.bad_fps != nullptr) {
    return print_line(
        problem("--fps takes a number from 1 to %lu, not '%.32s'; running the game unregistered", max_fps,
                arguments.bad_fps));
  }
  const gamesched::run::AppId app = gamesched::run::app_id_of_environment();
  const Label name = gamesched::run::name_of_command(arguments.command, app.by_steam);
  Options& options = arguments.options;
  if (*options.app_id == '\0') options.app_id = app.id.data();
  if (*options.name == '\0') options.name = name.data();
  const gamesched::run::Registration registration = gamesched::run::register_self(options);
  if (!registration.done) {
    print_line(problem("%.400s; running the game unregistered", registration.problem.data()));
    return;
  }
  end_sleeps_in_time();
  if (registration.problem.front() != '\0') {
    print_line(problem("%.350s; running the game without profile '%.64s'", registration.problem.data(),
                       options.profile));
  }
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments = parse(argc, argv);
  gamesched::run::Detached detached;
  if (arguments.detach) {
    const int error = detached.begin();
    if (error != 0) print_line(problem("cannot detach (%s); running the game here", strerror(error)));
  }
  register_game(arguments);
  detached.leave_terminal();
  execvp(arguments.command[0], arguments.command);
  const int error = errno;
  const int status = error == ENOENT ? exit_not_found : exit_cannot_execute;
  detached.come_back();
  print_line(problem("cannot run '%.300s' (%s)", arguments.command[0], strerror(error)));
  detached.failed(status);
  return status;
}
