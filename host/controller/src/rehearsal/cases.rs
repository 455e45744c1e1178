//! The cases of one module as texts: from a folder of case folders, or from the module itself, which carries them in a
//! section of its own so that whoever gets the module can run them.
//!
//! It must not know how a case is run or judged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use thiserror::Error;
use wasm_encoder::{ComponentSection as _, CustomSection};
use wasmparser::{Parser, Payload};

use super::Case;
use super::case::ReadCaseError;
use super::expected::{Expected, ReadExpectedError};

/// The name of the custom section.
pub const SECTION: &str = "herald:cases";
/// The longest content of the section, in bytes.
pub const MAX_SECTION_BYTES: usize = 4 << 20;
/// The most cases of one module: all of them are run before it serves.
pub const MAX_CASES: usize = 256;

/// What stands in a case folder beside its inputs and what must come out.
const NAMES: [&str; 5] =
    ["provider.yaml", "event.json", "alert.yaml", "outcome.txt", "mistakes.txt"];
/// What may lie in a case folder for people and is not read.
const NOTES: [&str; 4] = ["README.md", "peer.txt", "DIFFERS", "REFUSED"];

/// The files of one case, by name.
pub type Files = BTreeMap<String, String>;

/// Cases by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cases(BTreeMap<String, Files>);

/// Why there are no cases to run.
#[derive(Debug, Error)]
pub enum CasesError {
    /// A folder or a file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A folder of cases has none.
    #[error("there is no case in {}: each is a folder with provider.yaml and event.json", .0.display())]
    None(PathBuf),
    /// There are too many.
    #[error("there are {0} cases, and a module may have {MAX_CASES}")]
    TooMany(usize),
    /// A file's name is none of a case's.
    #[error(
        "{file} is no file of the case {case}: there are {}, N.response.json and N.request.json, N from 1",
        NAMES.join(", ")
    )]
    Name {
        /// The case.
        case: String,
        /// The file.
        file: String,
    },
    /// What goes in, or an answer, is missing or wrong.
    #[error("the case {case}")]
    Case {
        /// The case.
        case: String,
        /// What is wrong.
        #[source]
        source: ReadCaseError,
    },
    /// What must come out is wrong.
    #[error("the case {case}")]
    Expected {
        /// The case.
        case: String,
        /// What is wrong.
        #[source]
        source: ReadExpectedError,
    },
    /// All of them together are too long for the section.
    #[error("the cases take {0} bytes, and the section {SECTION} has room for {MAX_SECTION_BYTES}")]
    TooLong(usize),
    /// The content of the section is not of its form.
    #[error(
        "the section {SECTION} is not of the form {{\"CASE\": {{\"FILE NAME\": \"TEXT\"}}}}; build the module with `herald \
         module build`"
    )]
    Section(#[source] serde_json::Error),
    /// The section is there twice.
    #[error("the section {SECTION} is there more than once")]
    Twice,
    /// The file is no WebAssembly.
    #[error("it is no WebAssembly")]
    NotWasm(#[source] wasmparser::BinaryReaderError),
}

impl Cases {
    /// Reads a folder of case folders.
    ///
    /// # Errors
    /// There is none, or a file is missing, unknown or not what its name says.
    pub fn read(dir: &Path) -> Result<Self, CasesError> {
        let mut cases = BTreeMap::new();
        for path in entries(dir)?.into_iter().filter(|path| path.is_dir()) {
            let mut files = Files::new();
            for file in entries(&path)? {
                let name = name(&file);
                if NOTES.contains(&name.as_str()) || name.starts_with('.') {
                    continue;
                }
                let text = fs::read_to_string(&file)
                    .map_err(|source| CasesError::Read { path: file.clone(), source })?;
                files.insert(name, text);
            }
            cases.insert(name(&path), files);
        }
        if cases.is_empty() {
            return Err(CasesError::None(dir.to_owned()));
        }
        Self(cases).checked()
    }

    /// The cases that a component or a core module carries; none when it has no section for them.
    ///
    /// # Errors
    /// The section is malformed, or the file is no WebAssembly.
    pub fn of_wasm(wasm: &[u8]) -> Result<Option<Self>, CasesError> {
        let Some(section) = find(wasm)? else { return Ok(None) };
        if section.data.len() > MAX_SECTION_BYTES {
            return Err(CasesError::TooLong(section.data.len()));
        }
        let cases = serde_json::from_slice(section.data).map_err(CasesError::Section)?;
        Self(cases).checked().map(Some)
    }

    /// The bytes of a component or a core module with these cases instead of those that it carried.
    ///
    /// # Errors
    /// The cases are too long, or the file is no WebAssembly.
    pub fn embed(&self, wasm: &[u8]) -> Result<Vec<u8>, CasesError> {
        let data = serde_json::to_vec(&self.0).map_err(CasesError::Section)?;
        if data.len() > MAX_SECTION_BYTES {
            return Err(CasesError::TooLong(data.len()));
        }
        let mut with = without(wasm)?;
        let section = CustomSection { name: SECTION.into(), data: data.into() };
        // A custom section is written alike in a component and a core module.
        section.append_to_component(&mut with);
        Ok(with)
    }

    /// These cases and those of another set, which come first where a name is in both.
    #[must_use]
    pub fn and(mut self, other: Cases) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Only the case of this name, if there is one.
    #[must_use]
    pub fn only(mut self, name: &str) -> Option<Self> {
        self.0.remove(name).map(|files| Self(BTreeMap::from([(name.to_owned(), files)])))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Each with its name, what goes in and what must come out, sorted by name.
    ///
    /// # Panics
    /// Never: a set of cases whose texts cannot be read is not made.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Case, Expected)> {
        self.0.iter().map(|(name, files)| {
            let case = Case::of_texts(files).expect("it was read when the set was made");
            let expected = Expected::of_texts(files).expect("it was read when the set was made");
            (name.as_str(), case, expected)
        })
    }

    fn checked(self) -> Result<Self, CasesError> {
        if self.0.len() > MAX_CASES {
            return Err(CasesError::TooMany(self.0.len()));
        }
        for (case, files) in &self.0 {
            if let Some(file) = files.keys().find(|name| !is_of_a_case(name)) {
                return Err(CasesError::Name { case: case.clone(), file: file.clone() });
            }
            Case::of_texts(files)
                .map_err(|source| CasesError::Case { case: case.clone(), source })?;
            Expected::of_texts(files)
                .map_err(|source| CasesError::Expected { case: case.clone(), source })?;
        }
        Ok(self)
    }
}

/// A typing error in a name must not turn a check off.
fn is_of_a_case(file: &str) -> bool {
    let number = file.strip_suffix(".request.json").or_else(|| file.strip_suffix(".response.json"));
    // In one form alone: not 01, not +1.
    let is_number = number.is_some_and(|text| {
        text.parse::<usize>().is_ok_and(|number| number > 0 && number.to_string() == text)
    });
    is_number || NAMES.contains(&file)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, CasesError> {
    let failed = |source| CasesError::Read { path: dir.to_owned(), source };
    let entries: io::Result<Vec<_>> = fs::read_dir(dir).map_err(failed)?.collect();
    Ok(entries.map_err(failed)?.into_iter().map(|entry| entry.path()).collect())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The section in a file.
struct Found<'a> {
    data: &'a [u8],
    /// Where its header begins and its content ends.
    begins: usize,
    ends: usize,
}

/// The section, among those of the file itself: what a component holds may have such a section of its own.
fn find(wasm: &[u8]) -> Result<Option<Found<'_>>, CasesError> {
    let mut found = None;
    let mut depth = 0_usize;
    let mut ended = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(CasesError::NotWasm)?;
        if depth == 0 {
            let begins = ended;
            match (&payload, payload.as_section()) {
                (Payload::Version { range, .. }, _) => ended = range.end,
                (_, Some((_, range))) => ended = range.end,
                (_, None) => {}
            }
            if let Payload::CustomSection(section) = &payload
                && section.name() == SECTION
            {
                if found.is_some() {
                    return Err(CasesError::Twice);
                }
                found = Some(Found { data: section.data(), begins, ends: ended });
            }
        }
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(found)
}

fn without(wasm: &[u8]) -> Result<Vec<u8>, CasesError> {
    Ok(match find(wasm)? {
        None => wasm.to_vec(),
        Some(found) => {
            let part = |range| wasm.get(range).unwrap_or_default();
            [part(0..found.begins), part(found.ends..wasm.len())].concat()
        }
    })
}

#[cfg(test)]
mod tests;
