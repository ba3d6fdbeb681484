// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/util/log.h"

#define SD_JOURNAL_SUPPRESS_LOCATION 1
#include <sys/stat.h>
#include <sys/syslog.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "service/util/text.h"

namespace gamesched::log {
namespace {

// A line holds messages of the kernel and names of games; longer than this helps nobody.
constexpr std::size_t max_line_bytes = 2048;

// systemd names the journal stream it connected stderr to; a later redirection makes them differ.
bool stderr_is_journal() {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  unsigned long long device = 0;
  unsigned long long inode = 0;
  struct stat st{};
  return stream != nullptr && std::sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
         fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void write(int priority, std::string_view message, Fields fields) {
  static const bool to_journal = stderr_is_journal();
  const std::string text = cleaned(message, max_line_bytes);
  if (!to_journal) {
    std::fprintf(stderr, "<%d>%s\n", priority, text.c_str());
    return;
  }
  std::vector<std::string> lines{"MESSAGE=" + text, "PRIORITY=" + std::to_string(priority),
                                 "SYSLOG_IDENTIFIER=gameschedd"};
  for (const auto& [name, value] : fields) {
    lines.push_back(std::string(name) + "=" + cleaned(value, max_line_bytes));
  }
  std::vector<iovec> parts;
  for (std::string& line : lines) parts.push_back({line.data(), line.size()});
  (void)sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
}

}  // namespace

void error(std::string_view message, Fields fields) {
  write(LOG_ERR, message, fields);
}
void warning(std::string_view message, Fields fields) {
  write(LOG_WARNING, message, fields);
}
void notice(std::string_view message, Fields fields) {
  write(LOG_NOTICE, message, fields);
}
void info(std::string_view message, Fields fields) {
  write(LOG_INFO, message, fields);
}

}  // namespace gamesched::log
