# Names the commands; what they do is in the programs that they call. A fresh machine needs rustup, a C compiler, make
# and git.

CARGO ?= cargo
WASM := wasm32-unknown-unknown

.PHONY: demo test check setup fmt

## demo: delivers a handful of Flux events to a small receiver and shows what it got
demo: setup
	$(CARGO) build --locked --workspace --bins
	target/debug/demo

## test: every test
test: setup
	$(CARGO) test --locked --workspace
	cd guests && $(CARGO) test --locked --workspace

## check: formatting, lints, docs and the rules of the tree
check: setup
	$(CARGO) fmt --all --check
	cd guests && $(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	cd guests && $(CARGO) clippy --locked --workspace --release --target $(WASM) -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --locked --workspace --no-deps --document-private-items
	$(CARGO) test --locked --workspace --test tidy

## fmt: formats both workspaces
fmt:
	$(CARGO) fmt --all
	cd guests && $(CARGO) fmt --all

setup:
	@rustup target list --installed 2>/dev/null | grep -qx $(WASM) || rustup target add $(WASM)
