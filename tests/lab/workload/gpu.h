// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a frame gives to a GPU. vgem stands for one: a fence on a buffer is all the work it knows.
#pragma once

#include <cstdint>
#include <string>

namespace gamesched::workload {

class Gpu {
 public:
  explicit Gpu(const std::string& card);  // /dev/dri/cardN of vgem; throws std::system_error
  ~Gpu();
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  // A piece of work that is done at once.
  void submit();

 private:
  int fd_ = -1;
  uint32_t buffer_ = 0;
};

}  // namespace gamesched::workload
