// SPDX-License-Identifier: GPL-2.0-or-later
//
// gameschedctl: what gameschedd does, and its switch.
//
// Results go to standard output, sentences about failures to standard error.
// With --json standard output is one JSON value in every case, failures
// included. Exit statuses are listed in gameschedctl(1) and below.
#include <CLI/CLI.hpp>
#include <clocale>
#include <cstdio>
#include <exception>
#include <format>
#include <string>

#include "desktop/cli/advice.h"
#include "desktop/cli/client.h"
#include "desktop/cli/json_output.h"
#include "desktop/cli/text_output.h"

namespace {

using namespace gamesched::cli;

enum ExitStatus { Ok = 0, Failed = 1, Usage = 2, NotRunning = 3 };

struct Settings {
  bool json = false;
  std::string sched_ext = "/sys/kernel/sched_ext";
};

void print(FILE* stream, const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stream) != text.size() || std::fflush(stream) != 0) {
    throw std::runtime_error("cannot write the output");
  }
}

// The state of affairs without a service is an answer of `status`; elsewhere it is a failure.
int report(const Problem& problem, const Settings& settings) {
  const bool absent = problem.kind == Problem::Kind::NotRunning;
  if (settings.json) print(stdout, json::problem(problem));
  print(stderr,
        std::format("gameschedctl: {}{}\n", problem.text, absent ? "; " + advice(Status{}) : std::string()));
  return absent ? NotRunning : Failed;
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

int run(int argc, char** argv) {
  Settings settings;
  CLI::App app("Show and switch the game scheduler.", "gameschedctl");
  app.set_version_flag("--version", "gameschedctl " GAMESCHED_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0 done, 1 failed or refused, 2 wrong usage, 3 gameschedd is not running.\n"
      "See gameschedctl(1).");

  int exit_status = Ok;
  const auto command = [&](const char* name, const char* what, auto action) {
    CLI::App* sub = app.add_subcommand(name, what);
    sub->add_flag("--json", settings.json, "Print JSON");
    sub->add_option("--sched-ext", settings.sched_ext)
        ->group("");  // a fake of /sys/kernel/sched_ext, for tests
    sub->callback([&, action] { exit_status = action(settings); });
  };
  command("status", "State and reason, what to do, kernel scheduler, detectors, games", run_status);
  command("games", "Registered games", run_games);
  command("on", "Let games be scheduled; remembered over restarts",
          [](auto& s) { return run_switch(true, s); });
  command("off", "Detach the scheduler and keep it off until \"on\"",
          [](auto& s) { return run_switch(false, s); });
  command("counters", "Counters of the scheduler since it was attached", run_counters);

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
