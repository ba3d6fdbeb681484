// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/auth/seat_answers.h"

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "service/auth/polkit.h"
#include "service/auth/sender.h"
#include "service/util/time.h"

namespace gamesched::auth {
namespace {

// Machines with more seats than that have no players at each.
constexpr std::size_t max_seats = 64;
// Nobody is asked for a password: a polkit that takes longer is not well.
constexpr std::chrono::seconds answer_timeout{25};
// A login changes a seat several times within a second; whoever lets things change for ever costs polkit one
// question a seat in this time.
constexpr uint64_t between_rounds_usec = usec_per_sec;

// Of logind's files: those of seats and those of users. A session's own tell nothing more that counts here.
constexpr std::array categories{"seat", "uid"};

const char* const driver = "org.freedesktop.DBus";

bool is_lasting_yes(const polkit::Answer& answer) {
  return answer.get<0>() && !answer.get<2>().contains("polkit.temporary_authorization_id");
}

}  // namespace

SeatAnswers::SeatAnswers(Loop& loop, sdbus::IConnection& bus, std::string action)
    : loop_(loop), bus_(bus), action_(std::move(action)), ask_(loop, [this] { ask(); }) {
  watch_logins();
  watch_polkit();
}

SeatAnswers::~SeatAnswers() = default;

bool SeatAnswers::allows(const Caller& caller, const std::string& action) const {
  if (caller.peer == nullptr || action != action_ || kept_.empty() || logins_have_changed()) return false;
  const auto by = started_by(caller.peer->pidfd.get());
  return by && kept_.allow(caller.uid, *by);
}

void SeatAnswers::watch_logins() {
  for (const char* const category : categories) {
    sd_login_monitor* monitor = nullptr;
    if (sd_login_monitor_new(category, &monitor) < 0) {
      logins_.clear();
      return;
    }
    logins_.push_back({.files = decltype(Monitor::files)(monitor),
                       .readable = std::make_unique<Io>(loop_, sd_login_monitor_get_fd(monitor), EPOLLIN,
                                                        Priority::Bus, [this, monitor] {
                                                          sd_login_monitor_flush(monitor);
                                                          changed();
                                                        })});
  }
}

bool SeatAnswers::logins_have_changed() const {
  std::array<pollfd, categories.size()> files{};
  for (std::size_t i = 0; i < logins_.size(); ++i)
    files[i] = {.fd = sd_login_monitor_get_fd(logins_[i].files.get()), .events = POLLIN, .revents = 0};
  return poll(files.data(), logins_.size(), 0) != 0;
}

void SeatAnswers::watch_polkit() {
  answers_change_ = bus_.addMatchAsync(
      std::string("type='signal',member='Changed',sender='") + polkit::name + "',path='" + polkit::path +
          "',interface='" + polkit::interface + "'",
      [this](sdbus::Message message) {
        if (is_from(message, owner_)) changed();
      },
      [](sdbus::Message) {}, sdbus::return_slot);
  owner_changes_ = bus_.addMatchAsync(
      std::string("type='signal',member='NameOwnerChanged',sender='org.freedesktop.DBus',"
                  "interface='org.freedesktop.DBus',arg0='") +
          polkit::name + "'",
      [this](sdbus::Message message) {
        if (!is_from_bus(message)) return;
        std::string name, before, owner;
        message >> name >> before >> owner;
        owner_is(std::move(owner));
      },
      [](sdbus::Message) {}, sdbus::return_slot);
  // After the match: of this answer and a later change the later comes last.
  driver_ = sdbus::createProxy(bus_, sdbus::ServiceName{driver}, sdbus::ObjectPath{"/org/freedesktop/DBus"});
  driver_->callMethodAsync("GetNameOwner")
      .onInterface(driver)
      .withArguments(std::string(polkit::name))
      .uponReplyInvoke([this](std::optional<sdbus::Error> error, std::string owner) {
        owner_is(error ? "" : std::move(owner));
      });
}

// Questions to the last owner end with its proxy.
void SeatAnswers::owner_is(std::string owner) {
  if (owner == owner_) return;
  owner_ = std::move(owner);
  round_.reset();
  polkit_.reset();
  if (!owner_.empty())
    polkit_ = sdbus::createProxy(bus_, sdbus::ServiceName{owner_}, sdbus::ObjectPath{polkit::path});
  changed();
}

void SeatAnswers::changed() {
  kept_.forget();
  schedule();
}

void SeatAnswers::schedule() {
  // With a round under way, its end sees that it was of an earlier epoch.
  if (!polkit_ || logins_.empty() || round_ || ask_.armed()) return;
  ask_.arm_at(std::max(monotonic_usec(), asked_usec_ + between_rounds_usec));
}

void SeatAnswers::ask() {
  if (!polkit_) return;
  asked_usec_ = monotonic_usec();
  const auto round = std::make_shared<Round>(Round{.epoch = kept_.epoch(), .waits = 1});
  round_ = round;
  for (const LoginSession& session : sessions_in_front(max_seats)) {
    if (session.uid != 0) ask_for(session, round);  // root needs no leave
  }
  end(round);
}

void SeatAnswers::ask_for(const LoginSession& session, const std::shared_ptr<Round>& round) {
  const UniqueFd leader = leader_of(session);
  if (!leader) return;
  ++round->waits;
  polkit_->callMethodAsync("CheckAuthorization")
      .onInterface(polkit::interface)
      .withTimeout(answer_timeout)
      .withArguments(polkit::process(leader.get(), session.uid), action_, polkit::Details{}, polkit::no_flags,
                     std::string())
      .uponReplyInvoke([this, session, round](std::optional<sdbus::Error> error, polkit::Answer answer) {
        if (!error && is_lasting_yes(answer)) kept_.keep(round->epoch, session);
        end(round);
      });
}

void SeatAnswers::end(const std::shared_ptr<Round>& round) {
  if (--round->waits > 0 || round_ != round) return;
  round_.reset();
  if (round->epoch != kept_.epoch()) schedule();
}

}  // namespace gamesched::auth
