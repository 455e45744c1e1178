//! What can be asked of an event and of the object it is about.
//!
//! Kinds are ASCII in Kubernetes, so the tables of Unicode stay out of the modules.

use std::borrow::Cow;

use crate::{Event, ObjectReference};

impl Event {
    /// Whether it reports a failure; every other severity is taken for good news.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == "error"
    }

    /// Whether it says that all is well with the object again: what ends an alert about it.
    ///
    /// Controllers also report with `info` that they are still at work or wait for something else, and with `trace` what
    /// says nothing about the object's state.
    #[must_use]
    pub fn is_recovery(&self) -> bool {
        self.severity == "info"
            && !matches!(self.reason.as_str(), "Progressing" | "DependencyNotReady")
    }

    /// The value of a metadata key.
    #[must_use]
    pub fn metadata_value(&self, key: &str) -> Option<&str> {
        self.metadata.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

impl ObjectReference {
    /// `kustomization/webapp.gitops-system`: form A of Flux.
    #[must_use]
    pub fn lower_full_name(&self) -> String {
        [&self.kind.to_ascii_lowercase(), "/", &self.name, ".", &self.namespace].concat()
    }

    /// `Kustomization/webapp.gitops-system`: form B of Flux.
    #[must_use]
    pub fn full_name(&self) -> String {
        [&self.kind, "/", &self.name, ".", &self.namespace].concat()
    }

    /// What all events of this object share and those of no other: its uid, or `Kustomization/gitops-system/webapp` where
    /// the sender gave none.
    #[must_use]
    pub fn identity(&self) -> Cow<'_, str> {
        if self.uid.is_empty() {
            Cow::Owned([&self.kind, "/", &self.namespace, "/", &self.name].concat())
        } else {
            Cow::Borrowed(&self.uid)
        }
    }

    /// `kustomization/webapp`: form C of Flux.
    #[must_use]
    pub fn lower_name(&self) -> String {
        [&self.kind.to_ascii_lowercase(), "/", &self.name].concat()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_news_that_all_is_well_is_a_recovery() {
        let check = |severity: &str, reason: &str, expected: bool| {
            let mut event = crate::testing::event();
            event.severity = severity.to_owned();
            event.reason = reason.to_owned();
            assert_eq!(event.is_recovery(), expected, "{severity} {reason}");
        };
        check("info", "ReconciliationSucceeded", true);
        check("info", "Progressing", false);
        check("info", "DependencyNotReady", false);
        check("error", "ReconciliationFailed", false);
        check("trace", "GarbageCollectionSucceeded", false);
    }

    #[test]
    fn an_object_without_uid_is_known_by_its_names() {
        let mut object = crate::testing::event().involved_object;
        assert_eq!(object.identity(), "1234");
        object.uid = String::new();
        assert_eq!(object.identity(), "GitRepository/gitops-system/webapp");
    }

    #[test]
    fn an_object_has_three_names() {
        let object = crate::testing::event().involved_object;
        assert_eq!(object.lower_full_name(), "gitrepository/webapp.gitops-system");
        assert_eq!(object.full_name(), "GitRepository/webapp.gitops-system");
        assert_eq!(object.lower_name(), "gitrepository/webapp");
    }
}
