// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/workload/gpu.h"

#include <drm/drm.h>
#include <drm/vgem_drm.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace gamesched::workload {

namespace {
void ask(int fd, unsigned long command, void* argument, const char* what) {
  if (ioctl(fd, command, argument) != 0) throw std::system_error(errno, std::generic_category(), what);
}
}  // namespace

Gpu::Gpu(const std::string& card) : fd_(open(card.c_str(), O_RDWR | O_CLOEXEC)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), card);
  drm_mode_create_dumb buffer{
      .height = 16, .width = 16, .bpp = 32, .flags = 0, .handle = 0, .pitch = 0, .size = 0};
  ask(fd_, DRM_IOCTL_MODE_CREATE_DUMB, &buffer, "no buffer on the card");
  buffer_ = buffer.handle;
}

Gpu::~Gpu() {
  close(fd_);
}

void Gpu::submit() {
  drm_vgem_fence_attach work{.handle = buffer_, .flags = VGEM_FENCE_WRITE, .out_fence = 0, .pad = 0};
  ask(fd_, DRM_IOCTL_VGEM_FENCE_ATTACH, &work, "cannot submit: is it vgem's card?");
  drm_vgem_fence_signal done{.fence = work.out_fence, .flags = 0};
  ask(fd_, DRM_IOCTL_VGEM_FENCE_SIGNAL, &done, "cannot end a submit");
}

}  // namespace gamesched::workload
