#include "postgres_cancel.hpp"

#include <libpq-fe.h>
#include <sys/socket.h>

#include <array>
#include <thread>

namespace rowhouse::detail {
namespace {

void send(PGcancel* request) noexcept {
  std::array<char, 256> ignored{};
  // Returns when the server has closed the request's connection: by then the signal is on its way to the backend,
  // before anything that is sent later.
  PQcancel(request, ignored.data(), ignored.size());
}

}  // namespace

PostgresCanceller::~PostgresCanceller() { PQfreeCancel(request_); }

void PostgresCanceller::connected(PGconn* connection) { request_ = PQgetCancel(connection); }

void PostgresCanceller::cancel(std::uint64_t wanted) noexcept {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || !in_use_ || use_ != wanted || request_ == nullptr)
    return;  // one is under way, or none wanted
  asked_ = true;
  send(request_);
}

void PostgresCanceller::set_in_use(bool now) {
  const std::lock_guard lock(mutex_);
  in_use_ = now;
  if (!now) return;
  ++use_;
  asked_ = false;
}

// Has its own request: the canceller's is held back while the session's owner may begin another statement.
struct PostgresLine::End {
  explicit End(PGconn* connection) : socket(PQsocket(connection)), request(PQgetCancel(connection), &PQfreeCancel) {}

  std::mutex mutex;
  int socket;  // under the mutex; -1 once it is closed
  const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> request;
};

PostgresLine::PostgresLine(PGconn* connection) : end_(std::make_shared<End>(connection)) {}

void PostgresLine::cancel_soon() const {
  std::thread([end = end_] {
    if (end->request) send(end->request.get());
  }).detach();
}

void PostgresLine::cut() const noexcept {
  const std::lock_guard lock(end_->mutex);
  if (end_->socket >= 0) ::shutdown(end_->socket, SHUT_RDWR);
}

bool PostgresLine::is_closed() const noexcept {
  const std::lock_guard lock(end_->mutex);
  return end_->socket < 0;
}

void PostgresLine::close() const noexcept {
  const std::lock_guard lock(end_->mutex);
  end_->socket = -1;
}

}  // namespace rowhouse::detail
