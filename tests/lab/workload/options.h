// SPDX-License-Identifier: GPL-2.0-or-later
//
// Command-line options that all workloads share.
#pragma once

#include <CLI/CLI.hpp>

#include "tests/lab/workload/interval.h"

namespace gamesched::workload {

inline void add_control_options(CLI::App& app, Control& control) {
  app.add_option("--ready", control.ready_path,
                 "Write \"PID WORD\" here when ready (file or FIFO; default stderr)");
  app.add_option("--out", control.out_path, "Write the result here (default stdout)");
  app.add_flag("--go", control.go,
               "Read \"START_NS STOP_NS\" (CLOCK_MONOTONIC) from stdin: the measured interval");
  app.add_option("--seconds", control.seconds, "Length of the measured interval without --go")
      ->capture_default_str();
  app.add_option("--warmup", control.warmup_seconds, "Seconds before it")->capture_default_str();
}

}  // namespace gamesched::workload
