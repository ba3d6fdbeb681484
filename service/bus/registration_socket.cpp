// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/bus/registration_socket.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "service/bus/errors.h"

// The C library's headers may be older.
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77  // Linux 6.5
#endif
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83  // Linux 6.16
#endif

namespace gamesched::bus {
namespace {

// One asks for a game at a time; a few more cover launchers that start several. Others go over the bus.
constexpr std::ptrdiff_t max_connections_per_user = 8;
constexpr std::size_t max_connections = 128;
constexpr int backlog = 32;

Error failed(const char* what) {
  return {Error::Code::System, std::string(what) + ": " + std::strerror(errno)};
}

struct Packet {
  std::array<char, max_request_bytes> bytes;
  std::string_view text;
};

enum class Read { Nothing, Packet, End };

// A packet that is longer than agreed ends the connection. Descriptors that come with one are dropped by the kernel.
Read read_packet(int socket, Packet& packet) {
  const ssize_t size = recv(socket, packet.bytes.data(), packet.bytes.size(), MSG_DONTWAIT | MSG_TRUNC);
  if (size < 0) return errno == EAGAIN || errno == EINTR ? Read::Nothing : Read::End;
  if (size == 0 || static_cast<std::size_t>(size) > packet.bytes.size()) return Read::End;
  packet.text = {packet.bytes.data(), static_cast<std::size_t>(size)};
  return Read::Packet;
}

// Who connected; nothing when the kernel does not say, or the process has ended.
std::optional<auth::Caller> peer_of(int socket) {
  ucred who{};
  socklen_t size = sizeof(who);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return std::nullopt;
  int pidfd = -1;
  size = sizeof(pidfd);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) != 0) return std::nullopt;
  return auth::Caller{.name = {}, .uid = who.uid, .peer = std::make_shared<auth::Peer>(UniqueFd(pidfd))};
}

}  // namespace

struct RegistrationSocket::Connection {
  UniqueFd socket;
  uid_t uid;
  std::shared_ptr<auth::Peer> peer;
  enum class Stage { Silent, Asked, Answered } stage = Stage::Silent;
  std::unique_ptr<Io> readable;
};

RegistrationSocket::RegistrationSocket(Loop& loop, Requests& requests, std::string path)
    : loop_(loop), requests_(requests), path_(std::move(path)) {}

RegistrationSocket::~RegistrationSocket() {
  if (listener_) unlink(path_.c_str());
}

Result<void> RegistrationSocket::listen() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof(address.sun_path))
    return fail(Error::Code::System, "the path of the socket is too long: " + path_);
  path_.copy(address.sun_path, path_.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return std::unexpected(failed("cannot make a socket"));
  const int none = 0;  // who sends a descriptor is told that it may not; kernels before 6.16 drop it
  (void)setsockopt(socket.get(), SOL_SOCKET, SO_PASSRIGHTS, &none, sizeof(none));
  unlink(path_.c_str());  // of one that was killed
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      chmod(path_.c_str(), 0666) != 0 || ::listen(socket.get(), backlog) != 0) {
    return std::unexpected(failed(("cannot listen at " + path_).c_str()));
  }
  listener_ = std::move(socket);
  connects_ = std::make_unique<Io>(loop_, listener_.get(), EPOLLIN, Priority::Bus, [this] { accept(); });
  return {};
}

// Whoever waits for nothing, longest first, makes room: first among the user's own, then anybody's.
bool RegistrationSocket::room_for(uid_t uid) {
  const auto close_one = [this](auto matches) {
    const auto found = std::ranges::find_if(connections_, [&](const auto& each) {
      return each.second.stage != Connection::Stage::Asked && matches(each.second);
    });
    if (found == connections_.end()) return false;
    close(found->first);
    return true;
  };
  const auto is_users = [uid](const Connection& each) { return each.uid == uid; };
  const auto of_user =
      std::ranges::count_if(connections_, [&](const auto& each) { return is_users(each.second); });
  if (of_user >= max_connections_per_user) return close_one(is_users);
  return connections_.size() < max_connections || close_one([](const Connection&) { return true; });
}

// A connection is closed at once where there is no room for it: its client goes over the bus.
void RegistrationSocket::accept() {
  UniqueFd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) return;
  auto caller = peer_of(socket.get());
  if (!caller || !room_for(caller->uid)) return;
  const ConnectionId id = next_++;
  const int fd = socket.get();
  connections_.emplace(id, Connection{.socket = std::move(socket),
                                      .uid = caller->uid,
                                      .peer = std::const_pointer_cast<auth::Peer>(caller->peer),
                                      .stage = Connection::Stage::Silent,
                                      .readable = std::make_unique<Io>(loop_, fd, EPOLLIN, Priority::Bus,
                                                                       [this, id] { readable(id); })});
}

void RegistrationSocket::readable(ConnectionId id) {
  Connection& connection = connections_.at(id);
  Packet packet;
  const Read read = read_packet(connection.socket.get(), packet);
  if (read == Read::Nothing) return;
  // Its end, or more than was agreed.
  if (read == Read::End || connection.stage != Connection::Stage::Silent) return close(id);
  connection.stage = Connection::Stage::Asked;
  ask(id, packet.text);
}

void RegistrationSocket::ask(ConnectionId id, std::string_view text) {
  auto options = games::options_of_text(text);
  if (!options) return answer(id, std::unexpected(options.error()));
  const Connection& connection = connections_.at(id);
  UniqueFd game(fcntl(connection.peer->pidfd.get(), F_DUPFD_CLOEXEC, 0));
  if (!game) return answer(id, std::unexpected(failed("cannot keep a pidfd")));
  requests_.register_game({.name = {}, .uid = connection.uid, .peer = connection.peer}, std::move(game),
                          std::move(*options),
                          [this, id](const Result<games::GameId>& outcome) { answer(id, outcome); });
}

// Without an answer, where it is ours to have none, the client goes over the bus.
void RegistrationSocket::answer(ConnectionId id, const Result<games::GameId>& outcome) {
  Connection& connection = connections_.at(id);
  connection.stage = Connection::Stage::Answered;
  if (connection.peer->left || (!outcome && outcome.error().code == Error::Code::System)) return close(id);
  std::string text;
  if (outcome) {
    text = "game=" + games::object_path(*outcome);
  } else {
    const sdbus::Error error = to_bus(outcome.error());
    text = "error=" + error.getName() + '\0' + "message=" + error.getMessage();
  }
  text += '\0';
  // The one packet on its way to a client that waits for it: there is room, or nobody.
  (void)send(connection.socket.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

// What polkit is being asked for keeps its place: else who asks and leaves would have as many questions as he likes.
void RegistrationSocket::close(ConnectionId id) {
  Connection& connection = connections_.at(id);
  connection.peer->left = true;
  connection.readable.reset();
  connection.socket = UniqueFd();
  if (connection.stage != Connection::Stage::Asked) connections_.erase(id);
}

}  // namespace gamesched::bus
