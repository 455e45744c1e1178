//! Flags of the peer that mean nothing to Herald. They are accepted, so that a Deployment keeps its arguments, and those
//! that are given are named in a warning.

use clap::Args;

/// Accepted and without effect.
#[derive(Debug, Args)]
#[command(next_help_heading = "Of Flux's notification-controller, accepted and without effect")]
pub(super) struct WithoutEffect {
    /// Herald serves no Receivers.
    #[arg(long = "receiverAddr", value_name = "ADDR", hide = true)]
    receiver_addr: Option<String>,
    /// Nothing is reconciled one by one.
    #[arg(long, value_name = "NUMBER", hide = true)]
    concurrent: Option<String>,
    /// Secrets are watched by name.
    #[arg(long, value_name = "SELECTOR", hide = true)]
    watch_configs_label_selector: Option<String>,
    /// What cannot be read is asked for again within seconds.
    #[arg(long, value_name = "DURATION", hide = true)]
    min_retry_delay: Option<String>,
    /// The same.
    #[arg(long, value_name = "DURATION", hide = true)]
    max_retry_delay: Option<String>,
    /// Tokens are kept for each Provider as long as they are good.
    #[arg(long, value_name = "NUMBER", hide = true)]
    token_cache_max_size: Option<String>,
    /// The same.
    #[arg(long, value_name = "DURATION", hide = true)]
    token_cache_max_duration: Option<String>,
}

impl WithoutEffect {
    /// The names of those that were given.
    pub(super) fn given(&self) -> Vec<String> {
        [
            ("--receiverAddr", &self.receiver_addr),
            ("--concurrent", &self.concurrent),
            ("--watch-configs-label-selector", &self.watch_configs_label_selector),
            ("--min-retry-delay", &self.min_retry_delay),
            ("--max-retry-delay", &self.max_retry_delay),
            ("--token-cache-max-size", &self.token_cache_max_size),
            ("--token-cache-max-duration", &self.token_cache_max_duration),
        ]
        .into_iter()
        .filter(|(_, value)| value.is_some())
        .map(|(name, _)| name.to_owned())
        .collect()
    }
}
