//! Follows a folder while the process runs: reads it again whenever it may have changed.
//!
//! It must not know how a folder is read.

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;

use super::Folder;
use crate::sources::Loaded;
use crate::watch::FolderWatch;

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
        let watch = FolderWatch::new(&self.dir);
        let mut kept = BTreeSet::new();
        loop {
            tokio::select! {
                () = ending.cancelled() => return,
                () = watch.changed() => {}
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
