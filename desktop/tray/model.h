// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the tray shows: a pure function of the facts and the time.
//
// Icon, tooltip and menu come from one call, so they never contradict each other. Every state has an icon of
// a shape of its own, since a colour alone is lost on some eyes and in some themes. What the menu offers is
// what the service can do in that state; an entry that cannot be chosen is text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "desktop/tray/facts.h"

namespace gamesched::tray {

enum class State {
  Active,
  Standby,
  Off,
  Degraded,
  Ejected,
  Unsupported,
  Conflict,
  NotRunning,
  Unknown,  // it does not answer, or says what this version does not know
};

State state_of(const Facts& facts);

// Of the icon theme: gamesched-STATE. data/icons draws one for each.
const char* icon_of(State state);

enum class Verb { None, SetEnabled, SetProfile, Start, OpenView, Quit };

// What a click asks for.
struct Action {
  Verb verb = Verb::None;
  bool enabled = false;   // of SetEnabled
  std::string profile{};  // of SetProfile

  bool operator==(const Action&) const = default;
};

struct Entry {
  enum class Kind { Text, Separator, Check, Radio, Submenu };

  Kind kind = Kind::Text;
  std::string label{};
  bool sensitive = true;  // can be chosen
  bool checked = false;
  Action action{};
  std::vector<Entry> children{};

  bool operator==(const Entry&) const = default;
};

struct View {
  std::string icon;
  bool attention = false;  // somebody should look
  std::string title;       // a line; also what screen readers say
  std::string text;        // below it in the tooltip; plain
  std::vector<Entry> menu;

  bool operator==(const View&) const = default;
};

View view_of(const Facts& facts, uint64_t now_usec);

struct Notice {
  std::string title;
  std::string text;  // plain

  bool operator==(const Notice&) const = default;
};

Notice notice_of(const Ejection& ejection);
// A click's request was refused, or nobody was there to grant it.
Notice notice_of_refusal(const std::string& problem);
Notice notice_of_no_view(const std::string& problem);

// A conflict is news once, until gameschedd tells of another state: its restart makes no news of what was
// there before.
class ConflictNews {
 public:
  std::optional<Notice> of(const Facts& facts);

 private:
  bool conflict_ = false;  // as gameschedd said last
};

// At most one a minute, however often the scheduler comes and goes. What it drops, the icon still shows.
class NoticeLimit {
 public:
  bool allows(uint64_t now_usec);

 private:
  std::optional<uint64_t> last_usec_;
};

// Broken between words into lines of at most `columns` characters, where there are words so short.
std::vector<std::string> wrapped(const std::string& text, std::size_t columns);

}  // namespace gamesched::tray
