// Between the client and PostgreSQL, in this process: knows the protocol's messages, and cuts, holds or loses them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "../test_databases.hpp"

namespace faults {

enum class Side { kClient, kServer };

// Where connections are cut: at a message of this side, before or after the other side has got it. All that the client
// gets after that is the end of the stream.
struct Cut {
  Side side = Side::kClient;
  int number = 0;  // from 1, of the messages since it was asked for; 0: nowhere
  bool delivered = false;
};

// Thread-safe.
class FaultProxy {
 public:
  // `server`: the path of its socket.
  explicit FaultProxy(std::string server);
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  std::string folder() const { return folder_ / ""; }  // libpq's host

  void cut_at(Cut cut);
  bool has_cut() const;      // since cut_at()
  bool saw_commit() const;   // the client has sent COMMIT since cut_at(), whether or not it was delivered
  void lose_cancels(int n);  // the next requests to cancel are taken and forgotten
  int lost_cancels() const;
  void hold_cancels(std::chrono::milliseconds duration);  // each is delivered so much later
  void be_silent(bool silent);                            // nothing of the server's comes through, nor a cancel goes
  void be_starting(bool starting);  // all connections end; new ones are told that the server is starting up

 private:
  struct Link {
    int client = -1, server = -1;
    std::string from_client{}, from_server{};  // not a whole message yet
    bool started = false;                      // the startup message has passed
    std::chrono::steady_clock::time_point due{};
    std::string cancel{};  // a request to cancel, delivered when it is due
  };

  void run();
  void accept_one();
  bool receive(Link& link, Side side);
  bool start(Link& link);
  bool pass(Link& link, Side side);
  void cut(Link& link, bool delivered);
  bool deliver_cancel(Link& link);
  int connect_to_server() const;
  static void close_link(Link& link);

  const std::string server_;
  const TestFolder folder_;
  int listener_ = -1;
  std::list<Link> links_;  // of the thread

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable turned_;
  bool working_ = false;  // a connection has passed its start
  Cut cut_{};
  int client_messages_ = 0, server_messages_ = 0;
  bool has_cut_ = false, saw_commit_ = false, silent_ = false, starting_ = false, ending_ = false;
  int cancels_to_lose_ = 0, lost_cancels_ = 0;
  std::chrono::milliseconds hold_{0};
  std::thread thread_;
};

}  // namespace faults
