//! Follows ProviderModules: each is handed to whoever installs modules when it is new, when it changed, and from time to
//! time, and is told in its status what became of it.
//!
//! It must not know how a module is fetched or loaded: it asks an [`Installer`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, pin_mut};
use herald_core::provider_module::{
    Failure, Installed, Materials, ModuleSource, ProviderModule as Wish,
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt as _};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::crds::{
    Condition, KeyReference, ObjectReference, ProviderModule, ProviderModuleStatus, RevisionStatus,
};
use crate::telemetry::report;

/// How many are worked on at a time: a registry that hangs must not hold up the others.
const AT_ONCE: usize = 4;
/// How soon what failed for a reason that may pass is tried again.
const AGAIN: Duration = Duration::from_secs(30);
/// Who writes the statuses.
const MANAGER: &str = "herald";
/// The longest text of a condition that the API server takes.
const MAX_MESSAGE: usize = 4096;

/// Whoever installs modules.
pub trait Installer: Send + Sync + 'static {
    /// Has a module serve its type, or says why it does not.
    fn install(&self, wish: Wish, materials: Materials) -> BoxFuture<'_, Installed>;

    /// What this object installed serves no longer.
    fn remove(&self, name: String) -> BoxFuture<'_, ()>;

    /// Tells of every change of what serves, as one that is rolled back has another status.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// Follows them until `ending`.
pub(super) async fn follow(
    client: Client,
    installer: Arc<dyn Installer>,
    leading: watch::Receiver<bool>,
    ending: CancellationToken,
) {
    let api: Api<ProviderModule> = Api::all(client.clone());
    let events = watcher(api, watcher::Config::default());
    pin_mut!(events);
    let mut changes = installer.changes();
    let work = Arc::new(Work { client, installer, leading });
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    let mut listed: Option<Vec<String>> = None;
    let mut running: JoinSet<(String, i64, Duration)> = JoinSet::new();
    let mut told = false;
    loop {
        // One that is worked on is not begun a second time.
        let now = Instant::now();
        for (name, one) in &mut known {
            if one.due <= now && !one.is_running && running.len() < AT_ONCE {
                (one.is_running, one.begun) = (true, now);
                let (work, object, name) = (Arc::clone(&work), one.object.clone(), name.clone());
                running.spawn(async move {
                    let generation = object.metadata.generation.unwrap_or(0);
                    (name, generation, work.reconcile(&object).await)
                });
            }
        }
        let next = known.values().filter(|one| !one.is_running).map(|one| one.due).min();
        let next = next.unwrap_or_else(|| now + AGAIN).max(now + Duration::from_millis(20));
        tokio::select! {
            () = ending.cancelled() => return,
            () = sleep_until(next) => {}
            Ok(()) = changes.changed() => {
                for one in known.values_mut() {
                    one.due = Instant::now();
                }
            }
            Some(done) = running.join_next() => {
                let Ok((name, generation, again)) = done else { continue };
                if known.get(&name).is_some_and(|one| one.is_gone) {
                    // What was being done for it may have brought back what its end took away.
                    known.remove(&name);
                    work.installer.remove(name).await;
                } else if let Some(one) = known.get_mut(&name) {
                    one.is_running = false;
                    let changed = one.object.metadata.generation.unwrap_or(0) != generation;
                    // A change of what serves may have come meanwhile.
                    let asked_for = one.due > one.begun || changed;
                    one.due = if asked_for { Instant::now() } else { Instant::now() + again };
                }
            }
            event = events.next() => match event {
                Some(Ok(event)) => {
                    told = false;
                    take(event, &mut known, &mut listed, &work).await;
                }
                Some(Err(err)) => {
                    if !told {
                        tracing::warn!("{}", cannot_follow(&err));
                        told = true;
                    }
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
                None => return,
            },
        }
    }
}

/// Why they are not followed, and what to do.
fn cannot_follow(err: &watcher::Error) -> String {
    let is_forbidden = match err {
        watcher::Error::InitialListFailed(err)
        | watcher::Error::WatchStartFailed(err)
        | watcher::Error::WatchFailed(err) => {
            matches!(err, kube::Error::Api(status) if status.code == 403)
        }
        watcher::Error::WatchError(status) => status.code == 403,
        watcher::Error::NoResourceVersion => false,
    };
    if is_forbidden {
        // As where one namespace is followed alone: its Role cannot give a right to objects of the cluster.
        "ProviderModules are not followed: they are of the cluster, and this ServiceAccount may not list and watch them. \
         Bind a ClusterRole with the rules for herald.dev to it, and let it get the Secrets and ConfigMaps that they name; \
         or take modules from a folder with --modules-dir"
            .to_owned()
    } else {
        format!("ProviderModules cannot be followed now: {}", report(err))
    }
}

/// One object, and when it is looked at again.
struct Known {
    object: ProviderModule,
    due: Instant,
    begun: Instant,
    is_running: bool,
    /// It was deleted while it was worked on.
    is_gone: bool,
}

/// Forgets an object that was deleted; one that is worked on once that has ended.
fn forget(known: &mut BTreeMap<String, Known>, name: &str) {
    match known.get_mut(name) {
        Some(one) if one.is_running => one.is_gone = true,
        Some(_) | None => drop(known.remove(name)),
    }
}

async fn take(
    event: Event<ProviderModule>,
    known: &mut BTreeMap<String, Known>,
    listed: &mut Option<Vec<String>>,
    work: &Work,
) {
    match event {
        Event::Init => *listed = Some(Vec::new()),
        Event::InitApply(object) | Event::Apply(object) => {
            let name = object.name_any();
            if let Some(listed) = listed {
                listed.push(name.clone());
            }
            let due = Instant::now();
            match known.get_mut(&name) {
                // A status, mostly our own, changes nothing.
                Some(one)
                    if one.object.metadata.generation == object.metadata.generation
                        && one.object.metadata.uid == object.metadata.uid =>
                {
                    one.object = object;
                }
                Some(one) => (one.object, one.due, one.is_gone) = (object, due, false),
                None => {
                    let (is_running, is_gone) = (false, false);
                    let one = Known { object, due, begun: due, is_running, is_gone };
                    known.insert(name, one);
                }
            }
        }
        Event::InitDone => {
            let there = listed.take().unwrap_or_default();
            let gone: Vec<String> =
                known.keys().filter(|name| !there.contains(name)).cloned().collect();
            for name in gone {
                forget(known, &name);
                work.installer.remove(name).await;
            }
        }
        Event::Delete(object) => {
            let name = object.name_any();
            forget(known, &name);
            work.installer.remove(name).await;
        }
    }
}

struct Work {
    client: Client,
    installer: Arc<dyn Installer>,
    leading: watch::Receiver<bool>,
}

impl Work {
    /// Does for an object what there is to do. Returns when to look again.
    async fn reconcile(&self, object: &ProviderModule) -> Duration {
        let name = object.name_any();
        let (installed, again) = match object.spec.wish(&name) {
            Ok(wish) => {
                let interval = wish.interval;
                let installed = match self.materials(object, &wish).await {
                    Ok(materials) => self.installer.install(wish, materials).await,
                    Err(failure) => Installed::failed(failure),
                };
                let passes = installed.failure.as_ref().is_some_and(|failure| !failure.is_final);
                (installed, if passes { interval.min(AGAIN) } else { interval })
            }
            Err(err) => {
                let (reason, message) = ("InvalidSpec", err.to_string());
                let failure = Failure { reason, message, is_final: true };
                (Installed::failed(failure), Duration::from_secs(3600))
            }
        };
        if let Some(failure) = &installed.failure {
            tracing::error!("ProviderModule {name}: {}: {}", failure.reason, failure.message);
        }
        if *self.leading.borrow()
            && let Err(err) = self.write(object, &installed).await
        {
            tracing::warn!(
                "the status of ProviderModule {name} cannot be written: {}",
                report(&err)
            );
            return AGAIN;
        }
        again
    }

    /// What its source needs or holds.
    async fn materials(&self, object: &ProviderModule, wish: &Wish) -> Result<Materials, Failure> {
        let mut materials = Materials::default();
        match (&wish.source, &object.spec.source.oci, &object.spec.source.config_map) {
            (ModuleSource::Oci { .. }, Some(oci), _) => {
                for (reference, key, place) in oci.secrets(&mut materials) {
                    *place = Some(self.secret(reference, key).await?);
                }
            }
            (_, _, Some(reference)) => {
                materials.component = Some(self.config_map(reference).await?);
            }
            (_, _, None) => {}
        }
        Ok(materials)
    }

    async fn secret(&self, at: &ObjectReference, key: &str) -> Result<String, Failure> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &at.namespace);
        let name = format!("Secret {}/{}", at.namespace, at.name);
        let secret = api.get_opt(&at.name).await.map_err(|err| unreadable(&name, &err))?;
        let secret = secret.ok_or_else(|| missing(format!("{name} does not exist; create it")))?;
        let value = secret.data.unwrap_or_default().remove(key);
        let value = value.ok_or_else(|| missing(format!("{name} has no key {key}; add it")))?;
        String::from_utf8(value.0).map_err(|_| missing(format!("{name}: {key} is no text")))
    }

    async fn config_map(&self, at: &KeyReference) -> Result<Vec<u8>, Failure> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &at.namespace);
        let name = format!("ConfigMap {}/{}", at.namespace, at.name);
        let found = api.get_opt(&at.name).await.map_err(|err| unreadable(&name, &err))?;
        let found = found.ok_or_else(|| missing(format!("{name} does not exist; create it")))?;
        let value = found.binary_data.unwrap_or_default().remove(&at.key);
        let none = || missing(format!("{name} has no key {} in its binaryData; add it", at.key));
        Ok(value.ok_or_else(none)?.0)
    }

    async fn write(&self, object: &ProviderModule, installed: &Installed) -> kube::Result<()> {
        let api: Api<ProviderModule> = Api::all(self.client.clone());
        let status =
            status(object, installed, &Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        if object.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let patch = json!({
            "apiVersion": "herald.dev/v1alpha1",
            "kind": "ProviderModule",
            "metadata": {"name": object.name_any()},
            "status": status,
        });
        let params = PatchParams::apply(MANAGER).force();
        match api.patch_status(&object.name_any(), &params, &Patch::Apply(&patch)).await {
            Ok(_) => Ok(()),
            // It was deleted in the meantime.
            Err(kube::Error::Api(err)) if err.code == 404 => Ok(()),
            Err(err) => Err(err),
        }
    }
}

fn missing(message: String) -> Failure {
    // It may be created at any time.
    Failure { reason: "SourceNotReady", message, is_final: false }
}

fn unreadable(name: &str, err: &kube::Error) -> Failure {
    missing(format!("{name} cannot be read: {}", report(err)))
}

/// What the status says. A condition keeps its time while its status stays.
fn status(object: &ProviderModule, installed: &Installed, now: &str) -> ProviderModuleStatus {
    let before = object.status.clone().unwrap_or_default();
    let generation = object.metadata.generation;
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        let same = before.conditions.iter().find(|old| old.r#type == kind && old.status == status);
        Condition {
            r#type: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: message.chars().take(MAX_MESSAGE).collect(),
            last_transition_time: same
                .map_or_else(|| now.to_owned(), |old| old.last_transition_time.clone()),
            observed_generation: generation,
        }
    };
    let active = installed.revisions.iter().find(|revision| revision.state == "active");
    let mut conditions = Vec::new();
    match &installed.failure {
        None => conditions.push(condition("Ready", "True", "Installed", "the module serves")),
        Some(failure) => {
            conditions.push(condition("Ready", "False", failure.reason, &failure.message));
            let kind = if failure.is_final { "Stalled" } else { "Reconciling" };
            conditions.push(condition(kind, "True", failure.reason, &failure.message));
        }
    }
    ProviderModuleStatus {
        conditions,
        observed_generation: generation,
        active_revision: active.map(|active| active.digest.clone()),
        artifact: installed.artifact.clone(),
        asks: installed.asks.clone(),
        revisions: installed
            .revisions
            .iter()
            .map(|revision| RevisionStatus {
                digest: revision.digest.clone(),
                state: revision.state.clone(),
                since: revision.since.clone(),
                reason: revision.reason.clone(),
            })
            .collect(),
        last_trap: installed.last_trap.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(failure: Option<Failure>) -> Installed {
        Installed { failure, ..Installed::default() }
    }

    #[test]
    fn what_is_deleted_while_it_is_worked_on_is_known_until_that_ends() {
        let object = ProviderModule::new("ntfy", super::super::crds::ProviderModuleSpec::default());
        let due = Instant::now();
        let known = |is_running| {
            let object = object.clone();
            let one = Known { object, due, begun: due, is_running, is_gone: false };
            BTreeMap::from([("ntfy".to_owned(), one)])
        };
        let (mut idle, mut busy) = (known(false), known(true));
        forget(&mut idle, "ntfy");
        forget(&mut busy, "ntfy");
        assert!(idle.is_empty());
        assert!(busy["ntfy"].is_gone, "its end is still to be looked at");
    }

    #[test]
    fn a_status_says_what_stops_it_and_whether_that_may_pass() {
        let mut object =
            ProviderModule::new("ntfy", super::super::crds::ProviderModuleSpec::default());
        object.metadata.generation = Some(3);
        let fails = |is_final| {
            let message = "no".to_owned();
            installed(Some(Failure { reason: "CasesFailed", message, is_final }))
        };
        let kinds = |status: &ProviderModuleStatus| -> Vec<(String, String)> {
            let conditions = status.conditions.iter();
            conditions.map(|one| (one.r#type.clone(), one.status.clone())).collect()
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let first = status(&object, &fails(true), "2026-01-01T00:00:00Z");
        assert_eq!(kinds(&first), [pair("Ready", "False"), pair("Stalled", "True")]);
        object.status = Some(first);
        let second = status(&object, &fails(false), "2026-01-02T00:00:00Z");
        assert_eq!(kinds(&second), [pair("Ready", "False"), pair("Reconciling", "True")]);
        assert_eq!(second.conditions[0].last_transition_time, "2026-01-01T00:00:00Z");
        let third = status(&object, &installed(None), "2026-01-03T00:00:00Z");
        assert_eq!(kinds(&third), [pair("Ready", "True")]);
        assert_eq!(third.conditions[0].last_transition_time, "2026-01-03T00:00:00Z");
        assert_eq!(third.observed_generation, Some(3));
    }
}
