// SPDX-License-Identifier: GPL-2.0-or-later
//
// flipper: owns a screen and flips between two buffers, as a compositor does, or a game without one. It measures how late
// it is when it comes for the next frame, and how long a flip takes.
#include <fcntl.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "tests/lab/workload/clock.h"
#include "tests/lab/workload/options.h"
#include "tests/lab/workload/process.h"
#include "tests/lab/workload/spin.h"
#include "tests/lab/workload/summary.h"

namespace gamesched::workload {
namespace {

struct Deleter {
  void operator()(drmModeRes* it) const { drmModeFreeResources(it); }
  void operator()(drmModeConnector* it) const { drmModeFreeConnector(it); }
};

class Screen {
 public:
  explicit Screen(const std::string& card) : fd_(open(card.c_str(), O_RDWR | O_CLOEXEC)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), card);
    const std::unique_ptr<drmModeRes, Deleter> resources(drmModeGetResources(fd_));
    if (!resources || resources->count_crtcs == 0) throw std::runtime_error(card + " has no screen");
    crtc_ = resources->crtcs[0];
    for (int i = 0; i < resources->count_connectors && connector_ == 0; i++) {
      const std::unique_ptr<drmModeConnector, Deleter> connector(
          drmModeGetConnector(fd_, resources->connectors[i]));
      if (!connector || connector->count_modes == 0) continue;
      connector_ = connector->connector_id;
      mode_ = connector->modes[0];
    }
    if (connector_ == 0) throw std::runtime_error(card + " has no screen that is connected");
    for (uint32_t& buffer : buffers_) buffer = make_buffer();
    if (drmModeSetCrtc(fd_, crtc_, buffers_[0], 0, 0, &connector_, 1, &mode_) != 0)
      throw std::system_error(errno, std::generic_category(), "cannot set a mode");
  }

  // Returns when the flip has happened.
  void flip(unsigned frame) {
    if (drmModePageFlip(fd_, crtc_, buffers_[frame % 2], DRM_MODE_PAGE_FLIP_EVENT, nullptr) != 0)
      throw std::system_error(errno, std::generic_category(), "cannot flip");
    std::array<char, 256> event;
    if (read(fd_, event.data(), event.size()) <= 0) throw std::runtime_error("no flip happened");
  }

 private:
  uint32_t make_buffer() const {
    uint32_t handle = 0, pitch = 0, id = 0;
    uint64_t size = 0;
    if (drmModeCreateDumbBuffer(fd_, mode_.hdisplay, mode_.vdisplay, 32, 0, &handle, &pitch, &size) != 0 ||
        drmModeAddFB(fd_, mode_.hdisplay, mode_.vdisplay, 24, 32, pitch, handle, &id) != 0)
      throw std::system_error(errno, std::generic_category(), "cannot make a buffer");
    return id;
  }

  int fd_;
  uint32_t crtc_ = 0, connector_ = 0;
  drmModeModeInfo mode_{};
  std::array<uint32_t, 2> buffers_{};
};

}  // namespace
}  // namespace gamesched::workload

int main(int argc, char** argv) {
  using namespace gamesched::workload;
  static Control control;
  static Interval interval;
  std::string card;
  double hz = 60, iterations_per_us = 0, work_us = 0;
  bool raw = false, realtime = false;
  CLI::App app{"Flips a screen, and measures itself"};
  add_control_options(app, control);
  app.add_option("card", card, "/dev/dri/cardN")->required();
  app.add_option("--hz", hz, "Flips a second at the most")->check(CLI::Range(1.0, 1000.0));
  app.add_option("--iterations-per-us", iterations_per_us, "As printed by calibrate");
  app.add_option("--work-us", work_us, "Work of a frame, on an idle machine");
  app.add_flag("--raw", raw, "Report every sample");
  app.add_flag("--rr", realtime, "SCHED_RR for the thread that flips");
  CLI11_PARSE(app, argc, argv);
  try {
    prepare_process();
    Screen screen(card);
    constexpr size_t most_seconds = 60;
    Samples wake(static_cast<size_t>(most_seconds * hz)), flip(static_cast<size_t>(most_seconds * hz));
    // Not joined: where a flip fails it still waits for the interval.
    static std::atomic<bool> in_time = false;
    std::thread([] { in_time = control.announce_and_arm(interval); }).detach();
    if (realtime) set_realtime(SCHED_RR, 1);
    int64_t at = now_ns();
    for (unsigned frame = 1; !interval.over(now_ns()); frame++) {
      spin(static_cast<uint64_t>(work_us * iterations_per_us));
      const int64_t drawn = now_ns();
      screen.flip(frame);
      const int64_t now = now_ns();
      if (interval.contains(drawn)) flip.add(now - drawn);
      at = std::max(at + static_cast<int64_t>(ns_per_s / hz), now);
      if (at == now) continue;  // behind
      sleep_until_ns(at);
      if (interval.contains(at)) wake.add(now_ns() - at);
    }
    control.write(
        nlohmann::json{{"wake", wake.summary(raw)}, {"flip", flip.summary(raw)}, {"in_time", in_time.load()}}
            .dump());
  } catch (const std::exception& error) {
    std::cerr << "flipper: " << error.what() << '\n';
    std::_Exit(1);
  }
}
