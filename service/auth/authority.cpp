// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/auth/authority.h"

#include <chrono>
#include <optional>

#include "service/auth/polkit.h"
#include "service/auth/seat_answers.h"
#include "service/auth/sender.h"

namespace gamesched::auth {
namespace {

// A person types a password; sd-bus's own 25 s would cut that short.
constexpr std::chrono::seconds polkit_timeout{120};
// The bus daemon answers at once or is gone.
constexpr std::chrono::seconds driver_timeout{25};
// The bus answers within one turn; more calls of one client in that time are a flood, and each may hold a
// descriptor.
constexpr std::size_t max_identifying = 16;

Error denied(const std::string& why) {
  return {Error::Code::NotAuthorized, why};
}

Error left_early() {
  return denied("The caller left before it was authorized.");
}

polkit::Subject subject_of(const Caller& caller) {
  return caller.peer == nullptr ? polkit::client(caller.name)
                                : polkit::process(caller.peer->pidfd.get(), caller.uid);
}

}  // namespace

// One question to polkit. Its callbacks know it by its id alone.
struct Authority::Pending {
  Pending(games::PendingLimit::Slip held, Caller from, CheckDone call)
      : slip(std::move(held)), caller(std::move(from)), done(std::move(call)) {}

  games::PendingLimit::Slip slip;
  Caller caller;
  CheckDone done;
  std::string cancellation_id;
  sdbus::PendingAsyncCall call;
  sdbus::Slot sender_watch;
};

Authority::Authority(Loop& loop, sdbus::IConnection& bus)
    : loop_(loop),
      bus_(bus),
      driver_(sdbus::createProxy(bus, sdbus::ServiceName{"org.freedesktop.DBus"},
                                 sdbus::ObjectPath{"/org/freedesktop/DBus"})),
      polkit_(sdbus::createProxy(bus, sdbus::ServiceName{polkit::name}, sdbus::ObjectPath{polkit::path})),
      forget_finished_(loop, [this] { finished_.clear(); }) {}

Authority::~Authority() = default;

void Authority::ask_in_advance(std::string action) {
  seat_answers_ = std::make_unique<SeatAnswers>(loop_, bus_, std::move(action));
}

bool Authority::is_known_to_allow(uid_t uid) const {
  return seat_answers_ && seat_answers_->allows_some(uid);
}

void Authority::identify(std::string sender, IdentifyDone done) {
  std::size_t& under_way = identifying_[sender];
  if (under_way >= max_identifying) {
    done(fail(Error::Code::LimitsExceeded, "Too many requests at once; try again in a moment."));
    return;
  }
  ++under_way;
  driver_->callMethodAsync("GetConnectionCredentials")
      .onInterface("org.freedesktop.DBus")
      .withTimeout(driver_timeout)
      .withArguments(sender)
      .uponReplyInvoke(
          [this, sender, done = std::move(done)](std::optional<sdbus::Error> error,
                                                 std::map<std::string, sdbus::Variant> credentials) {
            if (--identifying_[sender] == 0) identifying_.erase(sender);
            const auto uid = credentials.find("UnixUserID");
            if (error || uid == credentials.end() || !uid->second.containsValueOfType<uint32_t>()) {
              done(std::unexpected(denied("The system bus does not say who sent this request.")));
              return;
            }
            done(Caller{sender, uid->second.get<uint32_t>()});
          });
}

void Authority::check(const Caller& caller, const std::string& action, bool interactive, CheckDone done) {
  if (caller.uid == 0 || (seat_answers_ && seat_answers_->allows(caller, action))) {
    done({});
    return;
  }
  auto slip = limit_.take(caller.uid);
  if (!slip) {
    done(std::unexpected(slip.error()));
    return;
  }
  const PendingId id = next_++;
  auto& pending = *pending_.emplace(id, std::make_unique<Pending>(std::move(*slip), caller, std::move(done)))
                       .first->second;
  pending.cancellation_id = "gameschedd-" + std::to_string(id);
  // Of a peer it is known when the answer is there.
  if (caller.peer == nullptr) watch_sender(id);

  pending.call =
      polkit_->callMethodAsync("CheckAuthorization")
          .onInterface(polkit::interface)
          .withTimeout(polkit_timeout)
          .withArguments(subject_of(caller), action, polkit::Details{},
                         interactive ? polkit::allow_user_interaction : polkit::no_flags,
                         pending.cancellation_id)
          .uponReplyInvoke([this, id, action](std::optional<sdbus::Error> error, polkit::Answer answer) {
            if (error) {
              // A polkit that does not know a process by its pidfd may know the same client on the bus.
              const auto code =
                  pending_.at(id)->caller.peer == nullptr ? Error::Code::NotAuthorized : Error::Code::System;
              finish(id, Cause::Answered,
                     std::unexpected(Error{code, "The authorization service (polkit) gave no answer on " +
                                                     action + " (" + error->getName() +
                                                     "); is it installed and running?"}));
            } else if (!answer.get<0>()) {
              finish(id, Cause::Answered,
                     std::unexpected(denied("You are not allowed to do that (polkit action " + action +
                                            "); it takes an active local session.")));
            } else {
              finish(id, Cause::Answered, {});
            }
          });
}

void Authority::watch_sender(PendingId id) {
  Pending& pending = *pending_.at(id);
  // Only this name, only while the question is open: other clients' comings and goings never wake us.
  const std::string match =
      "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
      "member='NameOwnerChanged',arg0='" +
      pending.caller.name + "',arg2=''";
  pending.sender_watch = bus_.addMatchAsync(
      match,
      [this, id](sdbus::Message message) {
        if (is_from_bus(message)) finish(id, Cause::SenderLeft, std::unexpected(left_early()));
      },
      [](sdbus::Message) {}, sdbus::return_slot);
}

void Authority::finish(PendingId id, Cause cause, Result<void> outcome) {
  auto node = pending_.extract(id);
  if (node.empty()) return;
  std::unique_ptr<Pending> pending = std::move(node.mapped());
  if (cause == Cause::SenderLeft) {
    pending->call.cancel();
    // Closes an open password dialog. No answer is waited for.
    polkit_->callMethodAsync("CancelCheckAuthorization")
        .onInterface(polkit::interface)
        .withArguments(pending->cancellation_id)
        .uponReplyInvoke([](std::optional<sdbus::Error>) {});
  }
  if (pending->caller.peer != nullptr && pending->caller.peer->left) outcome = std::unexpected(left_early());
  const CheckDone done = std::move(pending->done);
  {
    const games::PendingLimit::Slip given_back = std::move(pending->slip);
  }
  finished_.push_back(std::move(pending));
  forget_finished_.schedule();
  done(std::move(outcome));
}

}  // namespace gamesched::auth
