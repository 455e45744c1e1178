//! The time by which deliveries are made: the system's, or in tests one that moves only when it is told to.
//!
//! It must not know what is waited for.

#[cfg(test)]
pub(crate) mod manual;

use std::time::Duration;

use jiff::Timestamp;

/// A sleep looks at the clock at least so often: the system's clock may be set, and stands on while a machine sleeps.
const LOOK: Duration = Duration::from_secs(30);

/// Where the time comes from. Clones are the same clock.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    #[cfg(test)]
    manual: Option<std::sync::Arc<manual::Manual>>,
}

impl Clock {
    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        #[cfg(test)]
        if let Some(manual) = &self.manual {
            return manual.now();
        }
        Timestamp::now()
    }

    /// Waits until this time has come.
    pub async fn sleep_until(&self, time: Timestamp) {
        #[cfg(test)]
        if let Some(manual) = &self.manual {
            return manual.sleep_until(time).await;
        }
        loop {
            // Nothing is left to wait for when it is negative.
            let left = Duration::try_from(time.duration_since(self.now())).unwrap_or_default();
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LOOK)).await;
        }
    }
}
