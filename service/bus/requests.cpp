// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/bus/requests.h"

#include <unistd.h>

#include "service/util/log.h"
#include "service/util/procfs.h"
#include "service/util/time.h"

namespace gamesched::bus {
namespace {

const char* const register_own = "org.gamesched.register-game";
const char* const register_others = "org.gamesched.register-other-users-game";
const char* const switch_on_off = "org.gamesched.set-enabled";
const char* const choose_profile = "org.gamesched.set-profile";
const char* const hold_a_profile = "org.gamesched.hold-profile";
const char* const explain_others = "org.gamesched.explain-other-users-thread";

}  // namespace

// A RegisterGame under way.
struct Requests::Registration {
  bool interactive;
  UniqueFd pidfd;
  games::GameOptions options;
  Reply<games::GameId> reply;
  auth::Caller caller;
  games::ProcessFacts facts;  // when the question was put

  bool foreign() const { return facts.ruid != caller.uid; }
};

void Requests::begin(const Sender& sender, std::function<void(Result<auth::Caller>)> next) {
  authority_.identify(sender.name, [this, next = std::move(next)](Result<auth::Caller> caller) {
    if (caller) {
      if (const auto charged = charge(caller->uid); !charged) caller = std::unexpected(charged.error());
    }
    next(std::move(caller));
  });
}

Result<void> Requests::charge(uid_t uid) {
  // Root needs no leave for anything, and could do worse than ask often.
  return uid == 0 ? Result<void>{} : rate_.take(uid, monotonic_usec());
}

void Requests::register_game(Sender sender, UniqueFd pidfd, games::GameOptions options,
                             Reply<games::GameId> reply) {
  auto request = std::make_shared<Registration>(Registration{.interactive = sender.interactive,
                                                             .pidfd = std::move(pidfd),
                                                             .options = std::move(options),
                                                             .reply = std::move(reply),
                                                             .caller = {},
                                                             .facts = {}});
  begin(sender, [this, request](Result<auth::Caller> caller) {
    if (!caller) return request->reply(std::unexpected(caller.error()));
    request->caller = *caller;
    consider(request);
  });
}

void Requests::register_game(auth::Caller caller, UniqueFd pidfd, games::GameOptions options,
                             Reply<games::GameId> reply) {
  if (const auto charged = charge(caller.uid); !charged) return reply(std::unexpected(charged.error()));
  consider(std::make_shared<Registration>(Registration{.interactive = false,
                                                       .pidfd = std::move(pidfd),
                                                       .options = std::move(options),
                                                       .reply = std::move(reply),
                                                       .caller = std::move(caller),
                                                       .facts = {}}));
}

void Requests::expect_peers() {
  authority_.ask_in_advance(register_own);
}

void Requests::consider(std::shared_ptr<Registration> request) {
  const auto facts = games::inspect(request->pidfd.get());
  if (!facts) return request->reply(std::unexpected(facts.error()));
  request->facts = *facts;
  const auto admitted = games::may_be_game(*facts, getpid()).and_then([&] {
    return registry_.room_for(*facts, request->caller.uid);
  });
  if (!admitted) return request->reply(std::unexpected(admitted.error()));
  authorize(std::move(request));
}

void Requests::authorize(std::shared_ptr<Registration> request) {
  const char* const action = request->foreign() ? register_others : register_own;
  authority_.check(request->caller, action, request->interactive, [this, request](Result<void> allowed) {
    if (allowed) return request->reply(enter(*request));
    if (request->foreign() && allowed.error().code == Error::Code::NotAuthorized) {
      return request->reply(
          fail(Error::Code::NotYourProcess, "Process " + std::to_string(request->facts.tgid) +
                                                " belongs to user " + std::to_string(request->facts.ruid) +
                                                ", not to you; only an administrator may register it."));
    }
    request->reply(std::unexpected(allowed.error()));
  });
}

// The answer was about the process as it was: it must still be that one, of that user.
Result<games::GameId> Requests::enter(Registration& request) {
  const auto facts = games::inspect(request.pidfd.get());
  if (!facts) return std::unexpected(facts.error());
  if (auto admitted = games::may_be_game(*facts, getpid()); !admitted)
    return std::unexpected(admitted.error());
  if (!facts->same_process(request.facts) || facts->ruid != request.facts.ruid) {
    return fail(Error::Code::NotYourProcess, "Process " + std::to_string(facts->tgid) +
                                                 " changed its user while the request was being decided.");
  }
  std::string holder = request.options.hold ? request.caller.name : "";
  return registry_.add(std::move(request.pidfd), *facts, request.caller.uid, std::move(request.options),
                       realtime_usec(), std::move(holder));
}

void Requests::unregister_game(Sender sender, std::string path, Reply<void> reply) {
  begin(sender, [this, path = std::move(path), reply = std::move(reply)](Result<auth::Caller> caller) {
    if (!caller) return reply(std::unexpected(caller.error()));
    reply(games::id_of_path(path).and_then(
        [&](games::GameId id) { return registry_.remove(id, caller->uid); }));
  });
}

void Requests::set_enabled(Sender sender, bool enabled, Reply<void> reply) {
  begin(sender, [this, sender, enabled, reply = std::move(reply)](Result<auth::Caller> caller) {
    if (!caller) return reply(std::unexpected(caller.error()));
    authority_.check(*caller, switch_on_off, sender.interactive,
                     [this, enabled, reply, uid = caller->uid](Result<void> allowed) {
                       if (!allowed) return reply(allowed);
                       log::notice(std::string("Switched ") + (enabled ? "on" : "off") + " by user " +
                                   std::to_string(uid));
                       if (auto kept = stores_.enabled.write(enabled); !kept) {
                         log::warning("This will be forgotten at the next start: " + kept.error().message);
                       }
                       attachment_.set_enabled(enabled);
                       reply({});
                     });
  });
}

void Requests::set_profile(Sender sender, std::string profile, Reply<void> reply) {
  begin(sender, [this, sender, profile, reply = std::move(reply)](Result<auth::Caller> caller) {
    if (!caller) return reply(std::unexpected(caller.error()));
    if (auto known = profiles_.known(profile); !known) return reply(known);
    authority_.check(*caller, choose_profile, sender.interactive,
                     [this, profile, reply, uid = caller->uid](Result<void> allowed) {
                       if (!allowed) return reply(allowed);
                       if (auto chosen = profiles_.choose(profile, uid); !chosen) return reply(chosen);
                       log::notice("Profile " + profile + " chosen by user " + std::to_string(uid));
                       if (auto kept = stores_.profile.write(profile); !kept) {
                         log::warning("This will be forgotten at the next start: " + kept.error().message);
                       }
                       reply({});
                     });
  });
}

void Requests::hold_profile(Sender sender, policy::Hold hold, Reply<uint32_t> reply) {
  begin(sender, [this, sender, hold, reply = std::move(reply)](Result<auth::Caller> caller) mutable {
    if (!caller) return reply(std::unexpected(caller.error()));
    hold.holder = caller->name;
    hold.uid = caller->uid;
    if (auto admitted = profiles_.may_hold(hold); !admitted) return reply(std::unexpected(admitted.error()));
    authority_.check(*caller, hold_a_profile, sender.interactive, [this, hold, reply](Result<void> allowed) {
      if (!allowed) return reply(std::unexpected(allowed.error()));
      reply(profiles_.hold(hold));
    });
  });
}

void Requests::release_profile(Sender sender, uint32_t cookie, Reply<void> reply) {
  begin(sender, [this, cookie, reply = std::move(reply)](Result<auth::Caller> caller) {
    if (!caller) return reply(std::unexpected(caller.error()));
    reply(profiles_.release(cookie, caller->name, caller->uid));
  });
}

// Asking changes nothing and costs as little as reading counters: it is not charged.
void Requests::explain(Sender sender, UniqueFd thread, Reply<Explanation> reply) {
  auto pidfd = std::make_shared<UniqueFd>(std::move(thread));
  authority_.identify(
      sender.name, [this, sender, pidfd, reply = std::move(reply)](Result<auth::Caller> caller) {
        if (!caller) return reply(std::unexpected(caller.error()));
        const auto facts = games::inspect(pidfd->get());
        if (!facts) return reply(std::unexpected(facts.error()));
        // Asked again after the wait: whose it is may have changed.
        const auto answer = [this, pidfd, reply, uid = caller->uid](uid_t allowed_of) {
          const auto now = games::inspect(pidfd->get());
          if (!now) return reply(std::unexpected(now.error()));
          if (uid != 0 && !(now->one_user() && now->ruid == allowed_of))
            return reply(fail(
                Error::Code::NotYourProcess,
                "Thread " + std::to_string(now->pid) + " changed its user while the request was decided."));
          auto thread = backend_.explain(pidfd->get());
          if (!thread) return reply(std::unexpected(thread.error()));
          // What the thread's own context says is as old as its last wake-up.
          const games::Game* game = registry_.in_slot(backend_.game_of(now->tgid));
          if (game != nullptr && (game->parked || !game->is_seen_by(uid))) game = nullptr;
          const auto stat = procfs::read_stat(now->pid);
          reply(Explanation{*now, std::move(*thread), game, stat ? stat->processor : 0});
        };
        const uid_t owner = facts->ruid;
        if (caller->uid == 0 || (facts->one_user() && owner == caller->uid)) return answer(owner);
        authority_.check(*caller, explain_others, sender.interactive,
                         [answer, owner, reply](Result<void> allowed) {
                           if (!allowed) return reply(std::unexpected(allowed.error()));
                           answer(owner);
                         });
      });
}

void Requests::open_metrics(Sender sender, Reply<UniqueFd> reply) {
  begin(sender, [this, reply = std::move(reply)](Result<auth::Caller> caller) {
    if (!caller) return reply(std::unexpected(caller.error()));
    reply(publisher_.open(caller->name, caller->uid));
  });
}

}  // namespace gamesched::bus
