//! The source for a cluster: the Providers, Alerts and Secrets that a Kubernetes API server holds, followed as they change.
//!
//! Kubernetes types live here alone. What an object means is judged by the code that also reads files. It must not know
//! what is done with a catalog, what a module is, or how deliveries are made: it asks a [`Judge`], and is told as an
//! [`Observer`].

mod accounts;
mod budget;
mod connection;
pub mod crds;
mod definitions;
mod deliveries;
mod events;
mod finalizer;
mod follow;
mod labels;
mod lease;
mod mirror;
mod provider_modules;
mod secrets;
mod seen;
mod status;
mod survey;
mod verdict;
mod watches;
mod writer;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use herald_core::alert::Alert;
use herald_core::provider::Provider;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::accounts::Accounts;
use self::budget::Budget;
use self::deliveries::Deliveries;
use self::follow::{Given, Statuses};
use crate::catalog::{CatalogStore, LabelReader, ProviderKey};
use crate::notices::Observer;
use crate::service_accounts::ServiceAccounts;
use crate::telemetry::report;
pub use connection::{ConnectError, ConnectSettings, Connection, Scope};
pub use lease::LeaseSettings;
pub use provider_modules::Installer;
pub use survey::{Survey, SurveyError, survey};

/// How statuses are paced, whatever else may be asked of the API server: so many a second, and so many at once.
const STATUSES_PER_SECOND: f64 = 20.0;
const STATUSES_AT_ONCE: f64 = 50.0;
/// The same for Kubernetes events.
const EVENTS_PER_SECOND: f64 = 5.0;
const EVENTS_AT_ONCE: f64 = 50.0;
/// How often it is looked whether the API server is there, and how long that may take.
const PROBE: Duration = Duration::from_secs(5);
const PROBE_TIME: Duration = Duration::from_secs(3);

/// How a cluster is followed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is.
    pub connect: ConnectSettings,
    /// How it is decided which of several processes writes; without it, this one does.
    pub lease: Option<LeaseSettings>,
    /// Whose identities Providers may use; without it none's.
    pub identities: Option<IdentitySettings>,
    /// The most requests for single objects a second.
    pub requests_per_second: f64,
    /// The most of them at once.
    pub requests_at_once: f64,
}

/// Whose identities Providers may use, beside that of the ServiceAccount that they name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentitySettings {
    /// The ServiceAccount of Providers that name none.
    pub default_name: Option<String>,
}

/// What is asked of those who know modules.
pub trait Judge: Send + Sync + 'static {
    /// Has the modules of these types ready before an attempt needs them.
    fn prepare(&self, kinds: BTreeSet<String>) -> BoxFuture<'_, ()>;

    /// What the module of a Provider says of it.
    fn check<'a>(&'a self, provider: &'a Arc<Provider>) -> BoxFuture<'a, Judgement>;

    /// The digest of the module of a type.
    fn revision(&self, kind: &str) -> Option<String>;

    /// What of an Alert makes no sense for what the module of this type is for.
    fn misfits(&self, alert: &Alert, kind: &str) -> Vec<String>;

    /// Tells of every change of a module.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// What a module says of a Provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing is wrong.
    Good,
    /// There is no module for the type.
    UnknownType(String),
    /// Something is wrong.
    Faulty(Vec<String>),
}

/// What is asked of those who know the journal.
pub trait Counts: Send + Sync + 'static {
    /// By Provider, the deliveries that wait and those that were given up.
    fn counts(&self) -> BoxFuture<'_, HashMap<ProviderKey, (i64, i64)>>;
}

/// How it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Whether all Providers and Alerts were seen once.
    pub is_synced: bool,
    /// What of the cluster cannot be seen now, and why. What was seen last goes on working.
    pub lost: Option<String>,
    /// Whether this process writes statuses.
    pub is_leading: bool,
    /// The Providers there are.
    pub n_providers: usize,
    /// The Alerts there are.
    pub n_alerts: usize,
    /// How many of them have a fault.
    pub n_faults: usize,
}

/// A cluster that is not followed yet.
pub struct Cluster {
    connection: Connection,
    lease: Option<LeaseSettings>,
    budget: Arc<Budget>,
    accounts: Option<Accounts>,
    catalog: Arc<CatalogStore>,
    demands: mpsc::UnboundedReceiver<ProviderKey>,
    judge: Arc<dyn Judge>,
    deliveries: Arc<Deliveries>,
    news: mpsc::Sender<events::News>,
    news_to_write: mpsc::Receiver<events::News>,
    state: watch::Sender<State>,
}

impl Cluster {
    /// Prepares to follow a cluster. Nothing is sent yet.
    ///
    /// # Errors
    /// Nothing says where the API server is, or what says it cannot be used.
    pub async fn prepare(
        settings: &Settings,
        judge: Arc<dyn Judge>,
    ) -> Result<(Self, Arc<CatalogStore>), ConnectError> {
        let connection = Connection::prepare(&settings.connect).await?;
        let (catalog, demands) = CatalogStore::on_demand();
        let catalog = Arc::new(catalog);
        let (news, news_to_write) = mpsc::channel(events::WAITING);
        let budget = Arc::new(Budget::new(settings.requests_per_second, settings.requests_at_once));
        let accounts = settings.identities.clone().map(|identities| {
            Accounts::new(connection.clone(), Arc::clone(&budget), identities.default_name)
        });
        let cluster = Self {
            connection,
            lease: settings.lease,
            budget,
            accounts,
            catalog: Arc::clone(&catalog),
            demands,
            deliveries: Arc::new(Deliveries::new(
                Arc::clone(&catalog),
                Arc::clone(&judge),
                news.clone(),
            )),
            judge,
            news,
            news_to_write,
            state: watch::Sender::new(State::default()),
        };
        Ok((cluster, catalog))
    }

    /// Whoever delivers tells this of it.
    #[must_use]
    pub fn observer(&self) -> Arc<dyn Observer> {
        Arc::<Deliveries>::clone(&self.deliveries)
    }

    /// Reads the labels that Alerts select by.
    #[must_use]
    pub fn labels(&self) -> Arc<dyn LabelReader> {
        Arc::new(labels::Labels::new(self.connection.clone(), Arc::clone(&self.budget)))
    }

    /// Speaks for ServiceAccounts; none where Providers may not use them.
    #[must_use]
    pub fn accounts(&self) -> Option<Arc<dyn ServiceAccounts>> {
        self.accounts.clone().map(|accounts| Arc::new(accounts) as Arc<dyn ServiceAccounts>)
    }

    /// How it goes, and every change of that.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Follows the cluster until `ending`, and then gives back what others wait for.
    pub async fn follow(
        self,
        counts: Arc<dyn Counts>,
        installer: Arc<dyn Installer>,
        ending: CancellationToken,
    ) {
        let (desired, statuses_to_write) = mpsc::unbounded_channel();
        let (written, written_back) = mpsc::unbounded_channel();
        let (leading, is_leading) = watch::channel(false);
        let (probed, last_probe) = watch::channel(None);
        let statuses = Statuses::new(
            self.connection.clone(),
            desired,
            self.news,
            counts,
            Arc::clone(&self.judge),
        );
        let budget = |per_second, at_once| Arc::new(Budget::new(per_second, at_once));
        let writing = tokio::spawn(writer::write(
            self.connection.clone(),
            budget(STATUSES_PER_SECOND, STATUSES_AT_ONCE),
            statuses_to_write,
            written,
        ));
        let recording = tokio::spawn(events::record(
            self.connection.clone(),
            budget(EVENTS_PER_SECOND, EVENTS_AT_ONCE),
            self.news_to_write,
        ));
        let probing = tokio::spawn(probe(self.connection.clone(), probed));
        let showing = tokio::spawn(show_leading(is_leading.clone(), self.state.clone()));
        let installing = tokio::spawn(provider_modules::follow(
            self.connection.client.clone(),
            installer,
            is_leading.clone(),
            ending.clone(),
        ));
        let given = Given {
            connection: self.connection.clone(),
            budget: self.budget,
            catalog: self.catalog,
            demands: self.demands,
            judge: self.judge,
            accounts: self.accounts,
            statuses,
            deliveries: self.deliveries,
            leading: is_leading,
            written: written_back,
            probed: last_probe,
            state: self.state,
        };
        let following = follow::follow(given, ending.clone());
        match self.lease {
            Some(lease) => {
                let campaign = lease::campaign(self.connection, lease, leading, ending);
                tokio::join!(following, campaign);
            }
            None => {
                leading.send_replace(true);
                following.await;
            }
        }
        for task in [writing, recording, probing, showing, installing] {
            task.abort();
        }
    }
}

/// Looks from time to time whether the API server is there: a watch tells nothing while nothing happens.
async fn probe(connection: Connection, probed: watch::Sender<Option<String>>) {
    loop {
        let answer = match timeout(PROBE_TIME, connection.client.apiserver_version()).await {
            // Any answer is one, also that this is not to be seen.
            Ok(Ok(_) | Err(kube::Error::Api(_))) => None,
            Ok(Err(err)) => Some(format!("the API server cannot be reached: {}", report(&err))),
            Err(_) => Some(format!("the API server does not answer within {PROBE_TIME:?}")),
        };
        probed.send_if_modified(|known| {
            let has_changed = known.is_some() != answer.is_some();
            if has_changed {
                match &answer {
                    Some(reason) => tracing::error!("{reason}; what was seen last goes on working"),
                    None => tracing::info!("the API server answers again"),
                }
            }
            std::mem::replace(known, answer.clone()) != answer
        });
        tokio::time::sleep(PROBE).await;
    }
}

async fn show_leading(mut leading: watch::Receiver<bool>, state: watch::Sender<State>) {
    loop {
        let is_leading = *leading.borrow_and_update();
        state.send_if_modified(|state| {
            std::mem::replace(&mut state.is_leading, is_leading) != is_leading
        });
        if leading.changed().await.is_err() {
            return;
        }
    }
}
