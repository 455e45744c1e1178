//! Tells when a folder changed and whoever writes there is done. It knows nothing of what the files hold.
//!
//! Watching only saves time: network file systems and some mounts tell nothing, so a change is reported every few
//! seconds anyway, and whoever asks compares.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

/// How long nothing must happen before a change is reported: an editor writes in several steps.
const QUIET: Duration = Duration::from_millis(100);
/// How long it may go on happening.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// How often a change is reported though nothing was heard.
const POLL: Duration = Duration::from_secs(2);

/// A folder and everything in it, under watch.
pub(crate) struct FolderWatch {
    nudge: Arc<Notify>,
    /// It works as long as it lives; none when the system does not let us.
    _watcher: Option<RecommendedWatcher>,
}

impl FolderWatch {
    /// Starts to watch.
    pub(crate) fn new(dir: &Path) -> Self {
        let nudge = Arc::new(Notify::new());
        let _watcher = watch(dir, Arc::clone(&nudge));
        Self { nudge, _watcher }
    }

    /// Waits until something may have changed.
    pub(crate) async fn changed(&self) {
        tokio::select! {
            () = self.nudge.notified() => {
                let deadline = Instant::now() + LONGEST_WAIT;
                while Instant::now() < deadline && timeout(QUIET, self.nudge.notified()).await.is_ok() {}
            }
            () = sleep(POLL) => {}
        }
    }
}

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
            tracing::warn!(dir = %dir.display(), %error, "cannot watch the folder, so changes are seen up to {POLL:?} later");
            None
        }
    }
}

/// Whether a file was only looked at, as its reader does.
fn is_access(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}
