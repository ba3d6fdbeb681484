// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/util/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "service/util/fd.h"

namespace gamesched {

Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return fail_errno("cannot open " + path.string(), errno);
  struct stat st{};
  if (fstat(fd.get(), &st) != 0) return fail_errno("cannot look at " + path.string(), errno);
  if (!S_ISREG(st.st_mode)) return fail(Error::Code::System, path.string() + " is not a regular file");

  // Most are short: room for the longest would be cleared, page by page, for nothing.
  constexpr std::size_t step_bytes = 4096;
  std::string content;
  std::size_t used = 0;
  while (used <= max_bytes) {
    content.resize(std::min(used + step_bytes, max_bytes + 1));
    const ssize_t n = read(fd.get(), content.data() + used, content.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("cannot read " + path.string(), errno);
    if (n == 0) break;
    used += static_cast<std::size_t>(n);
  }
  if (used > max_bytes) {
    return fail(Error::Code::System,
                path.string() + " is longer than " + std::to_string(max_bytes) + " bytes");
  }
  content.resize(used);
  return content;
}

bool file_exists(const std::filesystem::path& path) {
  struct stat st{};
  return lstat(path.c_str(), &st) == 0;
}

namespace {

Result<void> write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t n = write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("cannot write " + path, errno);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

Result<void> replace_file(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  const std::string temporary = path.string() + ".new";
  {
    const UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
    if (!fd) return fail_errno("cannot create " + temporary, errno);
    if (auto written = write_all(fd.get(), content, temporary); !written) return written;
  }
  if (rename(temporary.c_str(), path.c_str()) != 0)
    return fail_errno("cannot replace " + path.string(), errno);
  return {};
}

}  // namespace gamesched
