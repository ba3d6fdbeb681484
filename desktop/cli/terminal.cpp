// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <initializer_list>
#include <string_view>

namespace gamesched::cli {
namespace {

constexpr std::string_view alternate_screen = "\033[?1049h\033[?25l", usual_screen = "\033[?25h\033[?1049l";
constexpr std::string_view top_left = "\033[H";

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno != EINTR) return;  // a terminal that has gone is seen when keys are read
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

std::expected<void, std::string> Terminal::check() {
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1)
    return std::unexpected(
        "top needs a terminal; without one take: gameschedctl status --json, gameschedctl counters --json");
  const char* const kind = std::getenv("TERM");
  if (kind == nullptr || *kind == '\0' || std::string_view(kind) == "dumb")
    return std::unexpected(
        "top needs a terminal that can place text (TERM is not set, or \"dumb\"); else take: gameschedctl "
        "status");
  return {};
}

Terminal::Terminal() {
  ::tcgetattr(STDIN_FILENO, &before_);
  enter();
}

Terminal::~Terminal() {
  leave();
}

void Terminal::enter() {
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);  // Ctrl-C and Ctrl-Z come as keys
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  write_all(alternate_screen);
  shown_.clear();
}

void Terminal::leave() {
  write_all(usual_screen);
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

Terminal::Size Terminal::size() const {
  winsize window{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {};
  return {window.ws_col, window.ws_row};
}

void Terminal::show(const std::string& picture) {
  if (picture == shown_) return;
  shown_ = picture;
  write_all(std::string(top_left) + picture);
}

Terminal::Keys Terminal::read_keys() {
  char keys[256];
  const ssize_t n = ::read(STDIN_FILENO, keys, sizeof(keys));
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  if (n <= 0) return {.quit = true};
  Keys pressed;
  std::string_view left(keys, static_cast<std::size_t>(n));
  const auto take = [&](std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
      if (!left.starts_with(name)) continue;
      left.remove_prefix(name.size());
      return true;
    }
    return false;
  };
  while (!left.empty()) {
    if (take({"\033[A", "\033OA", "k"}))
      pressed.down--;
    else if (take({"\033[B", "\033OB", "j"}))
      pressed.down++;
    else if (take({"q", "Q", "\x03"}))  // Ctrl-C
      pressed.quit = true;
    else if (take({"\x1a"}))  // Ctrl-Z
      pressed.stop = true;
    else
      left.remove_prefix(1);
  }
  return pressed;
}

void Terminal::stop() {
  leave();
  ::raise(SIGSTOP);
  enter();
}

}  // namespace gamesched::cli
