# Names the commands; what they do is in the programs that they call. A fresh machine needs rustup, a C compiler, make
# and git.

CARGO ?= cargo
WASM := wasm32-unknown-unknown
# Only the hostile modules of the tests are built for it.
WASI := wasm32-wasip2

.PHONY: demo test test-receivers test-cluster check crash bench setup fmt

## demo: delivers a handful of Flux events to a small receiver and shows what it got
demo: setup
	$(CARGO) build --locked --workspace --bins
	target/debug/demo

## test: every test
test: setup
	$(CARGO) test --locked --workspace
	cd guests && $(CARGO) test --locked --workspace

## test-receivers: installs Alertmanager, Synapse, nats-server and others below target/, and asks each for what it was
## sent; needs Go, Python with venv, and apt-get besides
test-receivers: setup
	$(CARGO) test --locked --workspace --test receivers

## test-cluster: Herald at a real API server: the one of KUBECONFIG, of KUBEBUILDER_ASSETS, or of ../shared/testcluster;
## needs Go, for helm and kubeconform
test-cluster: setup
	$(CARGO) test --locked --workspace --test cluster -- --test-threads=1

## check: formatting, lints, docs and the rules of the tree
check: setup
	$(CARGO) fmt --all --check
	cd guests && $(CARGO) fmt --all --check
	cd tests/components && $(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked --workspace --test receivers --test cluster -- -D warnings
	cd guests && $(CARGO) clippy --locked --workspace --release --target $(WASM) --target-dir ../target/wasm -- -D warnings
	cd tests/components && $(CARGO) clippy --locked --workspace --release --target $(WASM) --target $(WASI) --target-dir ../../target/wasm -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --locked --workspace --no-deps --document-private-items
	$(CARGO) test --locked --workspace --test tidy

## crash: kills Herald 200 times under 100,000 events and counts what became of them (a quarter of an hour)
crash: setup
	$(CARGO) build --locked --workspace --bins
	target/debug/crash --cycles 200 --events 100000

## bench: what a call of a module costs, and how fast the running service is, in a release build, which takes a quarter of
## an hour to compile from nothing
bench: setup
	$(CARGO) bench --locked --workspace --bench sandbox --bench load

## fmt: formats both workspaces
fmt:
	$(CARGO) fmt --all
	cd guests && $(CARGO) fmt --all
	cd tests/components && $(CARGO) fmt --all

setup:
	@for target in $(WASM) $(WASI); do \
		rustup target list --installed 2>/dev/null | grep -qx $$target || rustup target add $$target || exit 1; \
	done
