#include "fault_proxy.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace faults {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kCancelRequest = 80877102;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("the path of a socket is too long: " + path);
  path.copy(address.sun_path, path.size());
  return address;
}

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
  std::uint32_t number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return ntohl(number);
}

void send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // its end is noticed when it is read from
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

// Appends what there is; false at the end of the stream.
bool read_some(int socket, std::string& bytes) {
  char buffer[65536];
  const ssize_t size = recv(socket, buffer, sizeof buffer, 0);
  if (size > 0) bytes.append(buffer, static_cast<std::size_t>(size));
  return size > 0;
}

// Takes the first message, with its head, off the bytes; empty when there is none.
std::string take_message(std::string& bytes, std::size_t type_size) {
  if (bytes.size() < type_size + 4) return {};
  const std::size_t size = type_size + number_at(bytes, type_size);
  if (bytes.size() < size) return {};
  std::string message = bytes.substr(0, size);
  bytes.erase(0, size);
  return message;
}

// A statement that is COMMIT, by either protocol.
bool has_commit(const std::string& bytes) { return bytes.find(std::string("\0COMMIT", 8)) != std::string::npos; }

std::string starting_up() {
  static constexpr char kFields[] = "SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0";
  const std::string fields(kFields, sizeof kFields);
  const std::uint32_t size = htonl(static_cast<std::uint32_t>(fields.size() + 4));
  return 'E' + std::string(reinterpret_cast<const char*>(&size), 4) + fields;
}

}  // namespace

FaultProxy::FaultProxy(std::string server) : server_(std::move(server)) {
  const sockaddr_un address = address_of(folder_ / ".s.PGSQL.5432");
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(listener_, 100) != 0)
    throw std::runtime_error("the proxy can not listen");
  thread_ = std::thread([this] { run(); });
}

FaultProxy::~FaultProxy() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  thread_.join();
  close(listener_);
}

void FaultProxy::cut_at(Cut cut) {
  const std::lock_guard lock(mutex_);
  cut_ = cut;
  client_messages_ = server_messages_ = 0;
  has_cut_ = saw_commit_ = false;
}
bool FaultProxy::has_cut() const {
  const std::lock_guard lock(mutex_);
  return has_cut_;
}
bool FaultProxy::saw_commit() const {
  const std::lock_guard lock(mutex_);
  return saw_commit_;
}
void FaultProxy::lose_cancels(int n) {
  const std::lock_guard lock(mutex_);
  cancels_to_lose_ = n;
  lost_cancels_ = 0;
}
int FaultProxy::lost_cancels() const {
  const std::lock_guard lock(mutex_);
  return lost_cancels_;
}
void FaultProxy::hold_cancels(std::chrono::milliseconds duration) {
  const std::lock_guard lock(mutex_);
  hold_ = duration;
}
void FaultProxy::be_silent(bool silent) {
  const std::lock_guard lock(mutex_);
  silent_ = silent;
}
void FaultProxy::be_starting(bool starting) {
  std::unique_lock lock(mutex_);
  starting_ = starting;
  turned_.wait(lock, [&] { return !starting_ || !working_; });
}

void FaultProxy::run() {
  while (true) {
    std::vector<pollfd> sockets{{listener_, POLLIN, 0}};
    bool silent = false;
    {
      const std::lock_guard lock(mutex_);
      if (ending_) break;
      silent = silent_;
    }
    for (const Link& link : links_) {
      sockets.push_back({link.client, POLLIN, 0});
      sockets.push_back({silent ? -1 : link.server, POLLIN, 0});
    }
    poll(sockets.data(), sockets.size(), 5);
    const std::lock_guard lock(mutex_);
    std::size_t at = 1;
    for (auto link = links_.begin(); link != links_.end(); at += 2) {
      bool open = !(starting_ && link->started);
      if (open && sockets[at].revents != 0) open = receive(*link, Side::kClient);
      if (open && link->server >= 0 && sockets[at + 1].revents != 0) open = receive(*link, Side::kServer);
      if (open && !link->cancel.empty()) open = deliver_cancel(*link);
      if (!open) close_link(*link);
      link = open ? std::next(link) : links_.erase(link);
    }
    working_ = std::any_of(links_.begin(), links_.end(), [](const Link& link) { return link.started; });
    turned_.notify_all();
    if (sockets[0].revents != 0) accept_one();
  }
  for (Link& link : links_) close_link(link);
}

void FaultProxy::accept_one() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client >= 0) links_.push_back({.client = client});
}

// False: the link is over.
bool FaultProxy::receive(Link& link, Side side) {
  const bool client = side == Side::kClient;
  if (!read_some(client ? link.client : link.server, client ? link.from_client : link.from_server)) {
    if (!client) send_all(link.client, std::exchange(link.from_server, {}));
    return false;
  }
  if (client && !link.started && !start(link)) return false;
  return pass(link, side);
}

// The first message of a client: it wants to cancel, or to work.
bool FaultProxy::start(Link& link) {
  const std::string first = take_message(link.from_client, 0);
  if (first.empty()) return true;
  if (number_at(first, 4) == kCancelRequest) {
    if (cancels_to_lose_ > 0) {
      --cancels_to_lose_;
      ++lost_cancels_;
      return false;
    }
    link.cancel = first;
    link.due = Clock::now() + hold_;
    return true;
  }
  if (starting_) {
    send_all(link.client, starting_up());
    return false;
  }
  link.started = true;
  link.server = connect_to_server();
  send_all(link.server, first);
  return true;
}

bool FaultProxy::pass(Link& link, Side side) {
  const bool client = side == Side::kClient;
  if (!link.started) return true;
  std::string& bytes = client ? link.from_client : link.from_server;
  for (std::string message = take_message(bytes, 1); !message.empty(); message = take_message(bytes, 1)) {
    const int number = client ? ++client_messages_ : ++server_messages_;
    if (client && has_commit(message)) saw_commit_ = true;
    const bool here = !has_cut_ && side == cut_.side && number == cut_.number;
    if (!here || cut_.delivered) send_all(client ? link.server : link.client, message);
    if (!here) continue;
    has_cut_ = true;
    cut(link, cut_.delivered && client);
    return false;
  }
  return true;
}

// `delivered`: the server does what it has got before it sees the end. What the client sends before it sees the end is
// looked at, for it believes that the server may have it.
void FaultProxy::cut(Link& link, bool delivered) {
  shutdown(link.server, delivered ? SHUT_WR : SHUT_RDWR);
  std::string ignored;
  while (delivered && read_some(link.server, ignored)) {
  }
  shutdown(link.client, SHUT_WR);
  const timeval patience{2, 0};
  setsockopt(link.client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  while (read_some(link.client, link.from_client)) {
  }
  if (has_commit(link.from_client)) saw_commit_ = true;
}

bool FaultProxy::deliver_cancel(Link& link) {
  if (silent_ || Clock::now() < link.due) return true;
  link.server = connect_to_server();
  send_all(link.server, link.cancel);
  std::string ignored;
  while (read_some(link.server, ignored)) {
  }
  return false;
}

int FaultProxy::connect_to_server() const {
  const sockaddr_un address = address_of(server_);
  const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("the server is not there: " + server_);
  return server;
}

void FaultProxy::close_link(Link& link) {
  close(link.client);
  if (link.server >= 0) close(link.server);
}

}  // namespace faults
