//! The flags that say which cluster is followed and how, under the names that the peer gives them.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use crate::cli::duration;
use crate::sources::cluster::{ConnectSettings, IdentitySettings, LeaseSettings, Scope, Settings};

/// How a cluster is followed; without effect with --config-dir.
#[derive(Debug, Args)]
#[command(next_help_heading = "In a cluster")]
pub(super) struct ClusterFlags {
    /// A kubeconfig file; without it KUBECONFIG, ~/.kube/config and the pod's ServiceAccount are tried.
    #[arg(long, value_name = "FILE", env = "HERALD_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
    /// The namespace that Herald runs in, where its Lease is; without it that of the pod or the context.
    #[arg(long, value_name = "NAMESPACE", env = "RUNTIME_NAMESPACE")]
    runtime_namespace: Option<String>,
    /// Look at all namespaces; with `=false` at the one that Herald runs in.
    #[arg(long, value_name = "BOOL", env = "HERALD_WATCH_ALL_NAMESPACES", default_value = "true", default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    watch_all_namespaces: bool,
    /// The most requests for single objects a second, such as Secrets.
    #[arg(long, value_name = "NUMBER", env = "HERALD_KUBE_API_QPS", default_value_t = 50.0)]
    kube_api_qps: f64,
    /// The most of them at once.
    #[arg(long, value_name = "NUMBER", env = "HERALD_KUBE_API_BURST", default_value_t = 300)]
    kube_api_burst: u32,
    /// Write statuses only while this process holds the Lease. Events are taken and delivered all the same.
    #[arg(long, value_name = "BOOL", env = "HERALD_ENABLE_LEADER_ELECTION", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    enable_leader_election: bool,
    /// Give the Lease back at the end.
    #[arg(long, value_name = "BOOL", default_value = "true", default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    leader_election_release_on_cancel: bool,
    /// How long others wait for a holder of the Lease that is silent.
    #[arg(long, value_name = "DURATION", default_value = "35s", value_parser = duration::parse)]
    leader_election_lease_duration: Duration,
    /// How long a holder tries to renew the Lease before it gives up.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::parse)]
    leader_election_renew_deadline: Duration,
    /// How long to wait between two tries to get or renew the Lease.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration::parse)]
    leader_election_retry_period: Duration,
}

impl ClusterFlags {
    /// The settings, unless they contradict each other.
    pub(super) fn into_settings(
        self,
        identities: Option<IdentitySettings>,
    ) -> Result<Settings, String> {
        let lease = LeaseSettings {
            duration: self.leader_election_lease_duration,
            renew_deadline: self.leader_election_renew_deadline,
            retry_period: self.leader_election_retry_period,
            release: self.leader_election_release_on_cancel,
        };
        // Otherwise two processes could hold the Lease at the same time, or none for long.
        if lease.duration < Duration::from_secs(1) || lease.duration <= lease.renew_deadline {
            return Err("--leader-election-lease-duration must be longer than --leader-election-renew-deadline, and at least 1s".to_owned());
        }
        if lease.renew_deadline <= lease.retry_period || lease.retry_period.is_zero() {
            return Err("--leader-election-renew-deadline must be longer than --leader-election-retry-period, and that above 0s".to_owned());
        }
        let scope = if self.watch_all_namespaces { Scope::Cluster } else { Scope::OwnNamespace };
        Ok(Settings {
            connect: ConnectSettings {
                kubeconfig: self.kubeconfig,
                namespace: self.runtime_namespace.filter(|namespace| !namespace.is_empty()),
                scope,
            },
            lease: self.enable_leader_election.then_some(lease),
            identities,
            requests_per_second: self.kube_api_qps,
            requests_at_once: f64::from(self.kube_api_burst),
        })
    }
}
