// SPDX-License-Identifier: GPL-2.0-or-later
//
// --detach: the game as a process of its own, free of the terminal.
//
// begin() returns in the child, which registers and becomes the game; the parent
// stays until that has happened, so that it can exit with the status of a
// command that cannot be run, and never returns. Nothing is left between the
// game and whoever adopts it.
#pragma once

namespace gamesched::run {

class Detached {
 public:
  // 0, or errno when there is no child; everything after does nothing then.
  int begin();
  // Last before the exec: what is written to a terminal would come to somebody who has gone on.
  void leave_terminal();
  // The exec failed: standard error is the terminal again, to say why; then the parent is told.
  void come_back();
  void failed(int status);

 private:
  int status_pipe_ = -1;  // closed by the exec: the parent reads nothing, and is content
  int stderr_before_ = -1;
};

}  // namespace gamesched::run
