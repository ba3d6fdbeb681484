// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/run/socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace gamesched::run {
namespace {

constexpr const char* default_path = "/run/gamesched/register";

// As the service takes it, and far above what it answers.
constexpr size_t max_packet = 4096;

struct Packet {
  char text[max_packet];
  size_t size = 0;

  // "" is not sent. What has no room here the service would not take: it says so when it is cut.
  void add(const char* key, const char* value) {
    if (*value == '\0') return;
    const int written = snprintf(text + size, sizeof(text) - size, "%s=%s", key, value);
    const size_t wanted = static_cast<size_t>(written) + 1;  // with its NUL
    size = wanted < sizeof(text) - size ? size + wanted : sizeof(text);
  }
};

Packet request_of(const Options& options) {
  Packet packet;
  packet.add("name", options.name);
  packet.add("app-id", options.app_id);
  packet.add("profile", options.profile);
  char fps[16] = "";
  if (options.target_fps != 0) snprintf(fps, sizeof(fps), "%u", options.target_fps);
  packet.add("target-fps", fps);
  return packet;
}

int connect_to(int socket, const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (strlen(path) >= sizeof(address.sun_path)) return -ENAMETOOLONG;
  strcpy(address.sun_path, path);
  return connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? 0 : -errno;
}

bool send_request(int socket, const Packet& packet) {
  return send(socket, packet.text, packet.size, MSG_NOSIGNAL) == static_cast<ssize_t>(packet.size);
}

bool await_answer(int socket, uint64_t deadline_usec) {
  pollfd answered{.fd = socket, .events = POLLIN, .revents = 0};
  for (;;) {
    const uint64_t now = now_usec();
    if (now >= deadline_usec) return false;
    const uint64_t left_usec = deadline_usec - now;
    const timespec left{static_cast<time_t>(left_usec / 1'000'000),
                        static_cast<long>(left_usec % 1'000'000 * 1'000)};
    const int ready = ppoll(&answered, 1, &left, nullptr);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

// The value of "key=value" among those that a NUL ends; nullptr when there is none.
const char* value_in(const Packet& packet, const char* key) {
  const size_t length = strlen(key);
  for (const char* line = packet.text; line < packet.text + packet.size; line += strlen(line) + 1) {
    if (strncmp(line, key, length) == 0 && line[length] == '=') return line + length + 1;
  }
  return nullptr;
}

Answer read_answer(const Packet& packet) {
  Answer answer;
  const char* const error = value_in(packet, "error");
  answer.done = value_in(packet, "game") != nullptr;
  if (answer.done || error == nullptr) return answer;
  snprintf(answer.error, sizeof(answer.error), "%s", error);
  const char* const message = value_in(packet, "message");
  answer.problem = message == nullptr || *message == '\0' ? problem("gameschedd answered %s", error)
                                                          : problem_of_message(message, strlen(message));
  return answer;
}

}  // namespace

Answer ask_socket(const Options& options, uint64_t deadline_usec) {
  const Answer nobody{.reach = Reach::Nobody};
  const char* path = getenv("GAMESCHED_SOCKET");
  if (path == nullptr) path = default_path;
  if (*path == '\0') return nobody;
  const Packet request = request_of(options);
  if (request.size == 0 || request.size == sizeof(request.text)) return nobody;
  const Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.value < 0 || connect_to(socket.value, path) < 0 || !send_request(socket.value, request))
    return nobody;
  if (!await_answer(socket.value, deadline_usec)) return {.problem = problem_of_silence()};
  Packet packet;
  const ssize_t size = recv(socket.value, packet.text, sizeof(packet.text) - 1, 0);
  if (size <= 0) return nobody;
  packet.size = static_cast<size_t>(size);
  packet.text[packet.size] = '\0';
  const Answer answer = read_answer(packet);
  return answer.done || *answer.error != '\0' ? answer : nobody;
}

}  // namespace gamesched::run
