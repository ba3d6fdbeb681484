// SPDX-License-Identifier: GPL-2.0-or-later
//
// "Did you mean": the known word next to one that was mistyped.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gamesched {

// The nearest of `known`, "" when none is near: more than a third of the letters differ.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

// `; did you mean "game"?`, or `; known are a, b and c` when none is near.
std::string suggestion(std::string_view word, std::span<const std::string_view> known);

}  // namespace gamesched
