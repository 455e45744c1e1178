//! `herald module`: what an author of a module needs, from a first project to a module that a host takes.
//!
//! Each command is a file of its own; `subject` loads what they are about, `project` knows how one is built.

mod bench;
mod build;
mod check;
mod component;
mod diff;
mod imports;
mod inspect;
mod languages;
mod new;
mod project;
mod registry;
mod render;
mod subject;
mod test;

use clap::{Args, Subcommand};

use super::Failed;

/// Write, build and try a module of your own.
///
/// A module decides what is sent for an event: it is a small WebAssembly component behind one interface (wit/README.md).
/// `new` writes a project that builds and passes its test at once. `build` makes NAME.wasm with the project's cases
/// inside; a host takes it from the folder of `herald serve --modules-dir`. `test` runs the cases, `check` does all that
/// a host does before a module serves and more, `render` shows what one event becomes, `inspect` what a file is, `diff`
/// what two files send differently, and `bench` what a call costs. `push` and `pull` carry it to an OCI registry and back,
/// `save` and `load` from one registry to another with its signatures.
///
/// FILE is a .wasm file, a component or a core module, or `built-in:TYPE` for a module of this binary. A file is compiled
/// in a process of its own with limits, as a service does it.
#[derive(Debug, Args)]
pub(super) struct Module {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::New),
    Build(build::Build),
    Test(test::Test),
    Check(check::Check),
    Render(render::Render),
    Inspect(inspect::Inspect),
    Diff(diff::Diff),
    Bench(bench::Bench),
    Push(registry::Push),
    Pull(registry::Pull),
    Save(registry::Save),
    Load(registry::Load),
}

impl Module {
    pub(super) async fn run(self) -> Result<(), Failed> {
        match self.command {
            Command::New(new) => new.run(),
            Command::Build(build) => build.run(),
            Command::Test(test) => test.run().await,
            Command::Check(check) => check.run().await,
            Command::Render(render) => render.run().await,
            Command::Inspect(inspect) => inspect.run().await,
            Command::Diff(diff) => diff.run().await,
            Command::Bench(bench) => bench.run().await,
            Command::Push(push) => push.run().await,
            Command::Pull(pull) => pull.run().await,
            Command::Save(save) => save.run().await,
            Command::Load(load) => load.run().await,
        }
    }
}
