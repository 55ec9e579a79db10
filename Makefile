# The one door. `make help` says what there is.
BUILD ?= build
PG_CONFIG ?= $(shell ls /usr/lib/postgresql/*/bin/pg_config 2>/dev/null | sort -V | tail -n 1 || true)
ifeq ($(PG_CONFIG),)
override PG_CONFIG := pg_config
endif
DESTDIR ?=
PREFIX ?= /usr/local
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
export PG_CONFIG

command = $(BUILD)/client/cli/rowhouse
private = tests/private-postgres run

.PHONY: all help dependencies core native client install check check-citus check-unit check-sanitized check-threads check-tenants check-regress check-native \
  check-doors check-command check-lint check-matrix check-package docs demo demo-psql bench bench-migration bench-import bench-policies bench-client clean

all: core native client ## Build everything: both extensions, the library, the command

help: ## Say what make can do
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

dependencies: ## Install from Debian what is missing to build
	@packaging/install-dependencies build

core: dependencies ## Build the core extension (SQL)
	@$(MAKE) -s --no-print-directory -C extension/core all

native: dependencies ## Build the native extension (C++)
	@$(MAKE) -s --no-print-directory -j$(JOBS) -C extension/native all

client: dependencies ## Build the library and the command
	@cmake -S . -B $(BUILD) -G Ninja -DROWHOUSE_TESTS=$(if $(tests),ON,OFF) -DCMAKE_INSTALL_PREFIX=$(PREFIX) >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@ninja -C $(BUILD) -j$(JOBS) $(targets)

install: all ## Install the extensions into the server, library and command below PREFIX
	$(MAKE) -C extension/core install DESTDIR=$(DESTDIR)
	$(MAKE) -C extension/native install DESTDIR=$(DESTDIR)
	DESTDIR=$(DESTDIR) cmake --install $(BUILD)
	$(if $(DESTDIR),,-[ "$$(id -u)" -ne 0 ] || ldconfig)

check: ## Build and run every test
	@packaging/install-dependencies check
	@$(MAKE) --no-print-directory core native
	@$(MAKE) --no-print-directory client tests=1 targets="all make_helpdesk_files"
	@$(MAKE) --no-print-directory check-lint
	@$(MAKE) --no-print-directory -j2 --output-sync=line check-sanitized check-unit check-regress check-native check-command \
	  check-doors check-package
	@echo "check: everything passed"

check-lint: ## Who may include whom, one version everywhere
	tests/lint

check-unit: ## Unit tests of bridge and client, against a private server
	$(private) --without native -- ctest --test-dir $(BUILD) --timeout 900 --progress --output-on-failure
	$(private) --without native -- tests/replicas/run $(BUILD)

# The other compiler, with sanitizers, in one go.
check-sanitized: ## The unit tests by clang with the address and undefined behaviour sanitizers
	@cmake -S . -B $(BUILD)-sanitized -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=Debug \
	  -DROWHOUSE_SANITIZE=address,undefined >$(BUILD)-sanitized.log 2>&1 || { cat $(BUILD)-sanitized.log; exit 1; }
	@ninja -C $(BUILD)-sanitized -j$(JOBS)
	$(private) --without native -- ctest --test-dir $(BUILD)-sanitized --timeout 900 --progress --output-on-failure

# What threads share. Debian's libpq, SQLite and libstdc++ are not instrumented: see tests/client/threads.supp.
threads_tests = manager_test session_test observer_test async_test conformance_test conformance_async_test faults_test tenants_test
check-threads: core ## The tests of pool, sessions and coroutines by clang with the thread sanitizer; not a part of check
	@cmake -S . -B $(BUILD)-threads -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=Debug \
	  -DROWHOUSE_SANITIZE=thread >$(BUILD)-threads.log 2>&1 || { cat $(BUILD)-threads.log; exit 1; }
	@ninja -C $(BUILD)-threads -j$(JOBS) $(threads_tests)
	$(private) --without native -- tests/client/check-threads $(BUILD)-threads $(threads_tests)

check-tenants: core ## A million operations of 10,000 tenants over 20 connections, by threads and by coroutines; not a part of check
	@$(MAKE) --no-print-directory client tests=1 targets=tenants_test
	$(private) --without native -- $(BUILD)/tests/client/tenants_test --tenants 10000 --operations 1000000 $(options)

check-regress: ## What SQL users see, in every flavour
	$(private) --without native -- tests/regress
	$(private) --without native -- tests/install
	$(private) --without native -- tests/audit/run
	$(private) --without native -- tests/backup
	$(private) --without native -- tests/upgrade/run
	$(private) --without native -- tests/pgtle/run
	$(private) --without native -- tests/guard
	$(private) --without native -- tests/isolation/run

check-native: ## The native extension: symbols, foreign tables, import, faults, damaged files
	@ninja -C $(BUILD) replay_images
	BUILD=$(abspath $(BUILD)) tests/native/run

check-doors: ## The tenant context behind a pooler and under SQLAlchemy
	$(private) --without native -- tests/pooler/run $(BUILD)/client/examples/example_2_repository $(BUILD)/tests/client/conformance_test \
	  $(BUILD)/tests/client/conformance_async_test
	$(private) --without native -- tests/sqlalchemy/run

check-matrix: ## The tests on PostgreSQL 14 to 19, each in a system of its own; as root, an hour or two the first time
	@packaging/install-dependencies matrix
	tests/matrix/run $(versions)

check-command: ## The command, from outside; kill=--rounds=1000 kills it more often
	@ninja -C $(BUILD) make_helpdesk_files replay_images
	ROWHOUSE=$(abspath $(command)) tests/command/run
	ROWHOUSE=$(abspath $(command)) tests/kill/run $(or $(kill),--rounds=60)

check-package: ## The library as others get it: its reference, its symbols, consumers by CMake and pkg-config
	tests/packaging/reference
	tests/packaging/run $(BUILD)

docs: ## The reference of the C++ library, in BUILD/docs/html
	@packaging/install-dependencies docs
	@mkdir -p $(BUILD)/docs
	@ROWHOUSE_DOCS=$(BUILD)/docs ROWHOUSE_VERSION=$$(sed -n 's/^  "version": *"\([^"]*\)".*/\1/p' META.json) doxygen docs/Doxyfile
	@echo "docs: $(BUILD)/docs/html/index.html"

check-citus: core ## Distributed tables, on a server that has Citus (PG_CONFIG); not a part of check
	tests/citus/run

demo: ## Five customers' files, migrated, verified and protected, before your eyes
	@$(MAKE) --no-print-directory core native
	@$(MAKE) --no-print-directory client targets="rowhouse_command make_helpdesk_files"
	@docs/demo/run $(BUILD)

demo-psql: ## The same, ending in psql
	@$(MAKE) --no-print-directory core native
	@$(MAKE) --no-print-directory client targets="rowhouse_command make_helpdesk_files"
	@docs/demo/run $(BUILD) --look

bench: bench-migration bench-import bench-policies bench-client ## All benchmarks

bench-migration: ## How fast migrate, sync and verify are, beside COPY, pgloader and sqlite3; options="--only files" is a part
	@packaging/install-dependencies bench
	@$(MAKE) --no-print-directory core
	@$(MAKE) --no-print-directory client targets="rowhouse_command make_helpdesk_files"
	@tests/bench/migration $(BUILD) $(options)

bench-import: ## How fast import_sqlite is, as a ratio to COPY of a ready file
	@packaging/install-dependencies bench
	@$(MAKE) --no-print-directory core native
	@$(MAKE) --no-print-directory client targets="rowhouse_command make_helpdesk_files"
	@tests/bench/import $(BUILD)

bench-policies: ## What row security costs, as a ratio to a hand-written WHERE; options=--rows=400000 is quick
	@packaging/install-dependencies bench
	@$(MAKE) --no-print-directory core
	@tests/bench/policies $(options)

bench-client: ## What the client library costs, as a ratio to bare libpq, libpqxx and sqlite3; options=--only=sqlite is quick
	@packaging/install-dependencies bench
	@$(MAKE) --no-print-directory core
	@$(MAKE) --no-print-directory client targets=bench_client
	@tests/bench/client/run $(BUILD) $(options)

clean: ## Remove what was built
	rm -rf $(BUILD) $(BUILD)-sanitized $(BUILD)-threads $(BUILD).log $(BUILD)-sanitized.log $(BUILD)-threads.log
	-$(MAKE) --no-print-directory -C extension/core clean
	-$(MAKE) --no-print-directory -C extension/native clean
