//! Compiles the hostile modules of `components/` to WebAssembly, once without an operating system and once with one, and
//! tells the tests where the two components are.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo configures build scripts through the environment"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Without an operating system: what the linker gives is a core module.
const BARE: &str = "wasm32-unknown-unknown";
/// With WASI: what the linker gives is a component already.
const SYSTEM: &str = "wasm32-wasip2";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = tests.join("..");
    for part in ["tests/components", "guests/alloc", "guests/sdk", "guests/Cargo.toml", "wit"] {
        println!("cargo:rerun-if-changed={}", root.join(part).display());
    }

    // The folder that the modules of guests/ are compiled in: what both need is there already.
    let target = out.ancestors().nth(4).expect("OUT_DIR lies in the target folder").join("wasm");
    compile(&tests.join("components"), &target);
    let built = |triple: &str| target.join(triple).join("release");
    for (name, variable) in [("hostile", "HOSTILE_COMPONENT"), ("leaking", "LEAKING_COMPONENT")] {
        let component = out.join(format!("{name}.component.wasm"));
        wrap(&built(BARE).join(format!("{name}.wasm")), &component);
        println!("cargo:rustc-env={variable}={}", component.display());
    }
    let wasi = out.join("hostile.wasi.wasm");
    fs::copy(built(SYSTEM).join("hostile.wasm"), &wasi).expect("what was compiled is there");
    println!("cargo:rustc-env=HOSTILE_WASI_COMPONENT={}", wasi.display());
}

fn compile(components: &Path, target: &Path) {
    let status = Command::new(env::var_os("CARGO").expect("cargo sets CARGO"))
        .current_dir(components)
        .args(["build", "--release", "--locked", "--target", BARE, "--target", SYSTEM])
        .arg("--target-dir")
        .arg(target)
        // What the modules of guests/ are built with.
        .env("RUSTFLAGS", "-C link-arg=-zstack-size=65536 -C target-feature=+simd128")
        // Flags and wrappers meant for the host would reach the components through these.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        // Its own share of the processors: the build scripts of host/controller and tests wait for each other in one folder,
        // and whoever waits would keep its place from the one that works.
        .env_remove("CARGO_MAKEFLAGS")
        .status()
        .expect("cargo runs");
    assert!(
        status.success(),
        "tests/components/ did not compile; are the targets there? Run: rustup target add {BARE} {SYSTEM}"
    );
}

fn wrap(core: &Path, component: &Path) {
    let module = fs::read(core).unwrap_or_else(|err| panic!("{}: {err}", core.display()));
    let bytes = wit_component::ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.validate(true).encode())
        .unwrap_or_else(|err| panic!("{}: {err:?}", core.display()));
    fs::write(component, bytes).expect("OUT_DIR is writable");
}
