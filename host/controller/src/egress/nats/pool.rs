//! Connections that wait for the next message of their Provider.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use herald_core::provider::Provider;
use tokio::time::Instant;

use super::connection::Connection;

/// How long an idle connection is kept; a server ends those that leave two of its pings unanswered, four minutes.
const IDLE: Duration = Duration::from_secs(90);
/// The most idle connections of all Providers together.
const MAX_IDLE: usize = 256;

/// Whose connections they are: after a change of the Provider or of its Secret they are another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    uid: String,
    generation: u64,
}

impl Owner {
    pub(super) fn of(provider: &Provider) -> Self {
        Self { uid: provider.uid.clone(), generation: provider.generation }
    }
}

/// The connections that wait, the one that waits longest first.
#[derive(Default)]
pub(super) struct Pool {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    idle: Vec<Idle>,
    /// Whether a task looks for those that wait too long.
    is_swept: bool,
}

struct Idle {
    owner: Owner,
    since: Instant,
    connection: Connection,
}

impl Pool {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    /// The connection that was used last.
    pub(super) fn take(&self, owner: &Owner) -> Option<Connection> {
        let mut state = self.state();
        let at = state.idle.iter().rposition(|idle| idle.owner == *owner)?;
        let idle = state.idle.remove(at);
        (idle.since.elapsed() < IDLE).then_some(idle.connection)
    }

    /// Keeps a connection for the next message, unless its server is about to end.
    pub(super) fn keep(self: &Arc<Self>, owner: &Owner, connection: Connection) {
        if connection.is_leaving() {
            return;
        }
        let mut state = self.state();
        if state.idle.len() >= MAX_IDLE {
            state.idle.remove(0);
        }
        state.idle.push(Idle { owner: owner.clone(), since: Instant::now(), connection });
        if !std::mem::replace(&mut state.is_swept, true) {
            tokio::spawn(sweep(Arc::clone(self)));
        }
    }

    /// Ends all that wait for this owner.
    pub(super) fn forget(&self, owner: &Owner) {
        self.state().idle.retain(|idle| idle.owner != *owner);
    }

    /// Ends what waits too long; when the next one will have, or none when nothing waits.
    fn next_sweep(&self) -> Option<Instant> {
        let mut state = self.state();
        state.idle.retain(|idle| idle.since.elapsed() < IDLE);
        let next = state.idle.first().map(|idle| idle.since + IDLE);
        state.is_swept = next.is_some();
        next
    }
}

/// Ends idle connections until there are none.
async fn sweep(pool: Arc<Pool>) {
    while let Some(next) = pool.next_sweep() {
        tokio::time::sleep_until(next).await;
    }
}
