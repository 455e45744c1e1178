//! The languages of `herald module new`: what of this repository each project begins with.
//!
//! A language is a folder `guests/templates/<language>` and a line of the table; what all have, the cases among it, is in
//! `guests/templates/common`. The files are embedded when the binary is
//! built, as what modules are written with is published nowhere else.

include!(concat!(env!("OUT_DIR"), "/templates.rs"));

/// A language that modules can be written in.
pub(super) struct Language {
    /// As it is written after `--language`, and the folder's name.
    pub(super) name: &'static str,
    /// What a project gets besides its template, what all have, and the interface, each under its path in the project.
    pub(super) libraries: &'static [&'static [File]],
}

/// Every language.
pub(super) const LANGUAGES: &[Language] = &[
    Language { name: "rust", libraries: &[RUST_SDK] },
    Language { name: "javascript", libraries: &[] },
    Language { name: "python", libraries: &[] },
    Language { name: "go", libraries: &[GO_BINDINGS] },
];

/// A path in the project and the text of a file.
pub(super) type File = (&'static str, &'static str);

impl Language {
    /// The one of this name, if there is one.
    pub(super) fn named(name: &str) -> Option<&'static Language> {
        LANGUAGES.iter().find(|language| language.name == name)
    }

    /// The files of a project, as they are before the project's name is put in.
    pub(super) fn files(&self) -> impl Iterator<Item = File> + '_ {
        let template = TEMPLATES.iter().filter(|(language, _)| *language == self.name);
        let template = template.flat_map(|(_, files)| files.iter());
        let libraries = self.libraries.iter().flat_map(|files| files.iter());
        template.chain(COMMON).chain(INTERFACE).chain(libraries).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_language_has_a_template_and_every_template_a_language() {
        let templates: BTreeSet<&str> = TEMPLATES.iter().map(|(language, _)| *language).collect();
        let languages: BTreeSet<&str> = LANGUAGES.iter().map(|language| language.name).collect();
        assert_eq!(templates, languages);
        for language in LANGUAGES {
            let paths: Vec<&str> = language.files().map(|(path, _)| path).collect();
            let unique: BTreeSet<&str> = paths.iter().copied().collect();
            assert_eq!(unique.len(), paths.len(), "{}: a file is there twice", language.name);
            for needed in ["module.yaml", "README.md", "herald/wit/0.1.0/provider.wit"] {
                assert!(unique.contains(needed), "{}: {needed} is missing", language.name);
            }
            assert!(paths.iter().any(|path| path.starts_with("cases/")), "{}", language.name);
        }
    }
}
