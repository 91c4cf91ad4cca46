# What a newcomer types. `make` alone lists the targets.

SHELL := /bin/bash
SWIFT ?= swift
PREFIX ?= /usr/local

# Homebrew keeps libev outside of the compiler's own search path.
ifeq ($(shell uname -s),Darwin)
FLAGS := $(shell brew --prefix >/dev/null 2>&1 && p=$$(brew --prefix) && \
    echo "-Xcc -I$$p/include -Xlinker -L$$p/lib")
BACKENDS := select poll kqueue
else
FLAGS :=
BACKENDS := select poll epoll
endif

# The crash reporter can hang on programs that are meant to crash, as some tests' are.
TEST_ENVIRONMENT := SWIFT_BACKTRACE=enable=no

.PHONY: help
help: ## this list
	@echo "Targets:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 26

.PHONY: libev
libev: ## install libev-dev, if it is missing
	@./Scripts/require-libev

.PHONY: countdown
countdown: libev ## build the countdown and run it
	@$(SWIFT) run --package-path Examples $(FLAGS) --quiet countdown

.PHONY: examples
examples: libev ## build every example and check what it prints
	@Examples/check $(FLAGS)

.PHONY: tools
tools: ## build what draws timelines, and test it
	@$(SWIFT) test --package-path Tools

.PHONY: examples-c
examples-c: libev ## install the C library to a scratch prefix, build the C examples against it, and check them
	@./Scripts/require-tools pkg-config libglib2.0-dev valgrind
	@Examples/check-c $(FLAGS)

# PREFIX is where the library will be used, DESTDIR a folder in front of that, for packages.
.PHONY: install
install: libev ## install the library for C, with its header and its pkg-config file (PREFIX=/usr/local)
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' ./Scripts/c-library install $(FLAGS)

.PHONY: uninstall
uninstall: ## take it away again
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' ./Scripts/c-library uninstall

# The suite once for each backend: on its own thread, a reactor must behave the same on all of them.
define run_suite
@for backend in $(BACKENDS); do \
    echo "== $(1), backend $$backend"; \
    $(TEST_ENVIRONMENT) REACTOR_BACKEND=$$backend $(SWIFT) test --skip-build --parallel $(2) || exit 1; \
done
endef

.PHONY: test
test: libev ## run every test, once on each backend
	@$(SWIFT) build --build-tests $(FLAGS)
	$(call run_suite,debug build,$(FLAGS))

# A package of its own: the reactor's does not fetch swift-log.
.PHONY: test-logging
test-logging: libev ## what ReactorLogging, of the trait Logging, hands to swift-log
	@$(SWIFT) build --build-tests --package-path Tests/Logging $(FLAGS)
	$(TEST_ENVIRONMENT) $(SWIFT) test --skip-build --package-path Tests/Logging $(FLAGS)

RELEASE := -c release -Xswiftc -enable-testing $(FLAGS) --scratch-path .build-release
.PHONY: test-release
test-release: libev ## the same, in a release build
	@$(SWIFT) build --build-tests $(RELEASE)
	$(call run_suite,release build,$(RELEASE))

# One backend each: what the sanitizers look for does not depend on it.
ASAN := --sanitize=address $(FLAGS) --scratch-path .build-asan
.PHONY: test-asan
test-asan: libev ## every test under the address sanitizer
	@$(SWIFT) build --build-tests $(ASAN)
	$(TEST_ENVIRONMENT) ASAN_OPTIONS=detect_leaks=0 $(SWIFT) test --skip-build --parallel $(ASAN)

TSAN := --sanitize=thread $(FLAGS) --scratch-path .build-tsan
.PHONY: test-tsan
test-tsan: libev ## every test under the thread sanitizer
	@$(SWIFT) build --build-tests $(TSAN)
	$(TEST_ENVIRONMENT) $(SWIFT) test --skip-build --parallel $(TSAN)

FUZZ_SECONDS ?= 3600
.PHONY: fuzz
fuzz: libev ## random sequences of calls of the C interface, for an hour (FUZZ_SECONDS=3600)
	@./Scripts/fuzz $(FUZZ_SECONDS)

.PHONY: lint
lint: ## check the format of all the code, and its layering
	@$(SWIFT) format lint --strict --recursive Package.swift Sources Tests \
	    Examples/Package.swift Examples/Sources Benchmarks/Package.swift Benchmarks/Sources \
	    Tools/Package.swift Tools/Sources Tools/Tests \
	    Benchmarks/Round/Package.swift Benchmarks/Round/Sources \
	    Benchmarks/Minimal/*/Package.swift Benchmarks/Minimal/*/Sources \
	    Benchmarks/Peers/nio/Package.swift Benchmarks/Peers/nio/Sources
	@./Scripts/check-layers

.PHONY: bench-tools
bench-tools: libev
	@./Scripts/require-tools valgrind strace libuv1-dev libevent-dev

.PHONY: bench
bench: bench-tools ## compare with what else one would pick, ten rounds: about ten minutes
	@Benchmarks/bench run

.PHONY: bench-quick
bench-quick: bench-tools ## the same, with less of all
	@Benchmarks/bench run --quick

.PHONY: bench-compare
bench-compare: bench-tools ## what a change did: make bench-compare BASE=main~1
	@Benchmarks/bench compare "$(BASE)"

.PHONY: bench-gate
bench-gate: libev ## instructions and allocations, against Benchmarks/limits.json
	@./Scripts/require-tools valgrind
	@Benchmarks/bench gate

.PHONY: bench-gate-record
bench-gate-record: libev ## write new limits
	@./Scripts/require-tools valgrind
	@Benchmarks/bench gate --record

.PHONY: bench-profile
bench-profile: libev ## where the instructions and system calls of an operation go
	@./Scripts/require-tools valgrind strace
	@Benchmarks/bench profile

.PHONY: bench-report
bench-report: ## refresh the tables in the documents from the latest results and profile
	@Benchmarks/bench report

.PHONY: clean
clean: ## remove what was built
	@rm -rf .build .build-* Examples/.build Examples/.build-* Tools/.build Tests/Logging/.build Benchmarks/.build Benchmarks/.build-* \
	    Benchmarks/Peers/nio/.build
