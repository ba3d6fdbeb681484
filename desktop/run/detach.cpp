// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/run/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

namespace gamesched::run {
namespace {

// The status that the child wrote, or 0 when its exec closed the pipe.
[[noreturn]] void wait_for_exec(int status_pipe) {
  unsigned char status = EXIT_SUCCESS;
  while (read(status_pipe, &status, 1) < 0 && errno == EINTR) {
  }
  _exit(status);
}

}  // namespace

int Detached::begin() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return errno;
  // Where a standard stream is closed its number is free, and leave_terminal() will take it.
  status_pipe_ = fcntl(ends[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int error = errno;
  close(ends[1]);
  const pid_t child = status_pipe_ < 0 ? -1 : fork();
  if (child < 0) {
    const int why = status_pipe_ < 0 ? error : errno;
    close(ends[0]);
    if (status_pipe_ >= 0) close(status_pipe_);
    status_pipe_ = -1;
    return why;
  }
  if (child > 0) {
    close(status_pipe_);
    wait_for_exec(ends[0]);
  }
  close(ends[0]);
  setsid();  // a new child leads no process group, so this cannot fail
  return 0;
}

void Detached::leave_terminal() {
  if (status_pipe_ < 0) return;
  // Not closed on exec: it may get the number of a standard stream that is closed.
  const int null = open("/dev/null", O_RDWR);
  if (null < 0) return;  // worth no game
  stderr_before_ = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  dup2(null, STDIN_FILENO);
  if (isatty(STDOUT_FILENO) == 1) dup2(null, STDOUT_FILENO);
  if (isatty(STDERR_FILENO) == 1) dup2(null, STDERR_FILENO);
  if (null > STDERR_FILENO) close(null);
}

void Detached::come_back() {
  if (stderr_before_ >= 0) dup2(stderr_before_, STDERR_FILENO);
}

void Detached::failed(int status) {
  if (status_pipe_ < 0) return;
  const auto byte = static_cast<unsigned char>(status);
  const ssize_t written = write(status_pipe_, &byte, 1);
  static_cast<void>(written);  // the parent was killed
}

}  // namespace gamesched::run
