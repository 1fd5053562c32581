# Every verb installs what it needs and this machine lacks, says so, and is quiet when nothing is missing.

export BITSMITH_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/bitsmith
export CARGO_TARGET_DIR ?= $(BITSMITH_CACHE)/target
export PATH := $(BITSMITH_CACHE)/tools/bin:$(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)
export WASM_BINDGEN_TEST_WEBDRIVER_JSON := $(CURDIR)/tests/browser/webdriver.json
export WASM_BINDGEN_TEST_TIMEOUT ?= 600
export WASM_BINDGEN_TEST_DRIVER_TIMEOUT ?= 60
ifdef CI
export NO_COLOR := 1
export CARGO_TERM_COLOR := never
export CARGO_TERM_PROGRESS_WHEN := never
endif

WASM := --target wasm32-unknown-unknown --no-default-features --features web,webgpu
FUZZ := --manifest-path tests/fuzz/Cargo.toml
SUITES := $(basename $(notdir $(wildcard tests/*.rs)))
# These call C compilers and emulators, these other people's runtimes and checkers; `web` runs in a browser.
C_SUITES := kernels c_package fits
PEER_SUITES := onnx packages
NATIVE_SUITES := $(filter-out $(C_SUITES) $(PEER_SUITES) web,$(SUITES))
CARGO_TEST := $(if $(shell command -v cargo-nextest),cargo nextest run --no-fail-fast --no-tests=pass,cargo test --no-fail-fast)
STEP := @.ci/step
# What the built app depends on.
APP := $(shell find src www runtime .cargo -type f) .ci/stage .ci/files.mjs .ci/licences.mjs index.html Trunk.toml Cargo.toml Cargo.lock rust-toolchain.toml
PORT ?= 8080
# How often runs of the kill tests end, and when.
KILLED = BITSMITH_KILLS=$(or $(KILLS),50) BITSMITH_SEED=$(or $(SEED),1)
START := $(shell date +%s.%N)

.NOTPARALLEL:
.PHONY: help run build tools-web test check lint test-native test-wasm test-browser test-c test-peers test-fuzz test-full test-kills fuzz \
  fuzz-corpus bench bench-c \
  bench-webgpu bench-search bench-finetune bench-workers accuracy docs picture clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

run: build ## build the release app and serve it on this machine (PORT=8080)
	@node .ci/serve.mjs $(PORT)

build: tools-web dist/index.html ## build the release app into dist/

tools-web:
	@.ci/tools web

# NO_COLOR=true, since Trunk refuses the customary NO_COLOR=1; dated by its start, so that no edit meanwhile is missed.
dist/index.html: $(APP)
	$(STEP) "app, release build" env NO_COLOR=true trunk build
	@touch --date=@$(START) $@

test: ## every check there is
	@.ci/tools web browser c peers fuzz
	@.ci/step "all checks" $(MAKE) --no-print-directory lint test-native test-wasm test-browser test-c test-peers test-fuzz

check: ## type-check, native and Wasm
	@.ci/tools rust
	$(STEP) "check, native" cargo check --all-targets
	$(STEP) "check, Wasm" cargo check $(WASM) --lib --bins

lint: ## formatting, clippy and rustdoc, warnings are errors
	@.ci/tools fuzz nodejs
	$(STEP) "licences and sources of crates" node .ci/licences.mjs check
	$(STEP) "format" cargo fmt --check
	$(STEP) "format of fuzzing" cargo fmt --check $(FUZZ)
	$(STEP) "clippy, native" cargo clippy --all-targets -- -D warnings
	$(STEP) "clippy of fuzzing" cargo clippy $(FUZZ) --target-dir $(CARGO_TARGET_DIR)/fuzz -- -D warnings
	$(STEP) "clippy, Wasm" cargo clippy $(WASM) --lib --bins --test web --test webgpu --bench webgpu -- -D warnings
	$(STEP) "rustdoc, native" env RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --lib
	$(STEP) "rustdoc, Wasm" env RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --lib $(WASM)

test-native: ## unit, integration and documentation tests on this machine
	@.ci/tools rust
	$(STEP) "native tests" $(CARGO_TEST) --lib --bins $(addprefix --test ,$(NATIVE_SUITES))
	$(STEP) "documentation tests" cargo test --doc

# In release mode: what they depend on is then compiled once for them and the app.
test-wasm: ## the Wasm code in Chromium
	@.ci/tools web browser
	$(STEP) "Wasm tests in Chromium" cargo test --release $(WASM) --test web --test webgpu

test-browser: build ## the built app in Chromium and Firefox, and beside the command line
	@.ci/tools browser
	$(STEP) "command line" cargo test --no-run --quiet --test cli
	$(STEP) "browser tests" node --test --test-reporter=spec $(wildcard tests/browser/*.mjs)

test-c: ## exported C on this machine and on emulated boards
	@.ci/tools rust c
	$(STEP) "C tests" $(CARGO_TEST) $(addprefix --test ,$(C_SUITES))

test-peers: ## exports in ONNX Runtime, PlatformIO and other people's build systems
	@.ci/tools rust c peers
	$(STEP) "comparisons with peers" $(CARGO_TEST) $(addprefix --test ,$(PEER_SUITES))

test-fuzz: ## every parser, the arena planner and the C runtime under fuzzing, for 60 s
	@.ci/tools fuzz
	$(STEP) "fuzzing" .ci/fuzz all 60

fuzz: ## fuzzing at length (SECONDS=3600 for each target, TARGET=one alone); docs/fuzzing.md
	@.ci/tools fuzz
	$(STEP) "fuzzing" .ci/fuzz each $(or $(SECONDS),3600) $(TARGET)

fuzz-corpus: ## some of the inputs that fuzzing has found go into tests/fuzz/corpus
	@.ci/tools fuzz
	$(STEP) "inputs of fuzzing" .ci/fuzz corpus

test-full: build ## the long form of some tests: all layers in all widths, whole networks of ../shared/data (an hour)
	@.ci/tools web browser c peers
	$(STEP) "all layers, all widths, all targets" env BITSMITH_FULL=1 cargo test --test kernels every_layer -- --nocapture
	$(STEP) "whole networks in C" env BITSMITH_FULL=1 cargo test --test c_package shared -- --nocapture
	$(STEP) "whole networks in ONNX Runtime" env BITSMITH_FULL=1 cargo test --test onnx shared -- --nocapture
	$(STEP) "200 steps on the GPU" env BITSMITH_FULL=1 WASM_BINDGEN_TEST_TIMEOUT=3600 \
	  cargo test --release $(WASM) --test webgpu -- --nocapture
	$(STEP) "whole networks in Chromium" env BITSMITH_FULL=1 node --test --test-reporter=spec \
	  tests/browser/logits.test.mjs tests/browser/imagenet.test.mjs

test-kills: build ## searches and training that end at 50 random moments each, in Chromium and on the command line (KILLS=, SEED=)
	@.ci/tools web browser
	$(STEP) "programs that are killed" env $(KILLED) cargo test --test kills -- --nocapture --test-threads=1
	$(STEP) "closed and crashed tabs and browsers" env $(KILLED) node --test --test-reporter=spec tests/browser/kills.test.mjs

bench: ## benchmarks
	@.ci/tools rust c
	$(STEP) "benchmarks" cargo bench --benches

bench-search: ## what every allocator finds (DATA=folder of weights/ and images/, OUT=folder of results, MINUTES=to stop)
	@.ci/tools rust
	$(STEP) "command line, release build" cargo build --release --bin bitsmith
	@node .ci/bench-search.mjs $(or $(DATA),../shared/data) $(or $(OUT),$(BITSMITH_CACHE)/bench-search) $(MINUTES)

bench-finetune: ## what fine-tuning brings back (DATA=folder of weights/ and images/, OUT=folder of results, MINUTES=to stop)
	@.ci/tools rust
	$(STEP) "command line, release build" cargo build --release --bin bitsmith
	@node .ci/bench-finetune.mjs $(or $(DATA),../shared/data) $(or $(OUT),$(BITSMITH_CACHE)/bench-finetune) $(MINUTES)

bench-workers: build ## what a second worker brings a search in the page (WEIGHTS= and IMAGES= other than the demo's)
	@.ci/tools browser
	@node .ci/bench-workers.mjs $(WEIGHTS) $(IMAGES)

bench-c: ## what the C runtime takes on emulated boards, beside other libraries
	@.ci/tools rust c
	$(STEP) "C benchmarks" cargo bench --bench kernels

bench-webgpu: ## training steps on the GPU beside TensorFlow.js, in Chromium
	@.ci/tools web browser
	$(STEP) "Wasm of the benchmark" cargo build --release --bench webgpu $(WASM)
	$(STEP) "npm packages of the benchmark" npm ci --silent --no-audit --no-fund --prefix benches/webgpu
	$(STEP) "benchmark" .ci/bench-webgpu

DATA ?= ../shared/data
NETWORKS := mobilenet_v1_0.25_128 mobilenet_v1_0.5_128 mobilenet_v2_0.35_128 mnasnet_0.5_128
GRID := 8/8,8/4,8/2,4/8,4/4,4/2,2/8,2/4,2/2

accuracy: ## the table of docs/accuracy.md, from the networks and images in DATA
	@.ci/tools rust
	@cargo build --release --quiet
	@for network in $(NETWORKS); do "$(CARGO_TARGET_DIR)/release/bitsmith" eval --split validation \
	  --weights $(DATA)/weights/imagenette10_$$network.safetensors --bits $(GRID) \
	  --images $(DATA)/images/imagenette-train-160.tar --images $(DATA)/images/imagenette-val-224.tar; done

docs: ## the crate's documentation
	@.ci/tools rust
	$(STEP) "documentation" cargo doc --no-deps --lib
	@echo "$(CARGO_TARGET_DIR)/doc/bitsmith/index.html"

picture: build ## README's picture of the page
	@.ci/tools browser
	@node .ci/picture.mjs docs/page.png

clean: ## remove what was built; installed tools stay in the cache
	cargo clean
	rm -rf dist tests/browser/node_modules tests/peers/node_modules
