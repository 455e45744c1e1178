//! Installs what ProviderModules ask for: fetches, verifies, has the module taken in, and says what became of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures_util::future::BoxFuture;
use herald_core::provider_module::{
    Failure, Installed, MIN_INTERVAL, Materials, ModuleSource, ProviderModule, RevisionSeen, Signer,
};
use herald_engine::Limits;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::modules::grants::Grant;
use crate::modules::{Admission, Candidate, Modules, RefuseModuleError, Source};
use crate::registry::image::Image;
use crate::registry::keyless::{Keyless, ParseKeylessError};
use crate::registry::login::Login;
use crate::registry::signature::{Key, Trust};
use crate::registry::{Registries, RegistryError};
use crate::sources::cluster::Installer;
use crate::telemetry::report;

/// Installs modules that objects name.
pub(super) struct ModuleObjects {
    modules: Arc<Modules>,
    admission: Admission,
    registries: Registries,
    known: Mutex<BTreeMap<String, Known>>,
    /// What was asked for last, where that is told as a whole.
    kept: Mutex<BTreeSet<String>>,
}

/// What a source had.
enum Fetched {
    /// What was taken in already.
    Same,
    /// A component, and the digest of the artifact that it came from.
    New(Option<String>, Vec<u8>),
}

/// What was done last for an object.
struct Known {
    wish: ProviderModule,
    materials: Materials,
    at: Instant,
    /// The artifact that its module came from.
    artifact: Option<String>,
    failure: Option<Failure>,
}

impl Known {
    /// Whether what failed may go better without a change of the object.
    fn may_pass(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| !failure.is_final)
    }
}

impl ModuleObjects {
    pub(super) fn new(modules: Arc<Modules>, admission: Admission, registries: Registries) -> Self {
        Self { modules, admission, registries, known: Mutex::default(), kept: Mutex::default() }
    }

    /// The modules that it installs into.
    pub(super) fn modules(&self) -> Arc<Modules> {
        Arc::clone(&self.modules)
    }

    /// What no object of these names asks for serves no longer.
    pub(super) async fn keep_only(&self, names: impl Iterator<Item = &str>) {
        let names: BTreeSet<String> = names.map(str::to_owned).collect();
        let gone: Vec<String> =
            self.known().keys().filter(|name| !names.contains(*name)).cloned().collect();
        *self.kept() = names;
        for name in gone {
            self.remove(name).await;
        }
    }

    /// Asks the sources again whose time has come, until `ending`.
    pub(super) async fn ask_again(self: Arc<Self>, ending: CancellationToken) {
        loop {
            tokio::select! {
                () = ending.cancelled() => return,
                () = tokio::time::sleep(MIN_INTERVAL) => {}
            }
            let due: Vec<(ProviderModule, Materials)> = self
                .known()
                .values()
                .filter(|known| known.at.elapsed() >= known.wish.interval || known.may_pass())
                .map(|known| (known.wish.clone(), known.materials.clone()))
                .collect();
            for (wish, materials) in due {
                self.ask_once_more(wish, materials).await;
            }
        }
    }

    async fn ask_once_more(&self, wish: ProviderModule, materials: Materials) {
        let name = wish.name.clone();
        let failure = self.go(wish, materials).await.failure;
        let is_kept = self.kept().contains(&name);
        if !is_kept {
            // It went meanwhile, and what was under way for it has brought it back.
            self.remove(name).await;
        } else if let Some(failure) = failure {
            tracing::error!("ProviderModule {name}: {}", failure.message);
        }
    }

    async fn go(&self, wish: ProviderModule, materials: Materials) -> Installed {
        let source = source(&wish.name);
        if let Some(before) = self.forget_old_type(&wish) {
            self.withdraw(&before, &source).await;
        }
        if !self.is_settled(&wish, &materials) {
            // Before it serves, so that nobody else ever finds it.
            self.modules.allow(&wish.kind, &wish.namespaces);
            self.modules.recall(&wish.kind, &source, &self.admission).await;
            let taken = self.take(&wish, &materials, &source).await;
            let (artifact, failure) = match taken {
                Ok(artifact) => (artifact, None),
                // What it came from before still serves.
                Err(failure) => (self.artifact(&wish.name), Some(failure)),
            };
            let known =
                Known { wish: wish.clone(), materials, at: Instant::now(), artifact, failure };
            self.known().insert(wish.name.clone(), known);
        }
        self.seen(&wish, &source)
    }

    /// Whether what is wished was done and it is not yet time to ask its source again.
    fn is_settled(&self, wish: &ProviderModule, materials: &Materials) -> bool {
        self.known().get(&wish.name).is_some_and(|known| {
            !known.may_pass()
                && known.wish == *wish
                && known.materials == *materials
                && known.at.elapsed() < wish.interval
        })
    }

    /// The type that an object served before, if it is another one now.
    fn forget_old_type(&self, wish: &ProviderModule) -> Option<String> {
        let mut known = self.known();
        let old = known.get(&wish.name).map(|known| known.wish.kind.clone());
        let old = old.filter(|old| *old != wish.kind)?;
        known.remove(&wish.name);
        Some(old)
    }

    fn artifact(&self, name: &str) -> Option<String> {
        self.known().get(name).and_then(|known| known.artifact.clone())
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.kept.lock().expect("no holder of this lock panics")
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().expect("no holder of this lock panics")
    }

    /// Fetches and takes in what is wished. Returns the digest of the artifact that it came from.
    async fn take(
        &self,
        wish: &ProviderModule,
        materials: &Materials,
        source: &Source,
    ) -> Result<Option<String>, Failure> {
        let grants =
            wish.grants.iter().map(|grant| grant.parse::<Grant>()).collect::<Result<_, _>>();
        let grants = grants.map_err(|err| lasting("InvalidSpec", format!("spec.grants: {err}")))?;
        let Fetched::New(artifact, wasm) = self.fetch(wish, materials).await? else {
            return Ok(self.artifact(&wish.name));
        };
        let candidate = Candidate {
            kind: wish.kind.clone(),
            wasm,
            source: source.clone(),
            grants,
            other_file: false,
            digest: wish.digest.clone(),
            limits: Limits { memory_bytes: wish.memory_bytes, running: wish.running },
        };
        let loaded = self.admission.admit(candidate).await.map_err(|err| refused(&err))?;
        self.modules.offer(loaded, wish.rollout);
        Ok(artifact)
    }

    async fn fetch(
        &self,
        wish: &ProviderModule,
        materials: &Materials,
    ) -> Result<Fetched, Failure> {
        let (reference, signer) = match (&wish.source, &materials.component) {
            (ModuleSource::Object, Some(_)) if self.came_from(wish, materials, None) => {
                return Ok(Fetched::Same);
            }
            (ModuleSource::Object, Some(component)) => {
                return Ok(Fetched::New(None, component.clone()));
            }
            (ModuleSource::Object, None) => {
                return Err(lasting("InvalidSpec", "spec.source holds no module".to_owned()));
            }
            (ModuleSource::Oci { reference, signer }, _) => (reference, signer),
        };
        let image: Image = reference.parse().map_err(|err| {
            lasting("InvalidSpec", format!("spec.source.oci.reference: {}", report(&err)))
        })?;
        let login = match &materials.logins {
            Some(json) => Login::parse(json).map_err(|err| {
                passing("PullSecretInvalid", format!("the pull secret {}", report(&err)))
            })?,
            None => Login::default(),
        };
        let login = login.trusting(materials.ca.clone());
        let digest = self.registries.resolve(&image, &login).await.map_err(|err| fetched(&err))?;
        if self.came_from(wish, materials, Some(&digest)) {
            return Ok(Fetched::Same);
        }
        // What is verified is what is pulled, whatever the tag stands for a moment later.
        let pinned = image.at(&digest);
        if let Some(trust) = trust(signer, materials)? {
            let verified = self.registries.verify(&image, &digest, &login, &trust).await;
            verified.map_err(|err| fetched(&err))?;
        }
        let artifact = self.registries.pull(&pinned, &login).await.map_err(|err| fetched(&err))?;
        Ok(Fetched::New(Some(digest), artifact.wasm))
    }

    /// Whether the same was done before, with this artifact if it is one, and went well.
    fn came_from(
        &self,
        wish: &ProviderModule,
        materials: &Materials,
        artifact: Option<&str>,
    ) -> bool {
        self.known().get(&wish.name).is_some_and(|known| {
            known.failure.is_none()
                && known.wish == *wish
                && known.materials == *materials
                && known.artifact.as_deref() == artifact
        })
    }

    /// What there is to see of an object now.
    fn seen(&self, wish: &ProviderModule, source: &Source) -> Installed {
        let revisions = self.modules.revisions_of(&wish.kind);
        let known = self.known();
        let known = known.get(&wish.name);
        let mut installed = Installed {
            failure: known.and_then(|known| known.failure.clone()),
            artifact: known.and_then(|known| known.artifact.clone()),
            ..Installed::default()
        };
        if let Some(newest) = revisions.iter().find(|one| one.source == *source) {
            installed.asks.clone_from(&newest.asks);
            installed.last_trap.clone_from(&newest.last_trap);
            if newest.state == "rolled-back" && installed.failure.is_none() {
                let message = format!("{}: {}", newest.digest, newest.reason);
                installed.failure = Some(lasting("RolledBack", message));
            }
        }
        installed.revisions = revisions
            .into_iter()
            .map(|one| RevisionSeen {
                digest: one.digest,
                state: one.state.to_owned(),
                since: one.since,
                reason: one.reason,
            })
            .collect();
        installed
    }

    async fn withdraw(&self, kind: &str, source: &Source) {
        self.modules.allow(kind, &[]);
        match self.modules.withdraw(kind, source).await {
            Ok(_) => tracing::info!(kind, "{} is gone", source.name()),
            Err(err) => tracing::error!("{}", report(&err)),
        }
    }
}

impl Installer for ModuleObjects {
    fn install(&self, wish: ProviderModule, materials: Materials) -> BoxFuture<'_, Installed> {
        Box::pin(self.go(wish, materials))
    }

    fn remove(&self, name: String) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let known = self.known().remove(&name);
            if let Some(known) = known {
                self.withdraw(&known.wish.kind, &source(&name)).await;
            }
        })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.modules.subscribe()
    }
}

fn source(name: &str) -> Source {
    Source::Object { name: name.to_owned() }
}

fn lasting(reason: &'static str, message: String) -> Failure {
    Failure { reason, message, is_final: true }
}

fn passing(reason: &'static str, message: String) -> Failure {
    Failure { reason, message, is_final: false }
}

/// Whose signature an artifact must have, if it must have one.
fn trust(signer: &Signer, materials: &Materials) -> Result<Option<Trust>, Failure> {
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    match signer {
        Signer::Anybody => Ok(None),
        Signer::Key => match Key::parse(&given(&materials.key)) {
            Ok(key) => Ok(Some(Trust::Key(key))),
            Err(err) => Err(passing("KeyInvalid", format!("cosign.pub {}", report(&err)))),
        },
        Signer::Keyless(identities) => {
            let (fulcio, rekor) = (given(&materials.fulcio), given(&materials.rekor));
            match Keyless::parse(&fulcio, &rekor, identities) {
                Ok(keyless) => Ok(Some(Trust::Keyless(Box::new(keyless)))),
                Err(err @ (ParseKeylessError::Authorities(_) | ParseKeylessError::Log(_))) => {
                    Err(passing("TrustRootInvalid", report(&err)))
                }
                Err(err) => Err(lasting("InvalidSpec", report(&err))),
            }
        }
    }
}

fn fetched(err: &RegistryError) -> Failure {
    let reason = match err {
        RegistryError::NotFound(_) => "ArtifactNotFound",
        RegistryError::Refused(_) => "RegistryRefused",
        RegistryError::Unreachable { .. } => "RegistryUnreachable",
        RegistryError::NoModule { .. } => "NotAModule",
        RegistryError::Signature { .. } => "SignatureInvalid",
    };
    passing(reason, report(err))
}

fn refused(err: &RefuseModuleError) -> Failure {
    let reason = match err {
        RefuseModuleError::Read(_) | RefuseModuleError::TooLarge => "ReadFailed",
        RefuseModuleError::Name => "InvalidSpec",
        RefuseModuleError::Digest { .. } => "DigestMismatch",
        RefuseModuleError::Compile(_) => "CompileFailed",
        RefuseModuleError::Load(_) => "LoadFailed",
        RefuseModuleError::NotGranted { .. } => "NotGranted",
        RefuseModuleError::Cases(_) => "CasesFailed",
        RefuseModuleError::Leaks(_) => "LeaksSecrets",
    };
    lasting(reason, report(err))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::modules::compiler::CompileLimits;

    /// It is never taken in, as what it is granted does not exist; it is known all the same.
    fn wish() -> ProviderModule {
        ProviderModule {
            name: "ntfy".to_owned(),
            kind: "ntfy".to_owned(),
            source: ModuleSource::Object,
            digest: None,
            grants: vec!["everything".to_owned()],
            rollout: herald_core::rollout::Rollout::default(),
            namespaces: Vec::new(),
            interval: Duration::from_secs(60),
            memory_bytes: None,
            running: None,
        }
    }

    #[tokio::test]
    async fn what_went_while_its_source_was_asked_again_does_not_come_back() {
        let engine = crate::modules::engine().unwrap();
        let limits = CompileLimits { memory_mib: 1, cpu_seconds: 1 };
        let objects = ModuleObjects::new(
            Arc::new(Modules::new(engine.clone())),
            Admission::new(engine, limits),
            Registries::new(BTreeSet::new(), 1),
        );
        let names = || objects.known().keys().cloned().collect::<Vec<_>>();

        objects.keep_only(["ntfy"].into_iter()).await;
        objects.install(wish(), Materials::default()).await;
        objects.ask_once_more(wish(), Materials::default()).await;
        assert_eq!(names(), ["ntfy"]);

        objects.keep_only([].into_iter()).await;
        // Its turn came before that, and ends after it.
        objects.ask_once_more(wish(), Materials::default()).await;
        assert!(names().is_empty(), "{:?}", names());
    }
}
