// Files into PostgreSQL: look what there is to do, plan, make tables, copy, then what is cheaper after the load.
#include <algorithm>
#include <chrono>
#include <set>

#include "migration/choices.hpp"
#include "migration/constraints.hpp"
#include "migration/core_installer.hpp"
#include "migration/file_copy.hpp"
#include "migration/interrupt_watch.hpp"
#include "migration/shared_tables.hpp"
#include "migration/source_tables.hpp"
#include "migration/target_tables.hpp"
#include "migration/target_views.hpp"

namespace rowhouse {
namespace {

constexpr std::size_t kJobsMax = 64;
constexpr int kAttempts = 5;  // at a file whose connection is lost; each pause is twice the one before
constexpr auto kReconnectPause = std::chrono::milliseconds(500);

class Migration {
 public:
  Migration(const Url& target, const MigrationOptions& options)
      : target_(target),
        options_(options),
        watch_(options.interrupted),
        workers_(std::min(options.jobs, kJobsMax)),
        main_(connect()) {}

  MigrationReport run(const std::vector<MigrationSource>& sources) {
    return watch_.run([&] { return work(sources); });
  }

 private:
  MigrationReport work(const std::vector<MigrationSource>& sources) {
    const auto started = std::chrono::steady_clock::now();
    detail::chosen_types(options_);
    is_installed_ = !detail::installed_core(main_).empty();
    if (is_installed_) detail::install_core(main_);  // refuses one that is too old
    connections_.resize(workers_.count());
    looks_at_all_ = is_installed_ && detail::choices_widen(main_, options_);
    do {
      look(sources);
    } while (!files_.empty() && !prepare(files_.size() == sources.size()));
    unreadable_ = report_.failures.size();
    if (!files_.empty()) copy();
    if (!flush()) throw_lost();
    report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    return std::move(report_);
  }

  detail::PostgresConnection connect() {
    detail::PostgresConnection connection = watch_.connect(target_);
    detail::prepare_session(connection);
    return connection;
  }

  // A worker's own, made when it first needs one. Its commits are made durable together, by flush().
  detail::PostgresConnection& connection(std::size_t worker) {
    std::optional<detail::PostgresConnection>& own = connections_[worker];
    if (own && !own->usable()) own.reset();
    if (!own) {
      own.emplace(connect());
      own->execute("SET synchronous_commit = off");
    }
    return *own;
  }

  // Reads each file once: one that the ledger knows beside it, a new one for what it holds.
  void look(const std::vector<MigrationSource>& sources) {
    files_.clear();
    report_ = {};
    std::vector<std::optional<detail::ProfiledFile>> found(sources.size());
    MigrationProgress progress{"plan", "", "", 0, 0, 0, sources.size()};
    std::mutex mutex;
    detail::Workers lookers(std::min(workers_.count() + 1, sources.size()));  // the main connection serves one more
    lookers.run(sources.size(), [&](std::size_t item, std::size_t worker) {
      const MigrationSource& source = sources[item];
      detail::check_interrupted(options_);
      try {
        look_at(source, worker < workers_.count() ? connection(worker) : main_, found[item], mutex,
                sources.size() == 1 && !checks_first_);
      } catch (const Error& error) {
        if (detail::ends_the_run(error)) throw;
        found[item].reset();
        const std::lock_guard lock(mutex);
        report_.failures.push_back(detail::failure_of(source, error));
      }
      const std::lock_guard lock(mutex);
      ++progress.files;
      progress.tenant = source.tenant;
      detail::report_progress(options_, progress);
    });
    for (std::optional<detail::ProfiledFile>& file : found) {
      if (file) files_.push_back(*std::move(file));
    }
  }

  // `is_alone`: a large file may stay open until it is copied, and its check go on.
  void look_at(const MigrationSource& source, detail::PostgresConnection& connection,
               std::optional<detail::ProfiledFile>& found, std::mutex& mutex, bool is_alone) {
    detail::FileLedger ledger;
    const std::string name = source.path.substr(source.path.rfind('/') + 1);
    const detail::LedgerPlace place{source.tenant, name, options_.schema, name_};
    if (is_installed_) ledger = detail::read_ledger(connection, place);
    const bool is_new = ledger.tables.empty();
    auto sound = detail::WhenSound::kNever;
    const auto when = [&](const bridge::Source& file) {
      return sound = is_new ? detail::when_sound(file, options_, is_alone) : detail::WhenSound::kNever;
    };
    const auto read = [&](const bridge::Source& file) {
      if (!is_new && !looks_at_all_) {
        detail::FileLook look = detail::look_at(file, source, options_, ledger);
        detail::require_unchanged(file);
        if (look.tables.empty()) detail::look_for_deletions(connection, place, options_, ledger, look);
        if (note_look(source, look, ledger.is_unfinished, mutex)) return;
      }
      found = detail::ProfiledFile{source, detail::profile_source(file, source, options_, false), is_new,
                                   sound < detail::WhenSound::kOpen};
    };
    std::shared_ptr<detail::OpenFile> open = detail::read_whole(source, options_, read, when);
    if (!found) return;
    found->open = std::move(open);
    const std::lock_guard lock(mutex);
    tables_.share(found->profile);
  }

  // True when there is nothing to do.
  bool note_look(const MigrationSource& source, const detail::FileLook& look, bool is_unfinished, std::mutex& mutex) {
    const std::lock_guard lock(mutex);
    for (const std::string& table : look.gone)
      report_.notes.push_back("\"" + source.path + "\" has no table \"" + table +
                              "\" any more: its rows in PostgreSQL stay");
    resumes_ |= is_unfinished;
    if (!look.tables.empty() || is_unfinished) return false;
    report_.tables.insert(report_.tables.end(), look.unchanged.begin(), look.unchanged.end());
    return true;
  }

  // False when the files have to be looked at again.
  bool prepare(bool has_all_files) {
    try {
      return make_tables(has_all_files);
    } catch (...) {
      if (is_sound()) throw;
      main_.rollback();
      checks_first_ = true;
      return false;
    }
  }

  // Of a file that is being checked. What a damaged one gave counts for nothing, errors included.
  bool is_sound() const {
    try {
      require_sound();
      return true;
    } catch (const detail::SourceError&) {
      return false;
    }
  }
  void require_sound() const {
    for (const detail::ProfiledFile& file : files_) {
      if (file.open) file.open->check->require_sound();
    }
  }

  // Plans and makes the tables, changed only for a sound file. False when files that had nothing to bring have to be
  // looked at again.
  bool make_tables(bool has_all_files) {
    if (has_all_files) detail::require_used(files_, options_);
    plan_ = detail::plan_files(files_, options_, detail::read_target_names(main_, options_.schema));
    detail::TableChanges changes = detail::make_tables(main_, plan_, options_, [this] { require_sound(); });
    is_installed_ = true;
    looks_at_all_ = false;
    table_notes_.insert(table_notes_.end(), changes.notes.begin(), changes.notes.end());
    return !changes.sends_again;
  }

  void copy() {
    note_plan();
    detail::Constraints constraints(main_, plan_, options_, name_, resumes_);
    constraints.begin_sending();
    detail::CopyRun run{.options = options_,
                        .name = name_,
                        .plan = plan_,
                        .connection = [this](std::size_t worker) -> auto& { return connection(worker); },
                        .read_ahead = {},
                        .workers = workers_,
                        .bound = bound_tables(),
                        .mutex = {},
                        .constraints = &constraints,
                        .progress = {"copy", "", "", 0, 0, 0, files_.size()}};
    for (const detail::ProfiledFile& file : files_) {
      for (const bridge::TableProfile& table : file.profile.tables) run.progress.rows_total += table.rows;
    }
    copy_files(run);
    if (is_damaged_) plan_ = {}, report_.notes.clear();
    std::sort(report_.tables.begin(), report_.tables.end(), [](const TableOutcome& a, const TableOutcome& b) {
      return std::tie(a.tenant, a.source, a.source_table) < std::tie(b.tenant, b.source, b.source_table);
    });
    finish_tables();
    const bool is_finished = constraints.finish(report_.notes);
    for (std::string& note : detail::make_views(main_, plan_, options_)) report_.notes.push_back(std::move(note));
    if (is_finished) detail::finish_run(main_, name_);
  }

  // A server that is lost takes along what it had not flushed, of files that were done, too: all are looked at once more then.
  // The connection that has been there from the start tells.
  void copy_files(detail::CopyRun& run) {
    std::vector<bool> is_reported(files_.size());
    std::vector<detail::FutureReading> ahead(workers_.count());
    run.read_ahead = [&](std::size_t worker) {
      const std::optional<std::size_t> item = workers_.claim(worker);
      if (item && files_[*item].is_new) ahead[worker] = read_ahead(run, files_[*item]);
    };
    for (int attempt = 1;; ++attempt) {
      for (detail::FutureReading& reading : ahead) reading = {};  // of an attempt that was cut off
      report_.failures.resize(unreadable_);
      run.progress.files = 0;
      workers_.run(files_.size(), [&](std::size_t item, std::size_t worker) {
        copy_file(run, item, worker, std::move(ahead[worker]), is_reported);
      });
      if (flush()) return;
      if (attempt == kAttempts) throw_lost();
      reconnect();
    }
  }

  void reconnect() {
    for (int attempt = 1;; ++attempt) {
      try {
        main_ = connect();
        return;
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::kConnection || attempt == kAttempts) throw;
        pause(kReconnectPause * (1 << (attempt - 1)));
      }
    }
  }

  static detail::FutureReading read_ahead(const detail::CopyRun& run, const detail::ProfiledFile& file) {
    return std::async(std::launch::async, [&run, &file] {
      auto reading = std::make_unique<detail::FileReading>(run, file, detail::FileLedger());
      reading->start();
      return reading;
    });
  }

  // A lost connection is made anew, and the file looked at again: what had been committed stands in the ledger.
  void copy_file(detail::CopyRun& run, std::size_t item, std::size_t worker, detail::FutureReading ahead,
                 std::vector<bool>& is_reported) {
    const detail::ProfiledFile& file = files_[item];
    std::vector<TableOutcome> outcomes;
    std::optional<FileFailure> failure;
    bool read_again = false;
    std::vector<detail::SentCommit> commits;
    for (int attempt = 1;; ++attempt) {
      detail::check_interrupted(options_);
      std::optional<detail::FileCopy> copy;
      try {
        copy.emplace(run, worker, file);
        copy->commits() = std::exchange(commits, {});
        copy->copy(std::move(ahead));
        outcomes = copy->outcomes();
        break;
      } catch (const Error& error) {
        const auto* const unreadable = dynamic_cast<const detail::SourceError*>(&error);
        if (unreadable && unreadable->may_pass && !std::exchange(read_again, true)) continue;
        if (copy) commits = std::move(copy->commits());
        // A deadlock passes: two transactions that need each other's tables, one of which drops a foreign key.
        if ((error.kind() == ErrorKind::kConnection || error.retryable()) && attempt < kAttempts) {
          pause(kReconnectPause * (1 << (attempt - 1)));
          continue;
        }
        if (detail::ends_the_run(error) || error.sqlstate() == detail::kTooManyRejectsState) throw;
        failure = detail::failure_of(file.source, error);
        is_damaged_ |= file.open && unreadable && commits.empty();
        break;
      }
    }
    const std::lock_guard lock(run.mutex);
    if (failure) {
      report_.failures.push_back(*std::move(failure));
    } else if (!is_reported[item]) {  // what came once more was counted before
      is_reported[item] = true;
      report_.tables.insert(report_.tables.end(), outcomes.begin(), outcomes.end());
    }
    ++run.progress.files;
    detail::report_progress(options_, run.progress);
  }

  void pause(std::chrono::milliseconds time) const {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
      detail::check_interrupted(options_);
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }

  void note_plan() {
    report_.notes.insert(report_.notes.end(), plan_.notes.begin(), plan_.notes.end());
    report_.notes.insert(report_.notes.end(), table_notes_.begin(), table_notes_.end());
    for (const bridge::TablePlan& table : plan_.tables) {
      for (const std::string& note : table.notes) report_.notes.push_back("table \"" + table.name + "\": " + note);
    }
  }

  std::set<std::string> bound_tables() {
    std::set<std::string> bound;
    for (const bridge::TablePlan& table : plan_.tables) {
      const detail::PostgresResult active =
          main_.execute("SELECT pg_catalog.row_security_active($1::regclass)",
                        {bridge::quote_qualified(options_.schema, table.name)});
      if (active.value(0, 0) == "t") bound.insert(table.name);
    }
    return bound;
  }

  // An index that can't be made (a text too long for a page) is no reason to lose the rows.
  void finish_tables() {
    std::set<std::string> filled;
    for (const TableOutcome& outcome : report_.tables) {
      if (outcome.rows + outcome.updated + outcome.deleted > 0 || resumes_) filled.insert(outcome.table);
    }
    detail::report_progress(options_, {"index", "", "", 0, 0, 0, 0});
    std::mutex mutex;
    workers_.run(plan_.tables.size(), [&](std::size_t item, std::size_t worker) {
      const bridge::TablePlan& table = plan_.tables[item];
      detail::PostgresConnection& own = connection(worker);
      for (const std::string& index : bridge::create_index_sql(table, {options_.schema})) {
        detail::check_interrupted(options_);
        try {
          own.execute(index);
        } catch (const Error& error) {
          if (detail::ends_the_run(error)) throw;
          const std::lock_guard lock(mutex);
          report_.notes.push_back("table \"" + table.name + "\": an index could not be made: " + error.what());
        }
      }
      if (filled.count(table.name) > 0) own.execute("ANALYZE " + bridge::quote_qualified(options_.schema, table.name));
    });
  }

  // Whatever was committed so far is on disk when this returns true; false when the connection was lost.
  bool flush() {
    if (!is_installed_ && files_.empty()) return true;
    try {
      main_.begin();
      main_.execute("SELECT pg_catalog.set_config('synchronous_commit', 'local', true) "
                    "WHERE pg_catalog.current_setting('synchronous_commit') = 'off'");
      main_.execute("SELECT pg_catalog.pg_logical_emit_message(true, 'rowhouse', 'imported')");
      main_.commit();
      return true;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kConnection && !error.in_doubt()) throw;
      return false;
    }
  }

  [[noreturn]] static void throw_lost() {
    const std::string message = "the connection to PostgreSQL was lost before everything was on disk";
    throw_error("08006", message, Diagnostics{.message = message, .hint = "Run the same command again: it goes on."});
  }

  const Url target_;
  const MigrationOptions& options_;
  detail::InterruptWatch watch_;
  detail::Workers workers_;
  detail::PostgresConnection main_;
  std::vector<std::optional<detail::PostgresConnection>> connections_;
  const std::string name_ = detail::new_run();
  bool is_installed_ = false;
  bool looks_at_all_ = false;  // a type is chosen that a table has not yet: its files are planned although nothing changed
  bool resumes_ = false;  // what an earlier run has left undone
  bool checks_first_ = false;  // a file that was planned for beside its check has failed
  bool is_damaged_ = false;    // the only file, which has brought nothing: what it made of the plan counts for nothing
  std::vector<detail::ProfiledFile> files_;
  detail::SharedTables tables_;  // of files_
  std::size_t unreadable_ = 0;  // failures of before the copy
  bridge::Plan plan_;
  std::vector<std::string> table_notes_;
  MigrationReport report_;
};

}  // namespace

void TableOutcome::add_counts(const TableOutcome& done) {
  rows += done.rows;
  updated += done.updated;
  deleted += done.deleted;
  present += done.present;
  rejected += done.rejected;
  repaired += done.repaired;
  conflicts += done.conflicts;
  kept_deleted += done.kept_deleted;
}

MigrationReport migrate(const std::vector<MigrationSource>& sources, const Url& target,
                        const MigrationOptions& options) {
  return Migration(target, options).run(sources);
}

}  // namespace rowhouse
