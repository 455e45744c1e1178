//! What can be asked of an event and of the object it is about.
//!
//! Kinds are ASCII in Kubernetes, so the tables of Unicode stay out of the modules.

use crate::{Event, ObjectReference};

impl Event {
    /// Whether it reports a failure; every other severity is taken for good news.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == "error"
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

    /// `kustomization/webapp`: form C of Flux.
    #[must_use]
    pub fn lower_name(&self) -> String {
        [&self.kind.to_ascii_lowercase(), "/", &self.name].concat()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_object_has_three_names() {
        let object = crate::testing::event().involved_object;
        assert_eq!(object.lower_full_name(), "gitrepository/webapp.gitops-system");
        assert_eq!(object.full_name(), "GitRepository/webapp.gitops-system");
        assert_eq!(object.lower_name(), "gitrepository/webapp");
    }
}
