//! A case: the manifests, the event and the answers of a rehearsal, as files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use herald_core::event::Event;
use herald_core::formatter::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::catalog::Catalog;
use crate::sources::folder;

/// When the first attempt of a case is made that names no other time: 2026-03-14T09:30:00Z.
pub const NOW: Timestamp = Timestamp::constant(1_773_480_600, 0);

/// One event on its way to the Providers of some manifests.
#[derive(Clone, Debug)]
pub struct Case {
    /// Names and texts of the manifests.
    pub manifests: Vec<(String, String)>,
    /// Whether an Alert is among them; without one, every Provider gets the event.
    pub has_alert: bool,
    /// The event as it is posted.
    pub event: Vec<u8>,
    /// The answers, by the number of their request from 1.
    pub answers: BTreeMap<usize, Answer>,
    /// When the first attempt is made.
    pub now: Timestamp,
}

/// What the receiver does when it gets a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It answers, after a while.
    Response {
        /// What it answers.
        response: Response,
        /// How long that takes.
        delay: Duration,
    },
    /// It closes the connection.
    Abort,
}

/// Why a case cannot be read.
#[derive(Debug, Error)]
pub enum ReadCaseError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// One of the files is missing among the texts.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// An answer is not of the form `{"status": 200, "headers": [[…]], "body": …}`.
    #[error("{} is no answer: give it a status, headers as pairs and a body as json, text or base64", path.display())]
    Answer {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerFile {
    status: Option<u16>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: Option<BodyFile>,
    #[serde(default)]
    delay_ms: u64,
    abort: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum BodyFile {
    Json(Value),
    Text(String),
    Base64(String),
}

impl Case {
    /// Reads a case folder: `provider.yaml`, `event.json`, `alert.yaml` if it is there, and `N.response.json`.
    ///
    /// # Errors
    /// A file is missing or is not what its name says.
    pub fn read(dir: &Path) -> Result<Self, ReadCaseError> {
        let alert = Some(dir.join("alert.yaml")).filter(|path| path.exists());
        let mut answers = Vec::new();
        let listed = fs::read_dir(dir)
            .map_err(|source| ReadCaseError::Read { path: dir.to_owned(), source })?;
        for entry in listed.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(number) =
                name.strip_suffix(".response.json").and_then(|number| number.parse().ok())
            {
                answers.push((number, entry.path()));
            }
        }
        Self::of_files(
            &[dir.join("provider.yaml")],
            alert.as_deref(),
            &dir.join("event.json"),
            &answers,
        )
    }

    /// Makes a case of the texts of a case folder, by file name; files that are none of it are passed over. Its first
    /// attempt is made at [`NOW`], so that it comes to the same whenever it is run.
    ///
    /// # Errors
    /// A file is missing or is not what its name says.
    pub fn of_texts(files: &BTreeMap<String, String>) -> Result<Self, ReadCaseError> {
        let text = |name| files.get(name).cloned().ok_or(ReadCaseError::Missing(name));
        let mut manifests = vec![("provider.yaml".to_owned(), text("provider.yaml")?)];
        let alert = files.get("alert.yaml").cloned();
        let has_alert = alert.is_some();
        manifests.extend(alert.map(|text| ("alert.yaml".to_owned(), text)));
        let mut answers = BTreeMap::new();
        for (name, text) in files {
            let number = name.strip_suffix(".response.json").and_then(|number| number.parse().ok());
            if let Some(number) = number {
                let answer = Answer::parse(text)
                    .map_err(|source| ReadCaseError::Answer { path: name.into(), source })?;
                answers.insert(number, answer);
            }
        }
        let event = text("event.json")?.into_bytes();
        Ok(Self { manifests, has_alert, event, answers, now: NOW })
    }

    /// Reads a case from files anywhere.
    ///
    /// # Errors
    /// A file is missing or is not what it should be.
    pub fn of_files(
        providers: &[PathBuf],
        alert: Option<&Path>,
        event: &Path,
        answers: &[(usize, PathBuf)],
    ) -> Result<Self, ReadCaseError> {
        let mut manifests = Vec::new();
        for path in providers.iter().map(PathBuf::as_path).chain(alert) {
            let text = fs::read_to_string(path)
                .map_err(|source| ReadCaseError::Read { path: path.to_owned(), source })?;
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            manifests.push((name, text));
        }
        let event = fs::read(event)
            .map_err(|source| ReadCaseError::Read { path: event.to_owned(), source })?;
        let answers = answers
            .iter()
            .map(|(number, path)| Ok((*number, Answer::read(path)?)))
            .collect::<Result<_, ReadCaseError>>()?;
        Ok(Self { manifests, has_alert: alert.is_some(), event, answers, now: Timestamp::now() })
    }

    /// The types that its Providers have.
    pub(super) fn types(&self) -> BTreeSet<String> {
        let texts: Vec<(&str, &str)> =
            self.manifests.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let catalog = folder::from_texts(&texts).catalog;
        catalog.providers.values().map(|provider| provider.kind.clone()).collect()
    }

    /// The catalog of the manifests, and a line for each mistake in them.
    pub(super) fn catalog(&self, event: &Event) -> (Catalog, Vec<String>) {
        let mut texts: Vec<(&str, &str)> =
            self.manifests.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let loaded = folder::from_texts(&texts);
        if self.has_alert {
            return (loaded.catalog, lines(&loaded.mistakes));
        }
        // JSON is YAML, so the Alerts that stand in go the way of all manifests.
        let stand_ins: Vec<String> = loaded
            .catalog
            .providers
            .values()
            .map(|provider| {
                json!({
                    "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
                    "kind": "Alert",
                    "metadata": {"name": provider.name, "namespace": provider.namespace},
                    "spec": {
                        "providerRef": {"name": provider.name},
                        "eventSources": [{
                            "kind": event.involved_object.kind,
                            "name": "*",
                            "namespace": event.involved_object.namespace,
                        }],
                    },
                })
                .to_string()
            })
            .collect();
        let stand_in = stand_ins.join("\n---\n");
        texts.push(("(an Alert for every event)", &stand_in));
        let loaded = folder::from_texts(&texts);
        (loaded.catalog, lines(&loaded.mistakes))
    }
}

fn lines(mistakes: &[folder::Mistake]) -> Vec<String> {
    mistakes.iter().map(ToString::to_string).collect()
}

impl Answer {
    fn read(path: &Path) -> Result<Self, ReadCaseError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ReadCaseError::Read { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|source| ReadCaseError::Answer { path: path.to_owned(), source })
    }

    fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let file: AnswerFile = serde_json::from_str(text)?;
        if file.abort.is_some() {
            return Ok(Answer::Abort);
        }
        let body = match file.body {
            None => Vec::new(),
            Some(BodyFile::Json(value)) => value.to_string().into_bytes(),
            Some(BodyFile::Text(text)) => text.into_bytes(),
            Some(BodyFile::Base64(text)) => {
                STANDARD.decode(text).map_err(serde::de::Error::custom)?
            }
        };
        let headers = file
            .headers
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        let response = Response { status: file.status.unwrap_or(200), headers, body };
        Ok(Answer::Response { response, delay: Duration::from_millis(file.delay_ms) })
    }
}

impl Default for Answer {
    fn default() -> Self {
        let response = Response { status: 200, headers: Vec::new(), body: Vec::new() };
        Answer::Response { response, delay: Duration::ZERO }
    }
}
