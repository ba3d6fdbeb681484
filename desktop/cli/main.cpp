// SPDX-License-Identifier: GPL-2.0-or-later
//
// gameschedctl: what gameschedd does, and its switch.
//
// Results go to standard output, sentences about failures to standard error.
// With --json standard output is one JSON value in every case, failures
// included. Exit statuses are listed in gameschedctl(1) and below.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <exception>
#include <format>
#include <string>
#include <vector>

#include "desktop/cli/advice.h"
#include "desktop/cli/client.h"
#include "desktop/cli/config_command.h"
#include "desktop/cli/explain_command.h"
#include "desktop/cli/json_output.h"
#include "desktop/cli/profile_command.h"
#include "desktop/cli/terminal.h"
#include "desktop/cli/text_output.h"
#include "desktop/cli/thread_command.h"
#include "desktop/cli/top_command.h"

namespace {

using namespace gamesched::cli;

enum ExitStatus { Ok = 0, Failed = 1, Usage = 2, NotRunning = 3 };

struct Settings {
  bool json = false;
  std::string sched_ext = "/sys/kernel/sched_ext";
  std::string vendor_config = GAMESCHED_DATADIR "/gamesched";
  std::string config = GAMESCHED_SYSCONFDIR "/gamesched";
  std::string profile;
  int pid = 0;
  std::string reason;
  std::vector<std::string> command;
};

void print(FILE* stream, const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stream) != text.size() || std::fflush(stream) != 0) {
    throw std::runtime_error("cannot write the output");
  }
}

bool is_absent(const Problem& problem) {
  return problem.kind == Problem::Kind::NotRunning || problem.kind == Problem::Kind::CannotStart;
}

// The state of affairs without a service is an answer of `status`; elsewhere it is a failure.
int report(const Problem& problem, const Settings& settings) {
  if (settings.json) print(stdout, json::problem(problem));
  const std::string to_do = problem.kind == Problem::Kind::NotRunning ? "; " + advice(Status{})
                            : problem.kind == Problem::Kind::CannotStart
                                ? "; see: systemctl status gameschedd"
                                : "";
  print(stderr, std::format("gameschedctl: {}{}\n", problem.text, to_do));
  return is_absent(problem) ? NotRunning : Failed;
}

int run_status(const Settings& settings) {
  Status status{.service = {}, .games = {}, .kernel = read_kernel(settings.sched_ext)};
  auto client = Client::connect();
  if (!client) return report(client.error(), settings);
  if (auto service = client->service()) {
    status.service = std::move(*service);
  } else if (service.error().kind != Problem::Kind::NotRunning) {
    return report(service.error(), settings);
  }
  if (status.service) {
    auto games = client->games();
    if (!games) return report(games.error(), settings);
    status.games = std::move(*games);
  }
  print(stdout, settings.json ? json::status(status) : text::status(status, text::colours_wanted()));
  return status.service ? Ok : NotRunning;
}

int run_games(const Settings& settings) {
  auto games = Client::connect().and_then([](Client client) { return client.games(); });
  if (!games) return report(games.error(), settings);
  print(stdout, settings.json ? json::games(*games) : text::games(*games));
  return Ok;
}

int run_counters(const Settings& settings) {
  auto counters = Client::connect().and_then([](Client client) { return client.counters(); });
  if (!counters) return report(counters.error(), settings);
  print(stdout, settings.json ? json::counters(*counters) : text::counters(*counters));
  return Ok;
}

int run_switch(bool enabled, const Settings& settings) {
  auto done = Client::connect().and_then([&](Client client) { return client.set_enabled(enabled); });
  if (!done) return report(done.error(), settings);
  if (settings.json) print(stdout, json::enabled(enabled));
  return Ok;
}

int run_profile_list(const Settings& settings) {
  auto state = Client::connect().and_then([](Client client) { return client.profiles(); });
  if (!state) return report(state.error(), settings);
  print(stdout, settings.json ? profile::json(*state) : profile::text(*state));
  return Ok;
}

int run_profile_get(const Settings& settings) {
  auto state = Client::connect().and_then([](Client client) { return client.profiles(); });
  if (!state) return report(state.error(), settings);
  print(stdout, settings.json ? profile::json(*state) : state->active + "\n");
  return Ok;
}

int run_profile_set(const Settings& settings) {
  auto done = Client::connect().and_then([&](Client client) { return client.set_profile(settings.profile); });
  return done ? Ok : report(done.error(), settings);
}

int run_profile_hold(const Settings& settings) {
  auto client = Client::connect();
  if (!client) return report(client.error(), settings);
  // The parser leaves the mark that ends the options where it was.
  std::vector<std::string> command = settings.command;
  if (command.size() > 1 && command.front() == "--") command.erase(command.begin());
  const auto held = client->hold_profile(settings.profile, settings.reason, command.front());
  if (!held) return report(held.error(), settings);
  return profile::run_command(command);
}

// No matter of the service, so no report().
int report_no_process(const Settings& settings) {
  const std::string text = std::format("there is no process {}, or it has ended", settings.pid);
  if (settings.json) print(stdout, std::format("{{\n  \"error\": \"{}\"\n}}\n", text));
  print(stderr, std::format("gameschedctl: {}\n", text));
  return Failed;
}

int run_explain(const Settings& settings) {
  auto client = Client::connect();
  if (!client) return report(client.error(), settings);
  std::vector<Thread> threads;
  for (const pid_t tid : thread::threads_of(settings.pid)) {
    const auto pidfd = thread::open_thread(tid);
    if (!pidfd && errno == EINVAL) throw std::runtime_error("explain needs Linux 6.9 or later");
    if (!pidfd) continue;  // it has ended since
    auto found = client->explain(pidfd.get());
    if (found)
      threads.push_back(std::move(*found));
    else if (std::ranges::count(thread::threads_of(settings.pid), tid) > 0)
      return report(found.error(), settings);
  }
  if (threads.empty()) return report_no_process(settings);
  print(stdout, settings.json ? thread::json(threads) : thread::text(threads));
  return Ok;
}

int run_explain_process(const Settings& settings) {
  const explain::Report explained =
      explain::process(settings.pid, settings.vendor_config, settings.config, settings.json);
  if (!explained.found) return report_no_process(settings);
  print(stdout, explained.out);
  return Ok;
}

int run_top(const Settings& settings) {
  if (const auto terminal = Terminal::check(); !terminal) {
    print(stderr, std::format("gameschedctl: {}\n", terminal.error()));
    return Failed;
  }
  live::run(settings.sched_ext, text::colours_wanted());
  return Ok;
}

int run_config(const Settings& settings, decltype(config::check)& what) {
  const config::Report report = what(settings.vendor_config, settings.config, settings.json);
  print(stdout, report.out);
  print(stderr, report.err);
  return report.good ? Ok : Failed;
}

// profile list|get|set|hold; list without one.
template <typename Command>
void add_profile_commands(CLI::App& app, Settings& settings, int& exit_status, Command common) {
  CLI::App* const group = app.add_subcommand("profile", "Profiles: list (without a command), get, set, hold");
  group->require_subcommand(0, 1);
  common(group);
  const auto command = [&](const char* name, const char* what, int (*action)(const Settings&)) {
    CLI::App* const sub = group->add_subcommand(name, what);
    common(sub);
    sub->callback([&settings, &exit_status, action] { exit_status = action(settings); });
    return sub;
  };
  command("list", "All profiles, the one in effect marked, and who holds one", run_profile_list);
  command("get", "The profile in effect", run_profile_get);
  command("set", "Choose a profile; remembered over restarts", run_profile_set)
      ->add_option("profile", settings.profile, "Its name")
      ->required();
  CLI::App* const hold = command("hold", "Keep a profile in effect while a command runs", run_profile_hold);
  hold->add_option("profile", settings.profile, "Its name")->required();
  hold->add_option("--reason", settings.reason, "Why; everybody can read it");
  hold->add_option("command", settings.command, "The command and its arguments")->required();
  hold->positionals_at_end();
  group->callback([&settings, &exit_status, group] {
    if (group->get_subcommands().empty()) exit_status = run_profile_list(settings);
  });
}

template <typename Command>
void add_config_commands(CLI::App& app, Settings& settings, int& exit_status, Command common) {
  CLI::App* const group = app.add_subcommand("config", "Configuration: check, show");
  group->require_subcommand(1);
  const auto command = [&](const char* name, const char* what, decltype(config::check)& action) {
    CLI::App* const sub = group->add_subcommand(name, what);
    common(sub);
    sub->add_option("--config-dir", settings.config, "Folder of gamesched.toml and gamesched.toml.d");
    sub->add_option("--vendor-config-dir", settings.vendor_config, "The distribution's folder of them");
    sub->callback([&settings, &exit_status, &action] { exit_status = run_config(settings, action); });
  };
  command("check", "Whether all files are good; errors with file, line and column", config::check);
  command("show", "What all files together say", config::show);
}

int run(int argc, char** argv) {
  Settings settings;
  CLI::App app("Show and switch the game scheduler.", "gameschedctl");
  app.set_version_flag("--version", "gameschedctl " GAMESCHED_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0 done, 1 failed or refused, 2 wrong usage, 3 gameschedd is not running.\n"
      "See gameschedctl(1).");

  int exit_status = Ok;
  const auto add_sched_ext = [&](CLI::App* sub) {
    sub->add_option("--sched-ext", settings.sched_ext)
        ->group("");  // a fake of /sys/kernel/sched_ext, for tests
  };
  const auto common = [&](CLI::App* sub) {
    sub->add_flag("--json", settings.json, "Print JSON");
    add_sched_ext(sub);
  };
  const auto command = [&](const char* name, const char* what, auto action) {
    CLI::App* sub = app.add_subcommand(name, what);
    common(sub);
    sub->callback([&, action] { exit_status = action(settings); });
  };
  command("status", "State and reason, what to do, kernel scheduler, detectors, games", run_status);
  command("games", "Registered games", run_games);
  command("on", "Let games be scheduled; remembered over restarts",
          [](auto& s) { return run_switch(true, s); });
  command("off", "Detach the scheduler and keep it off until \"on\"",
          [](auto& s) { return run_switch(false, s); });
  command("counters", "Counters of the scheduler since it was attached", run_counters);

  CLI::App* const top = app.add_subcommand("top", "All of it in the terminal, as it changes; q ends it");
  add_sched_ext(top);
  top->callback([&] { exit_status = run_top(settings); });

  CLI::App* const threads =
      app.add_subcommand("explain", "How a process's threads, or one thread, are scheduled, and why");
  common(threads);
  threads->add_option("pid", settings.pid, "Id of the process, or of the thread")
      ->required()
      ->check(CLI::PositiveNumber);
  threads->callback([&] { exit_status = run_explain(settings); });
  CLI::App* const explain =
      app.add_subcommand("explain-process", "What the rules of detection make of a process, rule by rule");
  common(explain);
  explain->add_option("pid", settings.pid, "Its id")->required()->check(CLI::PositiveNumber);
  explain->add_option("--config-dir", settings.config, "Folder of gamesched.toml and gamesched.toml.d");
  explain->add_option("--vendor-config-dir", settings.vendor_config, "The distribution's folder of them");
  explain->callback([&] { exit_status = run_explain_process(settings); });
  add_profile_commands(app, settings, exit_status, common);
  add_config_commands(app, settings, exit_status, common);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? Ok : Usage;
  }
  return exit_status;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::setlocale(LC_TIME, "");
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gameschedctl: %s\n", error.what());
    return Failed;
  }
}
