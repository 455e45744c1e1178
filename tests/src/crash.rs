//! The crash harness: Herald is killed, stopped and robbed of its disk while events come in and receivers misbehave, and
//! in the end everything that it promised must have arrived, whole and in order.
//!
//! It sees Herald only from outside: the binary, its doors, its files. `promises` posts, `receiver` answers by `script`,
//! `disk` fails and loses power, `timeline` knows what can explain a repetition, `verdict` compares.

mod disk;
mod events;
mod ledger;
mod promises;
mod receiver;
mod script;
mod timeline;
mod verdict;

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use fastrand::Rng;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::disk::{Disk, Fault};
use self::ledger::Ledger;
use self::promises::{EMITTERS, Promises};
use self::timeline::Timeline;
pub use self::verdict::Verdict;
use crate::herald::{self, Herald};

/// How long nothing may change before the harness gives up waiting.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a run goes on.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Decides what is posted and answered, and what happens to Herald; not when, to the microsecond.
    pub seed: u64,
    /// At least so many kills.
    pub cycles: u32,
    /// At least so many acknowledged events.
    pub events: u64,
    /// At least so long.
    pub time: Duration,
}

/// Runs it, and compares.
///
/// # Errors
/// The harness itself cannot work: no C compiler, no binary, no free port. What Herald does wrong is in the verdict.
pub async fn run(plan: Plan) -> anyhow::Result<Verdict> {
    let mut run = Run::prepare(plan).await?;
    let mut herald = run.start().await?;
    if !run.disk.is_in_use() {
        bail!("Herald does not write through the harness' disk: is the binary linked statically?");
    }
    let (told, address) = watch::channel(herald.events());
    let emitters = run.emitters(&address);
    let began = Instant::now();
    let is_enough = |run: &Run| {
        run.verdict.cycles >= plan.cycles
            && run.promises.acknowledged() >= plan.events
            && began.elapsed() >= plan.time
    };
    while !is_enough(&run) && !run.verdict.is_broken {
        herald = run.cycle(herald).await?;
        told.send(herald.events()).context("the emitters are there")?;
    }
    run.promises.end();
    for emitter in emitters {
        emitter.await?;
    }
    run.drain().await;
    run.stop(herald).await;
    // What was finished before an orderly stop is not made again.
    let herald = run.start().await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    run.stop(herald).await;
    Ok(run.judge())
}

struct Run {
    plan: Plan,
    /// Removed at the end, unless something is wrong.
    work: TempDir,
    config: PathBuf,
    disk: Disk,
    chance: Rng,
    promises: Arc<Promises>,
    ledger: Arc<Ledger>,
    timeline: Timeline,
    verdict: Verdict,
}

impl Run {
    async fn prepare(plan: Plan) -> anyhow::Result<Self> {
        let work = tempfile::tempdir()?;
        let config = work.path().join("config");
        let promises = Arc::new(Promises::default());
        let ledger = Arc::new(Ledger::new(plan.seed));
        let address = receiver::start(Arc::clone(&ledger), Arc::clone(&promises)).await?;
        events::write_manifests(&config, &address.to_string())?;
        Ok(Self {
            plan,
            config,
            disk: Disk::new(work.path(), &work.path().join("data"))?,
            work,
            chance: Rng::with_seed(plan.seed),
            promises,
            ledger,
            timeline: Timeline::default(),
            verdict: Verdict { seed: plan.seed, ..Verdict::default() },
        })
    }

    fn emitters(&self, address: &watch::Receiver<String>) -> Vec<JoinHandle<()>> {
        let emit = |emitter| {
            let promises = Arc::clone(&self.promises);
            tokio::spawn(promises::emit(emitter, self.plan.seed, promises, address.clone()))
        };
        (0..EMITTERS).map(emit).collect()
    }

    /// One life of Herald, from some moment after its start to a kill, and the start of the next.
    async fn cycle(&mut self, herald: Herald) -> anyhow::Result<Herald> {
        let share = (self.plan.events / u64::from(self.plan.cycles.max(1))).max(1);
        let begin = self.promises.acknowledged();
        let trouble_at = begin + self.chance.u64(..share);
        let kill_at = begin + self.chance.u64(share / 2..=share + share / 2);

        self.wait_for(trouble_at, &herald).await;
        let outage = match self.chance.u8(..10) {
            0..2 => {
                self.pause(&herald).await;
                None
            }
            2..6 => Some(self.spoil_disk().await?),
            _ => None,
        };
        // A kill in the middle of an outage, or some time after it.
        let outage = match outage {
            Some(since) if self.chance.bool() => {
                self.mend_disk(since)?;
                None
            }
            outage => outage,
        };
        if outage.is_none() {
            self.wait_for(kill_at, &herald).await;
        }
        if self.chance.u8(..16) == 0 && outage.is_none() {
            // For once in order. This is no kill, so nothing that comes twice is explained by it.
            self.stop(herald).await;
        } else {
            herald.kill().await;
            self.killed(outage)?;
            while self.chance.u8(..6) == 0 {
                self.kill_in_start().await?;
            }
        }
        self.start().await
    }

    /// Stops the process for a while, as a host that is suspended or swaps.
    async fn pause(&mut self, herald: &Herald) {
        let since = Instant::now();
        herald.signal("STOP");
        tokio::time::sleep(Duration::from_millis(self.chance.u64(10..2_500))).await;
        herald.signal("CONT");
        self.timeline.stopped(since);
    }

    /// Lets the disk fail, and returns since when.
    async fn spoil_disk(&mut self) -> anyhow::Result<Instant> {
        let since = Instant::now();
        let faults = [Fault::Full, Fault::FullForAll, Fault::NoSync];
        self.disk.set(faults[self.chance.usize(..faults.len())])?;
        tokio::time::sleep(Duration::from_millis(self.chance.u64(10..1_500))).await;
        Ok(since)
    }

    fn mend_disk(&self, since: Instant) -> anyhow::Result<()> {
        self.disk.set(Fault::None)?;
        self.timeline.failed(since);
        Ok(())
    }

    /// Herald is dead; the power may have failed as well.
    fn killed(&mut self, outage: Option<Instant>) -> anyhow::Result<()> {
        self.timeline.killed();
        self.verdict.cycles += 1;
        if let Some(since) = outage {
            self.mend_disk(since)?;
        }
        if self.chance.bool() {
            self.verdict.power_losses.0 += 1;
            self.verdict.power_losses.1 += self.disk.lose_power(&mut self.chance)?;
            Ok(())
        } else {
            self.disk.settle()
        }
    }

    /// Kills it while it starts, reads what the last run left, or makes its first deliveries.
    async fn kill_in_start(&mut self) -> anyhow::Result<()> {
        let mut child = tokio::process::Command::from(self.command())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        tokio::time::sleep(Duration::from_millis(self.chance.u64(..1_000))).await;
        child.kill().await?;
        self.killed(None)
    }

    fn command(&self) -> Command {
        let mut command =
            herald::serve(&self.config, self.disk.journal(), &["--log-level", "warn"]);
        self.disk.lie_under(&mut command);
        command
    }

    async fn start(&mut self) -> anyhow::Result<Herald> {
        match Herald::try_spawn(self.command(), self.disk.journal()).await {
            Ok(herald) => Ok(herald),
            Err(why) => {
                let seed = self.plan.seed;
                let kept = self.keep();
                bail!("Herald does not come back (seed {seed}, files in {kept}): {why}")
            }
        }
    }

    /// Ends it in order.
    async fn stop(&mut self, herald: Herald) {
        let code = herald.stop().await;
        if code != Some(0) {
            self.verdict.object(format!("an orderly stop ended with {code:?}"));
        }
    }

    /// Waits until so many events are acknowledged.
    async fn wait_for(&mut self, acknowledged: u64, herald: &Herald) {
        let end = Instant::now() + PATIENCE;
        while self.promises.acknowledged() < acknowledged {
            if Instant::now() > end {
                let log = herald.log();
                let last: Vec<&str> = log.lines().rev().take(20).collect();
                self.verdict.object(format!("no events are taken any more:\n{}", last.join("\n")));
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until nothing is left to deliver, or nothing goes on.
    async fn drain(&mut self) {
        let began = Instant::now();
        let mut left: Vec<_> = self
            .promises
            .kept()
            .into_iter()
            .flat_map(|number| (0..events::PROVIDERS).map(move |provider| (provider, number)))
            .filter(|&(provider, number)| events::goes_to(events::object(number), provider))
            .collect();
        let mut changed = began;
        while !left.is_empty() && changed.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let before = left.len();
            left.retain(|delivery| !self.ledger.is_over(*delivery));
            if left.len() < before {
                changed = Instant::now();
            }
        }
        self.verdict.drain = began.elapsed();
        // What was sent last must be recorded before an orderly stop can be held to it.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    fn judge(mut self) -> Verdict {
        self.verdict.ambiguous = (
            self.promises.unanswered.load(Ordering::Relaxed),
            self.promises.refused.load(Ordering::Relaxed),
            self.promises.n_open(),
        );
        self.verdict.judge(&self.promises, &self.ledger.facts(), &self.timeline);
        if !self.verdict.is_good() {
            let kept = self.keep();
            self.verdict.notes.push(format!("the journal and the log are in {kept}"));
        }
        self.verdict
    }

    /// Leaves the files for whoever looks into it.
    fn keep(&mut self) -> String {
        self.work.disable_cleanup(true);
        self.work.path().display().to_string()
    }
}
