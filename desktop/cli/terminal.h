// SPDX-License-Identifier: GPL-2.0-or-later
//
// The user's terminal, taken over for a view that fills it: the alternate screen, keys one by one. Given back as it was
// when this ends, and while the program is stopped.
#pragma once

#include <termios.h>

#include <expected>
#include <string>

namespace gamesched::cli {

class Terminal {
 public:
  // Standard input and output; else why not, for people.
  static std::expected<void, std::string> check();

  // After check().
  Terminal();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  struct Size {
    int columns = 80, rows = 24;
  };
  Size size() const;

  // `picture`: as many lines as there are, "\r\n" between them.
  void show(const std::string& picture);

  // What was pressed since.
  struct Keys {
    bool quit = false;  // or the terminal has gone
    bool stop = false;
    int down = 0;  // lines; < 0: up
  };
  Keys read_keys();
  // As Ctrl-Z does with others: comes back when the user does.
  void stop();

 private:
  void enter();
  void leave();

  termios before_{};
  std::string shown_;
};

}  // namespace gamesched::cli
