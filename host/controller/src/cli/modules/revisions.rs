//! `herald modules history|rollback|pin|unpin`: the revisions of a running instance.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::instance::Instance;
use crate::cli::{Failed, Output, print};
use crate::server::ModuleOrder;

/// Where the instance is.
#[derive(Debug, Args)]
struct Where {
    /// The data folder of the instance.
    #[arg(long, value_name = "DIR", env = "HERALD_DATA_DIR", default_value = "./herald-data")]
    data_dir: PathBuf,
}

impl Where {
    async fn order(&self, order: ModuleOrder) -> Result<(), Failed> {
        let mut instance = Instance::there_on(&self.data_dir).await?;
        let done: Value = instance.post("/v1/modules/orders", &order).await?;
        match done["serves"].as_str() {
            Some(revision) if !revision.is_empty() => print(format_args!("{revision} serves")),
            _ => print("no revision serves"),
        }
        Ok(())
    }
}

/// List the revisions of a type's module, the newest first.
///
/// A revision is `active` (it serves), `shadow` (it shows what it would send), `canary` (it makes a share of the
/// deliveries), `previous` (it served before and is what a rollback goes back to), `held` (it waits, as the type is pinned),
/// `rolled-back` (with the reason; the same file does not serve again unless it is pinned), or `withdrawn` (its source does
/// not offer it any more). Beside it stands what became of its deliveries: taken by the receiver, refused for good, and
/// calls that trapped or met a limit.
#[derive(Debug, Args)]
pub(super) struct History {
    /// The type; without one, all types that have a module loaded.
    #[arg(value_name = "TYPE")]
    kind: Option<String>,
    #[command(flatten)]
    place: Where,
    /// Show for a revision on trial what it would have sent and the old one did not.
    #[arg(long)]
    differences: bool,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl History {
    pub(super) async fn run(self) -> Result<(), Failed> {
        let mut instance = Instance::there_on(&self.place.data_dir).await?;
        let target = match &self.kind {
            Some(kind) => {
                let kind: String = url::form_urlencoded::byte_serialize(kind.as_bytes()).collect();
                format!("/v1/modules/history?type={kind}")
            }
            None => "/v1/modules/history".to_owned(),
        };
        let types: Vec<Value> = instance.get(&target).await?;
        if let (Some(kind), true) = (&self.kind, types.is_empty()) {
            return Err(Failed::Run(format!("no module for the type {kind} was ever loaded here")));
        }
        match self.output {
            Output::Json => print(format_args!("{:#}", json!(types))),
            Output::Text => types.iter().for_each(|one| print(text(one, self.differences))),
        }
        Ok(())
    }
}

fn text(one: &Value, differences: bool) -> String {
    let pinned = if one["pinned"].is_string() { "  (pinned)" } else { "" };
    let mut text = format!("{}{pinned}\n", one["type"].as_str().unwrap_or_default());
    for revision in one["revisions"].as_array().into_iter().flatten() {
        let part = |name: &str| revision[name].as_str().unwrap_or_default();
        writeln!(
            text,
            "  {}  {:<11}  since {}  taken {}, refused {}, broken {}  {}",
            part("revision"),
            part("state"),
            part("since"),
            revision["taken"],
            revision["refused"],
            revision["broken"],
            part("source"),
        )
        .expect("writing to a String cannot fail");
        if !part("reason").is_empty() {
            writeln!(text, "      {}", part("reason")).expect("writing to a String cannot fail");
        }
        if revision["shadowed"].as_u64().is_some_and(|shadowed| shadowed > 0) {
            let (all, other) = (&revision["shadowed"], &revision["different"]);
            writeln!(
                text,
                "      saw {all} deliveries and would have sent something else for {other}"
            )
            .expect("writing to a String cannot fail");
        }
        if differences {
            for sample in revision["differences"].as_array().into_iter().flatten() {
                for line in sample.as_str().unwrap_or_default().lines() {
                    writeln!(text, "      | {line}").expect("writing to a String cannot fail");
                }
            }
        }
    }
    text.trim_end().to_owned()
}

/// Go back from the latest revision of a type to the one that served before it.
///
/// One that is on trial is given up, or else the one that serves. It does not come back by itself: a file with another
/// content is a new revision, and `herald modules pin` has the old one serve again.
#[derive(Debug, Args)]
pub(super) struct Rollback {
    /// The type.
    #[arg(value_name = "TYPE")]
    kind: String,
    #[command(flatten)]
    place: Where,
}

impl Rollback {
    pub(super) async fn run(self) -> Result<(), Failed> {
        self.place.order(ModuleOrder::RollBack { kind: self.kind }).await
    }
}

/// Have one revision of a type serve, whatever comes.
///
/// New files are taken in and held back; nothing is rolled back by itself. It lasts over restarts, until `herald modules
/// unpin`.
#[derive(Debug, Args)]
pub(super) struct Pin {
    /// The type.
    #[arg(value_name = "TYPE")]
    kind: String,
    /// The revision's digest, or the first digits of it.
    #[arg(value_name = "REVISION")]
    revision: String,
    #[command(flatten)]
    place: Where,
}

impl Pin {
    pub(super) async fn run(self) -> Result<(), Failed> {
        self.place.order(ModuleOrder::Pin { kind: self.kind, revision: self.revision }).await
    }
}

/// Have the newest revision of a type serve again that was not rolled back.
#[derive(Debug, Args)]
pub(super) struct Unpin {
    /// The type.
    #[arg(value_name = "TYPE")]
    kind: String,
    #[command(flatten)]
    place: Where,
}

impl Unpin {
    pub(super) async fn run(self) -> Result<(), Failed> {
        self.place.order(ModuleOrder::Unpin { kind: self.kind }).await
    }
}
