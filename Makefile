# Names the commands; what they do is in the programs that they call. A fresh machine needs rustup, a C compiler, make
# and git.

CARGO ?= cargo
WASM := wasm32-unknown-unknown
# Only the hostile modules of the tests are built for it.
WASI := wasm32-wasip2

.PHONY: demo test test-receivers test-languages test-cluster test-image check crash bench setup fmt

## demo: delivers a handful of Flux events to a small receiver and shows what it got
demo: setup
	$(CARGO) build --locked --workspace --bins
	target/debug/demo

## test: every test
test: setup
	# The tests of the author's kit build projects with what is here, and ask no registry.
	cd guests && $(CARGO) fetch --locked
	$(CARGO) test --locked --workspace
	cd guests && $(CARGO) test --locked --workspace

## test-receivers: installs Alertmanager, Synapse, nats-server and others below target/, and asks each for what it was
## sent; needs Go, Python with venv, and apt-get besides
test-receivers: setup
	$(CARGO) test --locked --workspace --test receivers

## test-languages: builds the modules of guests/templates in JavaScript, Python and Go and the one of guests/script with
## tools that it installs below target/, runs their cases and follows the tutorials; needs npm, Python with venv, and Go
test-languages: setup
	$(CARGO) test --locked --workspace --test languages -- --nocapture

## test-cluster: Herald at a real API server: the one of KUBECONFIG, of KUBEBUILDER_ASSETS, or of ../shared/testcluster;
## needs Go, for helm and kubeconform, and apt-get, for docker-registry
test-cluster: setup
	$(CARGO) test --locked --workspace --test cluster -- --test-threads=1

## test-image: makes the image of deploy/Dockerfile without a daemon and runs it; compiles a static binary for musl and
## optimises it as a whole (a quarter of an hour), as root, with apt-get
test-image: setup
	rustup target list --installed | grep -qx x86_64-unknown-linux-musl || rustup target add x86_64-unknown-linux-musl
	{ command -v buildah && command -v musl-gcc; } >/dev/null || { apt-get update && apt-get install --yes --no-install-recommends buildah musl-tools; }
	$(CARGO) test --locked --workspace --test image

## check: formatting, lints, docs and the rules of the tree
check: setup
	$(CARGO) fmt --all --check
	cd guests && $(CARGO) fmt --all --check
	cd tests/components && $(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked --workspace --test receivers --test languages --test cluster --test image -- -D warnings
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
