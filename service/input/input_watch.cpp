// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/input/input_watch.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "bpf/policy/window.h"
#include "service/util/file.h"
#include "service/util/log.h"
#include "service/util/time.h"

namespace gamesched::input {
namespace {

// udev's records are some hundred bytes.
constexpr std::size_t record_max_bytes = 16 * 1024;
// A machine that cannot keep up loses events again and again: one line an hour says so as well.
constexpr uint64_t loss_line_every_usec = 3600 * usec_per_sec;
constexpr std::string_view record_name = "+input:input";  // and the device's number

std::optional<uint32_t> number_of_record(std::string_view name) {
  if (!name.starts_with(record_name)) return std::nullopt;
  name.remove_prefix(record_name.size());
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

}  // namespace

uint32_t lane_of_udev_record(std::string_view record) {
  // The first that is set: a motion sensor is a joystick to some drivers, too.
  constexpr std::array<std::pair<std::string_view, uint32_t>, 9> properties = {{
      {"ACCELEROMETER", GS_INPUT_NONE},
      {"JOYSTICK", GS_INPUT_CONTROLLER},
      {"TABLET", GS_INPUT_OTHER},
      {"TOUCHPAD", GS_INPUT_OTHER},
      {"TOUCHSCREEN", GS_INPUT_OTHER},
      {"MOUSE", GS_INPUT_MOUSE},
      {"POINTINGSTICK", GS_INPUT_MOUSE},
      {"TRACKBALL", GS_INPUT_MOUSE},
      {"KEYBOARD", GS_INPUT_KEYBOARD},
  }};
  for (const auto& [name, lane] : properties) {
    const std::string line = "E:ID_INPUT_" + std::string(name) + "=1\n";
    const std::size_t at = record.find(line);
    if (at != record.npos && (at == 0 || record[at - 1] == '\n')) return lane;
  }
  return GS_INPUT_NONE;
}

InputWatch::InputWatch(Loop& loop, kernel::Backend& backend, std::filesystem::path udev_records)
    : loop_(loop),
      backend_(backend),
      udev_records_(std::move(udev_records)),
      answer_(loop, [this] { answer(); }) {
  backend_.on_input_question = [this] { answer_.schedule(); };
  backend_.on_input_lost = [this](uint64_t events) { lost(events); };
}

InputWatch::~InputWatch() {
  backend_.on_input_question = nullptr;
  backend_.on_input_lost = nullptr;
}

std::optional<uint32_t> InputWatch::known_lane(uint32_t number) const {
  const auto record =
      read_file(udev_records_ / (std::string(record_name) + std::to_string(number)), record_max_bytes);
  // Without udev nobody will ever know.
  if (!record) return file_exists(udev_records_) ? std::nullopt : std::optional<uint32_t>(GS_INPUT_NONE);
  return lane_of_udev_record(*record);
}

void InputWatch::answer() {
  const std::vector<uint32_t> questions = backend_.input_questions();
  std::set<uint32_t> open(questions.begin(), questions.end());
  // Forgotten with the device: what is kept is bounded by what there is.
  std::erase_if(answered_, [&](uint32_t number) { return !open.contains(number); });
  std::erase_if(unknown_, [&](uint32_t number) { return !open.contains(number); });
  std::erase_if(open, [&](uint32_t number) { return answered_.contains(number); });
  // Waiting first, then looking: what udev writes in between is not missed.
  wait_for_udev(!open.empty());
  std::vector<kernel::InputAnswer> answers;
  for (const uint32_t number : open) {
    if (unknown_.contains(number)) continue;
    if (const auto lane = known_lane(number))
      answers.push_back({number, *lane});
    else if (waits())
      unknown_.insert(number);
  }
  for (const auto& answer : answers) answered_.insert(answer.number);
  if (!answers.empty()) backend_.answer_input(answers);
  if (std::ranges::includes(answered_, open)) wait_for_udev(false);
}

void InputWatch::wait_for_udev(bool wait) {
  if (wait == waits()) return;
  unknown_.clear();
  if (!wait) {
    changes_.reset();
    inotify_.reset();
    return;
  }
  inotify_ = UniqueFd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  // udev writes a record beside its place and moves it there. Without a watch (the user's are used up, say)
  // the device is looked at again when the next question comes.
  if (!inotify_ || ::inotify_add_watch(inotify_.get(), udev_records_.c_str(), IN_MOVED_TO) < 0) {
    inotify_.reset();
    return;
  }
  changes_ =
      std::make_unique<Io>(loop_, inotify_.get(), EPOLLIN, Priority::Deferred, [this] { udev_wrote(); });
}

void InputWatch::udev_wrote() {
  alignas(inotify_event) std::array<char, 4096> buffer;
  bool news = false;
  for (ssize_t bytes; (bytes = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0;) {
    const inotify_event* event = nullptr;
    for (const char* at = buffer.data(); at < buffer.data() + bytes; at += sizeof(*event) + event->len) {
      event = reinterpret_cast<const inotify_event*>(at);
      if (event->mask & IN_MOVED_TO) {
        const auto number = number_of_record(event->name);
        news = (number && unknown_.erase(*number) > 0) || news;
      } else {  // some were lost, or the folder is gone
        unknown_.clear();
        news = true;
      }
    }
  }
  if (news) answer_.schedule();
}

void InputWatch::lost(uint64_t events) {
  const uint64_t now_usec = monotonic_usec();
  if (told_of_loss_usec_ && now_usec - *told_of_loss_usec_ < loss_line_every_usec) return;
  told_of_loss_usec_ = now_usec;
  log::warning("The service was too slow for " + std::to_string(events) +
                   " input events: their games were boosted all the same, the histograms lack them; "
                   "counters input_ring*_records_dropped say how often this happens",
               {{"GAMESCHED_INPUT_LOST", std::to_string(events)}});
}

}  // namespace gamesched::input
