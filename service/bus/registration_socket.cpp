// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/bus/registration_socket.h"

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

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77  // Linux 6.5; the C library's headers may be older
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

// The text of a packet and the one descriptor that came with it.
struct Packet {
  std::array<char, max_request_bytes> bytes;
  std::string_view text;
  UniqueFd fd;
};

enum class Read { Nothing, Packet, End };

// All descriptors that come are owned here, wanted or not. A packet that is cut, or has not exactly one, ends the
// connection.
Read read_packet(int socket, Packet& packet) {
  iovec part{packet.bytes.data(), packet.bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_LEN(sizeof(int));  // its padding has room for another one
  const ssize_t size = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) return errno == EAGAIN || errno == EINTR ? Read::Nothing : Read::End;
  for (cmsghdr* part_of = CMSG_FIRSTHDR(&message); part_of != nullptr;
       part_of = CMSG_NXTHDR(&message, part_of)) {
    if (part_of->cmsg_level != SOL_SOCKET || part_of->cmsg_type != SCM_RIGHTS) continue;
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(part_of), sizeof(fd));
    packet.fd = UniqueFd(fd);
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || size == 0 || !packet.fd) return Read::End;
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
  bool asked = false;
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
  unlink(path_.c_str());  // of one that was killed
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      chmod(path_.c_str(), 0666) != 0 || ::listen(socket.get(), backlog) != 0) {
    return std::unexpected(failed(("cannot listen at " + path_).c_str()));
  }
  listener_ = std::move(socket);
  connects_ = std::make_unique<Io>(loop_, listener_.get(), EPOLLIN, Priority::Bus, [this] { accept(); });
  return {};
}

// A connection is closed at once where there is no room for it: its client goes over the bus.
void RegistrationSocket::accept() {
  UniqueFd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) return;
  auto caller = peer_of(socket.get());
  if (!caller || connections_.size() >= max_connections) return;
  const auto of_user =
      std::ranges::count_if(connections_, [&](const auto& each) { return each.second.uid == caller->uid; });
  if (of_user >= max_connections_per_user) return;
  const ConnectionId id = next_++;
  const int fd = socket.get();
  connections_.emplace(id, Connection{.socket = std::move(socket),
                                      .uid = caller->uid,
                                      .peer = std::const_pointer_cast<auth::Peer>(caller->peer),
                                      .asked = false,
                                      .readable = std::make_unique<Io>(loop_, fd, EPOLLIN, Priority::Bus,
                                                                       [this, id] { readable(id); })});
}

void RegistrationSocket::readable(ConnectionId id) {
  Connection& connection = connections_.at(id);
  Packet packet;
  const Read read = read_packet(connection.socket.get(), packet);
  if (read == Read::Nothing) return;
  // Its end, or more than was agreed.
  if (read == Read::End || connection.asked) return close(id);
  connection.asked = true;
  ask(id, std::move(packet.fd), packet.text);
}

void RegistrationSocket::ask(ConnectionId id, UniqueFd pidfd, std::string_view text) {
  auto options = games::options_of_text(text);
  if (!options) return answer(id, std::unexpected(options.error()));
  const Connection& connection = connections_.at(id);
  requests_.register_game({.name = {}, .uid = connection.uid, .peer = connection.peer}, std::move(pidfd),
                          std::move(*options),
                          [this, id](const Result<games::GameId>& outcome) { answer(id, outcome); });
}

void RegistrationSocket::answer(ConnectionId id, const Result<games::GameId>& outcome) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;  // it has left
  std::string text;
  if (outcome) {
    text = "game=" + games::object_path(*outcome);
  } else {
    const sdbus::Error error = to_bus(outcome.error());
    text = "error=" + error.getName() + '\0' + "message=" + error.getMessage();
  }
  text += '\0';
  // The one packet on its way to a client that waits for it: there is room, or nobody.
  (void)send(found->second.socket.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void RegistrationSocket::close(ConnectionId id) {
  connections_.at(id).peer->left = true;
  connections_.erase(id);
}

}  // namespace gamesched::bus
