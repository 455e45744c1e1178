//! Compiles `guests/` to WebAssembly and wraps each core module as a component, so that the binary can embed them; embeds
//! those that lie there as components already, and what a new module's project begins with, the interface in Go among it.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo configures build scripts through the environment"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use wit_bindgen_core::Files;
use wit_parser::Resolve;

/// Folders of `guests/` that are no provider type.
const LIBRARIES: [&str; 2] = ["alloc", "sdk"];
const TARGET: &str = "wasm32-unknown-unknown";
/// The largest world: what a module does not import of it is left out of its component.
const WORLD: &str = "module-with-secrets";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let guests = root.join("guests");
    println!("cargo:rerun-if-changed={}", root.join("wit").display());
    println!("cargo:rerun-if-changed={}", guests.join("Cargo.toml").display());
    println!("cargo:rerun-if-changed={}", guests.join("Cargo.lock").display());

    let mut types = Vec::new();
    // What is built with other tools than cargo's is kept with its sources.
    let mut ready = Vec::new();
    for entry in fs::read_dir(&guests).expect("guests/ is readable") {
        let folder = entry.expect("guests/ is readable").path();
        let name = folder
            .file_name()
            .and_then(|name| name.to_str())
            .expect("folder names are UTF-8")
            .to_owned();
        let component = folder.join(format!("{name}.wasm"));
        if component.is_file() {
            println!("cargo:rerun-if-changed={}", component.display());
            let component = component.canonicalize().expect("the file is there");
            ready.push((name, component));
        } else if folder.join("Cargo.toml").is_file() {
            println!("cargo:rerun-if-changed={}", folder.display());
            if !LIBRARIES.contains(&name.as_str()) {
                types.push(name);
            }
        }
    }

    // One folder for the checks, tests and builds of the host, so that each module is compiled once for all of them.
    let target = out.ancestors().nth(4).expect("OUT_DIR lies in the target folder").join("wasm");
    compile(&guests, &target);
    let mut components = ready;
    for name in types {
        let core = target
            .join(TARGET)
            .join("release")
            .join(format!("{}.wasm", name.replace(['.', '-'], "_")));
        let component = out.join(format!("{name}.component.wasm"));
        wrap(&core, &component);
        components.push((name, component));
    }
    components.sort();
    let mut code = String::from(
        "/// Every provider type and its component.\npub(super) const MODULES: &[(&str, &[u8])] = &[\n",
    );
    for (name, component) in components {
        code.push_str(&format!("    ({name:?}, include_bytes!({component:?})),\n"));
    }
    code.push_str("];\n");
    fs::write(out.join("builtin.rs"), code).expect("OUT_DIR is writable");
    fs::write(out.join("templates.rs"), templates(&root)).expect("OUT_DIR is writable");
}

/// What `herald module new` writes, as code: the template of each language, what all share, the interface, and
/// what modules in Rust are written with.
fn templates(root: &Path) -> String {
    let root = root.canonicalize().expect("the repository is there");
    let guests = root.join("guests");
    println!("cargo:rerun-if-changed={}", guests.join("templates").display());
    let mut code = String::from("const TEMPLATES: &[(&str, &[(&str, &str)])] = &[\n");
    for language in sorted(&guests.join("templates")) {
        let name = language.file_name().and_then(|name| name.to_str()).expect("names are UTF-8");
        // What a project is made of says how it is built; `cases` are those of the languages themselves.
        if language.join("module.yaml").is_file() {
            code.push_str(&format!("({name:?}, &[{}]),\n", embedded(&language, "")));
        }
    }
    code.push_str("];\n");
    let mut list = |name: &str, files: String| {
        code.push_str(&format!("pub(super) const {name}: &[(&str, &str)] = &[{files}];\n"));
    };
    list("COMMON", embedded(&guests.join("templates/common"), ""));
    list("INTERFACE", embedded(&root.join("wit/0.1.0"), "herald/wit/0.1.0/"));
    let sdk = [
        embedded(&guests.join("sdk"), "herald/guests/sdk/"),
        embedded(&guests.join("alloc"), "herald/guests/alloc/"),
        // The versions that this binary's own modules were built with; cargo drops what a project does not need.
        format!("(\"Cargo.lock\", include_str!({:?})),", guests.join("Cargo.lock")),
    ];
    list("RUST_SDK", sdk.concat());
    list("GO_BINDINGS", go_bindings(&root));
    code.push_str(&format!("/// The largest world.\npub(super) const WORLD: &str = {WORLD:?};\n"));
    code
}

/// The interface in Go, as it lies below the package of `templates/go/herald/go`: each file's path and text.
fn go_bindings(root: &Path) -> String {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root.join("wit/0.1.0")).expect("the interface is readable");
    let world = resolve.select_world(&[package], Some(WORLD)).expect("the world is there");
    let options = wit_bindgen_go::Opts {
        // Nothing here may hang on whether Go is installed.
        format: wit_bindgen_go::Format::False,
        pkg_name: Some("herald.dev/herald".to_owned()),
        ..Default::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).expect("Go can say the interface");
    let mut code = String::new();
    for (path, bytes) in files.iter() {
        let text = std::str::from_utf8(bytes).expect("Go is UTF-8");
        code.push_str(&format!("({:?}, {text:?}),\n", format!("herald/go/{path}")));
    }
    code
}

/// The files below a folder, each as its path below `under` and its text.
fn embedded(folder: &Path, under: &str) -> String {
    let mut code = String::new();
    for path in sorted(folder) {
        let name = path.file_name().and_then(|name| name.to_str()).expect("names are UTF-8");
        if path.is_dir() {
            code.push_str(&embedded(&path, &format!("{under}{name}/")));
        } else {
            code.push_str(&format!("({:?}, include_str!({path:?})),\n", format!("{under}{name}")));
        }
    }
    code
}

/// What is in a folder, but for what building in it leaves there.
fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|err| panic!("{}: {err}", folder.display()))
        .map(|entry| entry.expect("the folder is readable").path())
        .filter(|path| !path.ends_with("target") && !path.ends_with("node_modules"))
        .collect();
    paths.sort();
    paths
}

fn compile(guests: &Path, target: &Path) {
    let status = Command::new(env::var_os("CARGO").expect("cargo sets CARGO"))
        .current_dir(guests)
        .args(["build", "--release", "--locked", "--target", TARGET, "--target-dir"])
        .arg(target)
        // The guests' stack is one page: a call's memory is then a page or two, which is what a fresh instance costs. With
        // SIMD the compiler may copy and compare in wide pieces.
        .env("RUSTFLAGS", "-C link-arg=-zstack-size=65536 -C target-feature=+simd128")
        // Flags and wrappers meant for the host would reach the guests through these.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        // Its own share of the processors: the build scripts of host/controller and tests wait for each other in one folder,
        // and whoever waits would keep its place from the one that works.
        .env_remove("CARGO_MAKEFLAGS")
        .status()
        .expect("cargo runs");
    assert!(
        status.success(),
        "guests/ did not compile; is the target there? Run: rustup target add {TARGET}"
    );
}

fn wrap(core: &Path, component: &Path) {
    let module = fs::read(core).unwrap_or_else(|err| {
        panic!(
            "{}: {err}; the package of a guest is named like its folder, with - for a dot",
            core.display()
        )
    });
    let bytes = wit_component::ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.validate(true).encode())
        .unwrap_or_else(|err| panic!("{}: {err:?}", core.display()));
    fs::write(component, bytes).expect("OUT_DIR is writable");
}
