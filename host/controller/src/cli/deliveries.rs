//! `herald deliveries`: what became of events, and repairs.

mod source;
mod table;

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use herald_journal::State;
use jiff::Timestamp;
use serde_json::json;

use super::{Failed, Output, duration, print, print_warning};
use crate::desk::{Answer, IdPrefix, Page, Query, Wanted};
use source::Source;

/// The most deliveries that are asked for at once.
const PAGE: usize = 500;

/// Look at deliveries and repair them.
///
/// A delivery is one event on its way to one Alert's Provider. These commands talk to the instance that runs on the data
/// folder, or open its journal themselves when none does. Deliveries that were never tried yet are not listed.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 when it was done, 1 when it could not be done, 64 when the command line is wrong or a confirmation is missing."
)]
pub(super) struct Deliveries {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Show(Show),
    Replay(Replay),
    Discard(Discard),
}

/// List deliveries, the newest event first.
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    filters: Filters,
    /// The most deliveries that are listed.
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: usize,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Show one delivery with every attempt and its event.
#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    place: Place,
    /// The delivery's id, or its first digits: at least 4, as many as name it alone.
    id: IdPrefix,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Give deliveries another attempt now, under the same ids.
///
/// Dead and waiting deliveries are tried at once. Without an instance that runs, the next start does it.
#[derive(Debug, Args)]
struct Replay {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    which: Which,
    /// Also replay what was delivered, accepted, skipped or discarded: receivers may get it twice.
    #[arg(long)]
    force: bool,
}

/// Give deliveries up: they are not tried again, and stay in the history with the reason.
#[derive(Debug, Args)]
struct Discard {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    which: Which,
    /// Why, for whoever looks at the history.
    #[arg(long, value_name = "TEXT", default_value = "by hand")]
    reason: String,
}

#[derive(Debug, Args)]
struct Place {
    /// The data folder of `herald serve`.
    #[arg(long, value_name = "DIR", env = "HERALD_DATA_DIR", default_value = "./herald-data")]
    data_dir: PathBuf,
}

/// Which deliveries are meant: those for which every given filter holds. Patterns may hold * and ?.
#[derive(Clone, Debug, Default, Args)]
struct Filters {
    /// To this Provider, such as apps/slack.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    provider: Option<String>,
    /// Asked for by this Alert.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    alert: Option<String>,
    /// About this object, such as Kustomization/apps/storefront.
    #[arg(long, value_name = "KIND/NAMESPACE/NAME")]
    object: Option<String>,
    /// In this state; may be given several times or with commas.
    #[arg(long, value_name = "STATE", value_enum, value_delimiter = ',')]
    state: Vec<StateName>,
    /// Whose event was accepted longer ago; units d, h, m and s.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    older_than: Option<Duration>,
    /// Whose event was accepted within this time.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    newer_than: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StateName {
    Waiting,
    Delivered,
    Accepted,
    Skipped,
    Dead,
    Discarded,
}

#[derive(Debug, Args)]
struct Which {
    /// The deliveries' ids, or their first digits: at least 4, as many as name one alone.
    #[arg(value_name = "ID", conflicts_with_all = ["provider", "alert", "object", "state", "older_than", "newer_than"])]
    ids: Vec<IdPrefix>,
    #[command(flatten)]
    filters: Filters,
    /// Do not ask before many deliveries are changed.
    #[arg(long)]
    yes: bool,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl Deliveries {
    pub(super) async fn run(self) -> Result<(), Failed> {
        match self.command {
            Command::List(list) => list.run().await,
            Command::Show(show) => show.run().await,
            Command::Replay(replay) => {
                let Replay { place, which, force } = replay;
                which
                    .run(&place, "replay", async |source, wanted| {
                        source.replay(wanted, force).await
                    })
                    .await
            }
            Command::Discard(discard) => {
                let Discard { place, which, reason } = discard;
                which
                    .run(&place, "discard", async |source, wanted| {
                        source.discard(wanted, &reason).await
                    })
                    .await
            }
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Failed> {
        let query = self.filters.query(Timestamp::now());
        let mut source = Source::of(&self.place.data_dir).await?;
        let listed = list(&mut source, &query, self.limit).await;
        source.close().await;
        let page = listed?;
        match self.output {
            Output::Json => print(format_args!("{:#}", json!(page.deliveries))),
            Output::Text if page.deliveries.is_empty() => print("no deliveries"),
            Output::Text => {
                print(table::list(&page.deliveries, Timestamp::now()));
                if page.next.is_some() {
                    print_warning(format_args!(
                        "only {} are listed: raise --limit, or narrow them down",
                        page.deliveries.len()
                    ));
                }
            }
        }
        Ok(())
    }
}

async fn list(source: &mut Source, query: &Query, limit: usize) -> Result<Page, Failed> {
    let mut all = Page::default();
    loop {
        let n_left = limit.saturating_sub(all.deliveries.len());
        let page = source.list(query, all.next.as_deref(), n_left.min(PAGE)).await?;
        all.deliveries.extend(page.deliveries);
        all.next = page.next;
        if all.next.is_none() || all.deliveries.len() >= limit {
            return Ok(all);
        }
    }
}

impl Show {
    async fn run(self) -> Result<(), Failed> {
        let mut source = Source::of(&self.place.data_dir).await?;
        let shown = source.show(&self.id).await;
        source.close().await;
        let shown = shown?;
        match self.output {
            Output::Json => print(format_args!("{:#}", json!(shown))),
            Output::Text => print(table::show(&shown, Timestamp::now())),
        }
        Ok(())
    }
}

impl Which {
    /// Does something to the deliveries that are meant, once it is clear that this is wanted.
    async fn run(
        self,
        place: &Place,
        verb: &str,
        run: impl AsyncFnOnce(&mut Source, &Wanted) -> Result<Answer, Failed>,
    ) -> Result<(), Failed> {
        if self.ids.is_empty() && self.filters.is_empty() {
            return Err(Failed::Usage(format!(
                "say what to {verb}: give ids, or a filter such as --state dead"
            )));
        }
        let mut source = Source::of(&place.data_dir).await?;
        let done = match self.wanted(&mut source, verb).await {
            Ok(wanted) => run(&mut source, &wanted).await,
            Err(err) => Err(err),
        };
        let is_running = source.is_running();
        source.close().await;
        let done = done?;
        match self.output {
            Output::Json => print(format_args!("{:#}", json!(done))),
            Output::Text => {
                print(table::done(verb, &done));
                if verb == "replay" && !is_running && done.done > 0 {
                    print("no instance runs: they are tried at its next start");
                }
            }
        }
        if done.done == 0 && !done.refused.is_empty() {
            return Err(Failed::Run(format!("nothing was {verb}ed")));
        }
        Ok(())
    }

    async fn wanted(&self, source: &mut Source, verb: &str) -> Result<Wanted, Failed> {
        if !self.ids.is_empty() {
            return Ok(Wanted::Ids(self.ids.clone()));
        }
        let now = Timestamp::now();
        let mut query = self.filters.query(now);
        if query.states.is_empty() {
            query.states = vec![State::Waiting, State::Dead];
        }
        // What changes while the person thinks is not what was confirmed.
        query.unchanged_since = Some(now);
        if !self.yes {
            let count = source.count(&query).await?;
            confirm(verb, count)?;
        }
        Ok(Wanted::All(query))
    }
}

/// Asks at a terminal, and refuses elsewhere.
fn confirm(verb: &str, count: u64) -> Result<(), Failed> {
    let deliveries = if count == 1 { "delivery" } else { "deliveries" };
    let question = format!("{verb} {count} {deliveries}?");
    if count == 0 {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failed::Usage(format!("{question} Confirm it with --yes")));
    }
    // Without the question the answer means nothing.
    let mut stderr = std::io::stderr().lock();
    write!(stderr, "{question} [y/N] ")
        .and_then(|()| stderr.flush())
        .map_err(|err| Failed::run(&err))?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|err| Failed::run(&err))?;
    if matches!(line.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(Failed::Run("nothing was done".to_owned()))
    }
}

impl Filters {
    fn is_empty(&self) -> bool {
        self.query(Timestamp::UNIX_EPOCH).pairs().is_empty()
    }

    fn query(&self, now: Timestamp) -> Query {
        let before = |ago: Duration| now.checked_sub(ago).unwrap_or(Timestamp::MIN);
        Query {
            provider: self.provider.clone(),
            alert: self.alert.clone(),
            object: self.object.clone(),
            states: self.state.iter().map(|name| name.state()).collect(),
            accepted_before: self.older_than.map(before),
            accepted_from: self.newer_than.map(before),
            unchanged_since: None,
        }
    }
}

impl StateName {
    fn state(self) -> State {
        match self {
            StateName::Waiting => State::Waiting,
            StateName::Delivered => State::Delivered,
            StateName::Accepted => State::Accepted,
            StateName::Skipped => State::Skipped,
            StateName::Dead => State::Dead,
            StateName::Discarded => State::Discarded,
        }
    }
}
