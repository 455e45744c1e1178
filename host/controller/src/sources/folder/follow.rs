//! Follows a folder while the process runs: watches it, waits until writers are done, reads it again.
//!
//! It must not know how a folder is read. Watching only saves time: network file systems and some mounts tell nothing, so
//! the folder is looked at every few seconds anyway.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Folder;
use crate::sources::Loaded;

/// How long nothing must happen before the folder is read: an editor writes in several steps.
const QUIET: Duration = Duration::from_millis(100);
/// How long it may go on happening.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// How often the folder is looked at though nothing was heard.
const POLL: Duration = Duration::from_secs(2);

impl Folder {
    /// Hands every change of the folder to `on_change` until `ending`, one after the other.
    ///
    /// The folder is read again only when `on_change` is done with what came before.
    pub async fn follow<F>(
        mut self,
        ending: CancellationToken,
        mut on_change: impl FnMut(Loaded) -> F,
    ) where
        F: Future<Output = ()>,
    {
        let nudge = Arc::new(Notify::new());
        // The watcher works as long as it lives.
        let _watcher = watch(&self.dir, Arc::clone(&nudge));
        let mut kept = BTreeSet::new();
        loop {
            tokio::select! {
                () = ending.cancelled() => return,
                () = nudge.notified() => settle(&nudge).await,
                () = sleep(POLL) => {}
            }
            // Files are read on a thread for that, as a slow disk must not hold up deliveries.
            let read = tokio::task::spawn_blocking(move || {
                let loaded = self.reread();
                (self, loaded)
            });
            let loaded;
            (self, loaded) = match read.await {
                Ok(read) => read,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The runtime is shutting down.
                    Err(_) => return,
                },
            };
            if let Some(loaded) = loaded {
                self.log_kept(&mut kept);
                on_change(loaded).await;
            }
        }
    }

    /// Tells once of each file whose objects are older than its text.
    fn log_kept(&self, told: &mut BTreeSet<String>) {
        let kept: BTreeSet<String> = self.kept().map(str::to_owned).collect();
        for file in kept.difference(told) {
            tracing::error!("keeping the last good objects of {file} until it is corrected");
        }
        *told = kept;
    }
}

/// Waits until nothing was heard for a while.
async fn settle(nudge: &Notify) {
    let deadline = Instant::now() + LONGEST_WAIT;
    while Instant::now() < deadline && timeout(QUIET, nudge.notified()).await.is_ok() {}
}

/// Watches the folder and everything in it; none when the system does not let us.
fn watch(dir: &Path, nudge: Arc<Notify>) -> Option<RecommendedWatcher> {
    let on_event = move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !is_access(event.kind)) {
            nudge.notify_one();
        }
    };
    let watcher = notify::recommended_watcher(on_event).and_then(|mut watcher| {
        watcher.watch(dir, RecursiveMode::Recursive)?;
        Ok(watcher)
    });
    match watcher {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(
                dir = %dir.display(),
                error = %error,
                "cannot watch the folder, so changes are seen up to {POLL:?} later",
            );
            None
        }
    }
}

/// Whether a file was only looked at, as this source does itself.
fn is_access(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}
