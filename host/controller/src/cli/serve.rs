//! `herald serve`: the flags of the service, checked all at once.

mod cluster;
mod identities;
mod without_effect;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use self::cluster::ClusterFlags;
use self::identities::IdentityFlags;
use self::without_effect::WithoutEffect;

use super::delivery_flags::DeliveryFlags;
use super::growth::GrowthFlags;
use super::modules_dir::ModuleFlags;
use super::{Failed, duration, environment};
use crate::app::{self, Config, ServeError, SourceConfig};
use crate::modules::KEEP_REVISIONS;
use crate::server::ListenAddr;
use crate::telemetry::{self, LogEncoding};

/// Take events and deliver them.
///
/// Follows the Providers, Alerts and Secrets of a cluster, or with --config-dir those in every *.yaml and *.yml file of a
/// folder. An event is answered 202 only after it is on disk; until it is delivered it is tried again, for hours. SIGTERM
/// or Ctrl-C ends the service after the attempts under way; the rest goes on at the next start.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 after a clean stop, 1 when it cannot start or go on, 64 when a flag or a manifest is wrong."
)]
pub(super) struct Serve {
    /// A folder with Provider, Alert and Secret manifests, instead of a cluster.
    #[arg(long, value_name = "DIR", env = "HERALD_CONFIG_DIR")]
    config_dir: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterFlags,
    #[command(flatten)]
    identities: IdentityFlags,
    #[command(flatten)]
    modules: ModuleFlags,
    /// A registry of modules that is asked without TLS, as host or host:port. May be given several times.
    #[arg(
        long,
        value_name = "REGISTRY",
        env = "HERALD_INSECURE_REGISTRIES",
        value_delimiter = ','
    )]
    insecure_registry: Vec<String>,
    /// How many revisions of a module stay loaded besides the one that serves, to go back to.
    #[arg(long, value_name = "NUMBER", env = "HERALD_MODULE_REVISIONS", default_value_t = KEEP_REVISIONS)]
    module_revisions: usize,
    /// The folder of the journal; it is made when it is missing. Back it with a disk that survives a restart.
    #[arg(long, value_name = "DIR", env = "HERALD_DATA_DIR", default_value = "./herald-data")]
    data_dir: PathBuf,
    /// Where events are taken; port 0 picks one, and DATA_DIR/addresses.json says which.
    #[arg(long, value_name = "[HOST]:PORT", env = "HERALD_EVENTS_ADDR", default_value = ":9090")]
    events_addr: ListenAddr,
    /// Where /healthz and /readyz answer.
    #[arg(long, value_name = "[HOST]:PORT", env = "HERALD_HEALTH_ADDR", default_value = ":9440")]
    health_addr: ListenAddr,
    /// Where /metrics answers.
    #[arg(long, value_name = "[HOST]:PORT", env = "HERALD_METRICS_ADDR", default_value = ":8080")]
    metrics_addr: ListenAddr,
    /// How long an identical event is answered 429 instead of being delivered again; 0 turns that off.
    #[arg(long, value_name = "DURATION", env = "HERALD_RATE_LIMIT_INTERVAL", default_value = "5m", value_parser = duration::parse)]
    rate_limit_interval: Duration,
    #[command(flatten)]
    growth: GrowthFlags,
    /// Let Providers reach this machine itself (127.0.0.0/8, ::1). Meant for trying things out.
    #[arg(long, env = "HERALD_ALLOW_LOOPBACK")]
    allow_loopback: bool,
    /// Let Providers reach private addresses (10.0.0.0/8, fc00::/7 and the like), where receivers inside the cluster are.
    #[arg(long, value_name = "BOOL", env = "HERALD_ALLOW_PRIVATE", default_value = "true", default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    allow_private: bool,
    /// Deliver an event only to Alerts in the namespace of its object.
    #[arg(long, value_name = "BOOL", env = "HERALD_NO_CROSS_NAMESPACE_REFS", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    no_cross_namespace_refs: bool,
    /// Tell the paths of posted events apart in the metrics whose names begin with `gotk_`.
    #[arg(long, value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    export_http_path_metrics: bool,
    /// How long attempts under way may go on after SIGTERM.
    #[arg(long, value_name = "DURATION", env = "HERALD_SHUTDOWN_GRACE", default_value = "8s", value_parser = duration::parse)]
    shutdown_grace: Duration,
    /// How log lines are written to standard error.
    #[arg(long, env = "HERALD_LOG_ENCODING", value_enum, default_value_t = Encoding::Text)]
    log_encoding: Encoding,
    /// Which lines are written: error, warn, info, debug or trace, or a filter such as info,herald=debug.
    ///
    /// Of other crates only warnings and errors are written, whatever the level: they may log addresses and headers.
    #[arg(long, value_name = "FILTER", env = "HERALD_LOG_LEVEL", default_value = "info")]
    log_level: String,
    #[command(flatten)]
    deliveries: DeliveryFlags,
    #[command(flatten)]
    without_effect: WithoutEffect,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Encoding {
    #[value(alias = "console")]
    Text,
    Json,
}

impl Serve {
    pub(super) async fn run(self) -> Result<(), Failed> {
        let encoding = match self.log_encoding {
            Encoding::Text => LogEncoding::Text,
            Encoding::Json => LogEncoding::Json,
        };
        telemetry::init(encoding, &self.log_level).map_err(|err| Failed::usage(&err))?;
        let mut without_effect = self.without_effect.given();
        without_effect.extend(self.identities.without_effect());
        if !without_effect.is_empty() {
            tracing::warn!("without effect: {}", without_effect.join(", "));
        }
        let (deliveries, retry) = self.deliveries.read()?;
        let (identities, gke) = self.identities.into_settings().map_err(Failed::Usage)?;
        let source = match self.config_dir {
            Some(dir) => SourceConfig::Folder(dir),
            None => SourceConfig::Cluster(
                self.cluster.into_settings(identities).map_err(Failed::Usage)?,
            ),
        };
        let config = Config {
            source,
            compile_limits: self.modules.limits(),
            insecure_registries: self.insecure_registry.into_iter().collect(),
            modules: self.modules.into_folder(),
            module_revisions: self.module_revisions,
            data_dir: self.data_dir,
            events_addr: self.events_addr,
            health_addr: self.health_addr,
            metrics_addr: self.metrics_addr,
            rate_limit_interval: self.rate_limit_interval,
            paths_in_metrics: self.export_http_path_metrics,
            journal: self.growth.settings(self.rate_limit_interval),
            allow_loopback: self.allow_loopback,
            allow_private: self.allow_private,
            no_cross_namespace_refs: self.no_cross_namespace_refs,
            deliveries,
            retry,
            shutdown_grace: self.shutdown_grace,
            environment: environment::read().in_gke(gke),
        };
        app::serve(config).await.map_err(|err| match err {
            ServeError::Manifests { .. }
            | ServeError::Folder(_)
            | ServeError::Cluster(_)
            | ServeError::ModulesFolder(_)
            | ServeError::ModuleFiles { .. } => Failed::usage(&err),
            ServeError::Engine(_)
            | ServeError::Journal(_)
            | ServeError::Store(_)
            | ServeError::Transport(_)
            | ServeError::Listen(_)
            | ServeError::Addresses { .. }
            | ServeError::Socket(_)
            | ServeError::Threads(_)
            | ServeError::Signals(_) => Failed::run(&err),
        })
    }
}
