// The blocking library.
#include "run.hpp"

namespace {

struct Blocking {
  using Manager = rowhouse::DatabaseManager;
  using Session = rowhouse::Session;
  using Transaction = rowhouse::Transaction;
  using Repository = rowhouse::IntegratedObjectRepository;

  static Manager manager(const rowhouse::Url& url) { return Manager(url); }
  template <class Ask>
  static auto wait(const Ask& ask) {
    return ask();
  }
  template <class Do>
  static void work(const Do& work) {
    work();
  }
};

}  // namespace

int main(int count, char** arguments) { return conformance::run<Blocking>(count, arguments); }
