//! `herald modules`: what provider types there are, and what their pages say.

mod docs;
mod page;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::modules_dir::ModuleFlags;
use super::{Failed, Output, print};
use crate::modules::Loaded;

/// List the provider types and the modules that serve them.
///
/// For each type: what it is for, what its module may see beyond the delivery, the hosts that it reaches besides the
/// Provider's address, the secrets that it places and where, its size in bytes and its digest.
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
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    modules: ModuleFlags,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl Modules {
    pub(super) async fn run(self) -> Result<(), Failed> {
        match self.command {
            Some(Command::Docs(docs)) => docs.run().await,
            None => self.list.run().await,
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Failed> {
        let modules = self.modules.load_all().await?.all();
        match self.output {
            Output::Json => {
                let all: Vec<Value> = modules.iter().map(|module| described(module)).collect();
                print(format_args!("{:#}", json!(all)));
            }
            Output::Text => {
                for module in modules {
                    print(text(&described(&module)));
                }
            }
        }
        Ok(())
    }
}

fn described(loaded: &Loaded) -> Value {
    let module = &loaded.module;
    let description = module.description();
    let permissions: Vec<_> =
        module.permissions().iter().map(|permission| permission.name()).collect();
    let secrets: Vec<String> = description
        .secrets
        .iter()
        .map(|placement| {
            let places: Vec<String> =
                placement.places.iter().map(|place| place.to_string()).collect();
            format!("{} ({})", placement.key, places.join(", "))
        })
        .collect();
    json!({
        "type": loaded.kind,
        "summary": description.summary,
        "purpose": description.purpose.name(),
        "source": loaded.source.name(),
        "interface": module.interface(),
        "permissions": permissions,
        "hosts": description.hosts,
        "secrets": secrets,
        "credentials": description.credentials,
        "size": module.size(),
        "digest": module.digest(),
    })
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
