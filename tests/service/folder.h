// SPDX-License-Identifier: GPL-2.0-or-later
//
// A test with a folder of its own.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace gamesched::tests {

class Folder : public testing::Test {
 protected:
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "gamesched-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  ~Folder() override { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }
  void make(const std::string& folder) const { std::filesystem::create_directories(path_ / folder); }
  void write(const std::string& file, const std::string& text) const {
    std::ofstream(path_ / file, std::ios::binary) << text;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace gamesched::tests
