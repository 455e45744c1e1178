//! What happens to the revisions of a type while Herald runs: they are taken in, tried, judged, gone back from, pinned and
//! withdrawn. Each of it is one change of the map and is written down in the book.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use herald_core::formatter::{Description, Permission};
use herald_core::rollout::Rollout;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::grants::missing;
use super::lineage::{Lineage, Revision, RevisionError, State};
use super::record::{Record, Verdict};
use super::{Admission, LoadModuleError, Loaded, Modules, Source, built_in, builtin};
use crate::telemetry::report;

impl Modules {
    /// Whom to ask for a delivery, one after the other until one gives an answer.
    pub(crate) fn line(&self, kind: &str, lot: impl FnOnce() -> u64) -> Vec<Arc<Loaded>> {
        let by_type = self.by_type.load();
        let lineage = by_type.get(kind);
        lineage.map(|lineage| lineage.line(lot).cloned().collect()).unwrap_or_default()
    }

    /// The revision that shows what it would send, if one does.
    pub(crate) fn shadow(&self, kind: &str) -> Option<Arc<Loaded>> {
        let by_type = self.by_type.load();
        let candidate = by_type.get(kind)?.candidate()?;
        (candidate.state == State::Shadow).then(|| Arc::clone(&candidate.loaded))
    }

    /// Takes in a module that passed every step. Attempts under way finish on what they took.
    pub(crate) fn offer(&self, loaded: Loaded, rollout: Rollout) {
        let loaded = Arc::new(loaded);
        self.change(&loaded.kind, |lineage| {
            lineage.offer(Arc::clone(&loaded), rollout, Timestamp::now());
        });
        let (kind, digest) = (&loaded.kind, loaded.module.digest());
        let since_compiled_ms = loaded.compiled_at.map(|at| at.elapsed().as_millis());
        match self.state_of(kind, digest) {
            "active" => tracing::info!(kind, digest, since_compiled_ms, "a module is swapped in"),
            state => tracing::info!(kind, digest, state, "a module is taken in"),
        }
    }

    /// Counts how an attempt went for its module, and acts on it.
    pub(crate) fn tell(&self, loaded: &Loaded, verdict: Verdict) {
        loaded.record.count(verdict);
        self.look_at(loaded);
    }

    /// Goes back from a revision that is worse than its predecessor, and moves one on trial on.
    pub(crate) fn look_at(&self, loaded: &Loaded) {
        let (kind, digest) = (loaded.kind.as_str(), loaded.module.digest());
        let by_type = self.by_type.load();
        let Some(lineage) = by_type.get(kind) else { return };
        if let Some(unfit) = lineage.unfit(digest) {
            let reason = unfit.to_string();
            tracing::error!(kind, revision = loaded.module.revision(), "rolled back: {reason}");
            self.change(kind, |lineage| {
                // Another attempt may have seen the same.
                drop(lineage.roll_back(digest, &reason, Timestamp::now()));
            });
            return;
        }
        // Only while one is on trial, as every delivery comes by here.
        if lineage.candidate().is_some() && lineage.clone().advance(Timestamp::now()) {
            self.change(kind, |lineage| {
                lineage.advance(Timestamp::now());
            });
            let state = self.state_of(kind, digest);
            tracing::info!(kind, revision = loaded.module.revision(), state, "a revision went on");
        }
    }

    fn state_of(&self, kind: &str, digest: &str) -> &'static str {
        let by_type = self.by_type.load();
        let revisions = by_type.get(kind).map(Lineage::revisions).unwrap_or_default();
        let found = revisions.iter().find(|revision| revision.loaded.module.digest() == digest);
        found.map_or("unknown", |revision| revision.state.name())
    }

    /// What a source does not offer any more serves no longer: what served before it does, or the built-in module, or
    /// none. Whether that changed what serves.
    ///
    /// # Errors
    /// The built-in module does not load; what serves goes on.
    pub(crate) async fn withdraw(
        &self,
        kind: &str,
        source: &Source,
    ) -> Result<bool, LoadModuleError> {
        let mut after = self.by_type.load().get(kind).cloned().unwrap_or_default();
        let changes = after.withdraw(source, Timestamp::now());
        let stand_in = match built_in(kind) {
            Some(wasm) if after.active().is_none() => {
                Some(Arc::new(self.load_built_in(kind, wasm).await?))
            }
            Some(_) | None => None,
        };
        self.change(kind, |lineage| {
            lineage.withdraw(source, Timestamp::now());
            if let Some(stand_in) = stand_in.as_ref().filter(|_| lineage.active().is_none()) {
                lineage.offer(Arc::clone(stand_in), Rollout::default(), Timestamp::now());
            }
        });
        Ok(changes)
    }

    /// Takes back what an earlier run knew of a type's revisions, before its source offers one. Those of other sources do
    /// not serve.
    pub(crate) async fn recall(&self, kind: &str, source: &Source, admission: &Admission) {
        let entry = self.book.lock().expect("no holder of this lock panics").of(kind).cloned();
        let Some(entry) = entry else { return };
        let mut known = Vec::new();
        for old in entry.revisions {
            let grants = old.grants.iter().filter_map(|grant| grant.parse().ok()).collect();
            let limits = old.limits();
            let module = match (&old.source, built_in(kind)) {
                (Source::BuiltIn, Some(wasm)) if herald_engine::digest(wasm) == old.digest => {
                    self.load_built_in(kind, wasm).await.ok().map(|loaded| loaded.module)
                }
                // One of another version of Herald.
                (Source::BuiltIn, _) => None,
                _ => admission.readmit(&old.digest, &grants, limits).await,
            };
            let Some(module) = module else { continue };
            let state = match old.state {
                // A trial begins anew when its source offers it.
                State::Shadow | State::Canary => continue,
                State::Active | State::Previous | State::Held
                    if old.source != *source && old.source != Source::BuiltIn =>
                {
                    State::Withdrawn
                }
                other => other,
            };
            let record = Record::from(old.tally);
            let loaded = Loaded {
                grants,
                limits,
                record,
                ..Loaded::new(kind.to_owned(), module, old.source)
            };
            known.push(Revision::known(Arc::new(loaded), state, old.since, old.reason));
        }
        self.edit(|by_type| {
            let lineage = by_type.entry(kind.to_owned()).or_default();
            if lineage.revisions().is_empty() {
                known.iter().cloned().for_each(|revision| lineage.recall(revision));
                lineage.recall_pin(entry.pinned.clone());
            }
        });
    }

    /// Goes back from the revision that serves or is on trial, because somebody says so.
    ///
    /// # Errors
    /// There is none to go back to, or the type is pinned.
    pub fn roll_back(&self, kind: &str) -> Result<String, RevisionError> {
        self.ordered(kind, |lineage| {
            let latest =
                lineage.candidate().or(lineage.active()).ok_or(RevisionError::NoneBefore)?;
            let digest = latest.loaded.module.digest().to_owned();
            lineage.roll_back(&digest, "somebody went back from it", Timestamp::now())
        })
    }

    /// Has one revision of a type serve until it is unpinned.
    ///
    /// # Errors
    /// There is no such revision.
    pub fn pin(&self, kind: &str, wanted: &str) -> Result<String, RevisionError> {
        self.ordered(kind, |lineage| {
            let digest = lineage.digest_of(wanted)?;
            lineage.pin(&digest, Timestamp::now());
            Ok(())
        })
    }

    /// Has the newest fit revision of a type serve again.
    ///
    /// # Errors
    /// Never for a type that there is.
    pub fn unpin(&self, kind: &str) -> Result<String, RevisionError> {
        self.ordered(kind, |lineage| {
            lineage.unpin(Timestamp::now());
            Ok(())
        })
    }

    /// Changes a type on somebody's order. Returns the revision that serves then.
    fn ordered(
        &self,
        kind: &str,
        order: impl Fn(&mut Lineage) -> Result<(), RevisionError>,
    ) -> Result<String, RevisionError> {
        let mut tried = self.by_type.load().get(kind).cloned().unwrap_or_default();
        order(&mut tried)?;
        self.change(kind, |lineage| {
            // What went well a moment ago may not any more; then nothing changes, which the answer shows.
            drop(order(lineage));
        });
        Ok(self.get(kind).map_or_else(String::new, |loaded| loaded.module.revision().to_owned()))
    }

    /// The revisions of one type or all, for people and programs.
    #[must_use]
    pub fn history(&self, kind: Option<&str>) -> Value {
        let by_type = self.by_type.load();
        let wanted = by_type.iter().filter(|(name, _)| kind.is_none_or(|kind| kind == **name));
        let types = wanted.map(|(name, lineage)| {
            let revisions: Vec<Value> = lineage.revisions().iter().map(shown).collect();
            json!({"type": name, "pinned": lineage.pinned(), "revisions": revisions})
        });
        types.collect()
    }

    /// The revisions of a type, the newest first.
    pub(crate) fn revisions_of(&self, kind: &str) -> Vec<Seen> {
        let by_type = self.by_type.load();
        let revisions = by_type.get(kind).map(Lineage::revisions).unwrap_or_default();
        revisions
            .iter()
            .map(|revision| {
                let loaded = &revision.loaded;
                let module = &loaded.module;
                Seen {
                    digest: module.digest().to_owned(),
                    source: loaded.source.clone(),
                    state: revision.state.name(),
                    since: revision.since.to_string(),
                    reason: revision.reason.clone(),
                    asks: asks(module.description(), module.permissions()),
                    last_trap: loaded.record.last_trap(),
                }
            })
            .collect()
    }

    /// Providers of which namespaces may use a type; those of all, if none is named.
    pub(crate) fn allow(&self, kind: &str, namespaces: &[String]) {
        let before = self.allowed.load().get(kind).cloned().unwrap_or_default();
        if before == namespaces {
            return;
        }
        self.allowed.rcu(|allowed| {
            let mut allowed = BTreeMap::clone(allowed);
            if namespaces.is_empty() {
                allowed.remove(kind);
            } else {
                allowed.insert(kind.to_owned(), namespaces.to_vec());
            }
            allowed
        });
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Why a Provider of this namespace may not use a type.
    pub(crate) fn forbids(&self, kind: &str, namespace: &str) -> Option<String> {
        let allowed = self.allowed.load();
        let namespaces = allowed.get(kind)?;
        let is_forbidden = !namespaces.iter().any(|allowed| allowed == namespace);
        is_forbidden.then(|| {
            format!(
                "spec.type: the type {kind} is for Providers of the namespaces {} only",
                namespaces.join(", ")
            )
        })
    }

    /// One change of one type: a pointer store, and a line in the book.
    fn change(&self, kind: &str, edit: impl Fn(&mut Lineage)) {
        let before = self.get(kind);
        let keep = self.keep;
        self.edit(|by_type| {
            let lineage = by_type.entry(kind.to_owned()).or_default();
            edit(lineage);
            lineage.trim(keep);
        });
        let same = match (&before, &self.get(kind)) {
            (Some(before), Some(after)) => Arc::ptr_eq(before, after),
            (None, None) => true,
            _ => false,
        };
        if !same {
            self.changes.send_modify(|changes| *changes += 1);
        }
        self.write_down();
    }

    pub(super) fn edit(&self, edit: impl Fn(&mut BTreeMap<String, Lineage>)) {
        self.by_type.rcu(|by_type| {
            let mut by_type = BTreeMap::clone(by_type);
            edit(&mut by_type);
            by_type
        });
    }

    /// Writes the book on a thread for that. The last to write writes what is true then.
    fn write_down(&self) {
        let Some(store) = self.store.clone() else { return };
        let (book, by_type) = (Arc::clone(&self.book), Arc::clone(&self.by_type));
        tokio::task::spawn_blocking(move || {
            let mut book = book.lock().expect("no holder of this lock panics");
            book.update(&by_type.load());
            if let Err(err) = book.write(store.dir()) {
                tracing::error!(
                    "what became of modules is not remembered over a restart: {}",
                    report(&err)
                );
            }
        });
    }

    /// Forgets files and code that no type needs any more. Done at start, when all that is needed is known.
    pub(crate) async fn tidy_up(&self) {
        let Some(store) = &self.store else { return };
        let book = self.book.lock().expect("no holder of this lock panics").digests();
        let serving: BTreeSet<String> = self
            .by_type
            .load()
            .values()
            .flat_map(Lineage::revisions)
            .map(|revision| revision.loaded.module.digest().to_owned())
            .collect();
        let bundled = builtin::MODULES.iter().map(|(_, wasm)| herald_engine::digest(wasm));
        store.keep_only(book.into_iter().chain(serving).chain(bundled).collect()).await;
    }
}

/// A revision, for whoever shows it.
pub(crate) struct Seen {
    pub(crate) digest: String,
    pub(crate) source: Source,
    pub(crate) state: &'static str,
    pub(crate) since: String,
    pub(crate) reason: String,
    pub(crate) asks: Vec<String>,
    pub(crate) last_trap: Option<String>,
}

/// What a module asks for, as one would grant it.
fn asks(description: &Description, permissions: &[Permission]) -> Vec<String> {
    missing(description, permissions, &BTreeSet::new()).iter().map(ToString::to_string).collect()
}

fn shown(revision: &Revision) -> Value {
    let (tally, loaded) = (revision.loaded.record.tally(), &revision.loaded);
    let (shadowed, different) = loaded.record.shadow();
    json!({
        "revision": loaded.module.revision(),
        "digest": loaded.module.digest(),
        "source": loaded.source.name(),
        "state": revision.state.name(),
        "since": revision.since.to_string(),
        "reason": revision.reason,
        "taken": tally.taken,
        "refused": tally.refused,
        "broken": tally.broken,
        "shadowed": shadowed,
        "different": different,
        "differences": loaded.record.samples(),
        "lastTrap": loaded.record.last_trap(),
    })
}
