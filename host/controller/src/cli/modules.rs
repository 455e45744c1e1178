//! `herald modules`: what provider types there are, and what their pages say.

mod docs;
mod page;
mod revisions;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::instance::Instance;
use super::modules_dir::ModuleFlags;
use super::{Failed, Output, print};

/// List the provider types and the modules that serve them.
///
/// For each type: what it is for, what its module may see beyond the delivery, the hosts that it reaches besides the
/// Provider's address, the secrets that it places and where, its size in bytes and its digest. With --data-dir it is asked
/// of the instance that runs there.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Modules {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Command {
    Docs(docs::Docs),
    History(revisions::History),
    Rollback(revisions::Rollback),
    Pin(revisions::Pin),
    Unpin(revisions::Unpin),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    modules: ModuleFlags,
    /// Ask the instance that runs on this data folder: those of its modules that are loaded, as they are now.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["modules_dir", "module_grant"])]
    data_dir: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl Modules {
    pub(super) async fn run(self) -> Result<(), Failed> {
        match self.command {
            Some(Command::Docs(docs)) => docs.run().await,
            Some(Command::History(history)) => history.run().await,
            Some(Command::Rollback(rollback)) => rollback.run().await,
            Some(Command::Pin(pin)) => pin.run().await,
            Some(Command::Unpin(unpin)) => unpin.run().await,
            None => self.list.run().await,
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Failed> {
        let modules: Vec<Value> = match &self.data_dir {
            Some(dir) => Instance::there_on(dir).await?.get("/v1/modules").await?,
            None => {
                self.modules.load_all().await?.all().iter().map(|one| one.described()).collect()
            }
        };
        match self.output {
            Output::Json => print(format_args!("{:#}", json!(modules))),
            Output::Text => modules.iter().for_each(|module| print(text(module))),
        }
        Ok(())
    }
}

fn text(described: &Value) -> String {
    let list = |name: &str| {
        let items: Vec<&str> =
            described[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if items.is_empty() { "none".to_owned() } else { items.join(", ") }
    };
    let one = |name: &str| described[name].as_str().unwrap_or_default();
    format!(
        "{}: {}\n  purpose      {}\n  permissions  {}\n  hosts        {}\n  secrets      {}\n  credentials  {}\n  \
         module       {}, interface {}, {} bytes, {}\n",
        one("type"),
        one("summary"),
        one("purpose"),
        list("permissions"),
        list("hosts"),
        list("secrets"),
        list("credentials"),
        one("source"),
        one("interface"),
        described["size"],
        one("digest"),
    )
}
