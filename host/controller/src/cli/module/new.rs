//! `herald module new`: writes a project that builds and passes its test at once.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::languages::{LANGUAGES, Language};
use crate::cli::{Failed, print};
use crate::modules::{self, is_type};

/// Write the project of a new module.
///
/// It is a small module that works, for ntfy, with cases and a unit test:
/// change it into what you need. What it is written with (the SDK and the interface) lies in its folder herald/, as it is
/// published nowhere else.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  herald module new hello && cd hello && herald module test\n  herald module new hello --dir somewhere/else\n\nExit codes: 0 when it is written; 1 when a file is in the way or cannot be written; 64 when the name or the language is wrong."
)]
pub(super) struct New {
    /// The type that the module will serve, as a Provider names it in spec.type: lower-case letters, digits, dots and dashes.
    name: String,
    /// The language that it is written in.
    #[arg(long, default_value = LANGUAGES[0].name, value_parser = language)]
    language: &'static str,
    /// Where it is written; without it, a folder of the name.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

fn language(name: &str) -> Result<&'static str, String> {
    Language::named(name).map(|language| language.name).ok_or_else(|| {
        let known: Vec<&str> = LANGUAGES.iter().map(|language| language.name).collect();
        format!("there are {}", known.join(", "))
    })
}

impl New {
    pub(super) fn run(self) -> Result<(), Failed> {
        if !is_type(&self.name) || !self.name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(Failed::Usage(format!(
                "{:?} is no name of a type: it begins with a lower-case letter and has lower-case letters, digits, dots and \
                 dashes, 63 at most",
                self.name
            )));
        }
        let Some(language) = Language::named(self.language) else {
            return Err(Failed::Usage(format!("there is no language {}", self.language)));
        };
        let dir = self.dir.unwrap_or_else(|| PathBuf::from(&self.name));
        let files: Vec<(PathBuf, String)> = language
            .files()
            .map(|(path, text)| (dir.join(path), with_name(path, text, &self.name)))
            .collect();
        if let Some((path, _)) = files.iter().find(|(path, _)| path.exists()) {
            return Err(Failed::Run(format!(
                "{} is there already and is not written over: give another --dir",
                path.display()
            )));
        }
        for (path, text) in &files {
            write(path, text)?;
        }
        if modules::built_in(&self.name).is_some() {
            print(format_args!(
                "note: {} is a built-in type; installed under this name, the module takes its place",
                self.name
            ));
        }
        print(format_args!(
            "{} is written; its README.md says what is where. Next:\n  cd {}\n  herald module test",
            dir.display(),
            dir.display()
        ));
        Ok(())
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failed> {
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(path, text))
        .map_err(|err| Failed::Run(format!("cannot write {}: {err}", path.display())))
}

/// The text of a template's file for a project of this name: `{{name}}` is the type, `{{package}}` a name without dots,
/// `{{crate}}` one with neither dots nor dashes. The files of libraries are taken as they are.
fn with_name(path: &str, text: &str, name: &str) -> String {
    if path.starts_with("herald/") {
        return text.to_owned();
    }
    let package = name.replace('.', "-");
    text.replace("{{name}}", name)
        .replace("{{crate}}", &package.replace('-', "_"))
        .replace("{{package}}", &package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_put_in_where_the_template_says() {
        let text = "{{name}} {{package}} {{crate}}";
        assert_eq!(with_name("src/lib.rs", text, "my-chat.io"), "my-chat.io my-chat-io my_chat_io");
        assert_eq!(with_name("herald/x", text, "my-chat.io"), text);
    }

    #[test]
    fn what_is_there_is_not_written_over() {
        let work = tempfile::tempdir().unwrap();
        let dir = work.path().join("hello");
        let new = |name: &str, dir: &Path| {
            let new = New { name: name.to_owned(), language: "rust", dir: Some(dir.to_owned()) };
            new.run()
        };
        assert!(matches!(new("Hello", &dir), Err(Failed::Usage(_))));
        new("hello", &dir).unwrap();
        assert!(dir.join("herald/guests/sdk/src/lib.rs").is_file());
        let said = match new("hello", &dir) {
            Err(Failed::Run(text)) => text,
            other => panic!("{other:?}"),
        };
        assert!(said.contains("is not written over"), "{said}");
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap_or_default();
            assert!(!text.contains("{{"), "{}", path.display());
        }
    }
}
