// SPDX-License-Identifier: GPL-2.0-or-later
//
// Random numbers for property tests: the same in every run, unless GAMESCHED_TEST_SEED says otherwise. A
// failure names the seed that shows it again.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace gamesched::tests {

// `Random random(__FILE__, __LINE__);` at the top of a test: what fails in its scope prints the seed.
class Random {
 public:
  Random(const char* file, int line)
      : seed_(seed_from_environment()),
        engine_(seed_),
        trace_(file, line, "GAMESCHED_TEST_SEED=" + std::to_string(seed_)) {}

  std::mt19937_64& engine() { return engine_; }
  uint64_t any() { return engine_(); }
  // Both ends included.
  uint64_t between(uint64_t least, uint64_t most) {
    return std::uniform_int_distribution<uint64_t>(least, most)(engine_);
  }
  double real(double least, double most) {
    return std::uniform_real_distribution<double>(least, most)(engine_);
  }
  bool chance(double probability) { return std::bernoulli_distribution(probability)(engine_); }
  double exponential(double mean) { return std::exponential_distribution<double>(1 / mean)(engine_); }

 private:
  static uint64_t seed_from_environment() {
    const char* text = std::getenv("GAMESCHED_TEST_SEED");
    return text != nullptr ? std::strtoull(text, nullptr, 0) : 20240917;  // any number will do
  }

  uint64_t seed_;
  std::mt19937_64 engine_;
  testing::ScopedTrace trace_;
};

}  // namespace gamesched::tests
