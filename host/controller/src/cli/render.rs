//! `herald render`: what would be sent, without sending it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::modules_dir::ModuleFlags;
use super::{Failed, Output, environment, print, print_warning};
use crate::delivery::Options;
use crate::modules::Modules;
use crate::rehearsal::{Case, Rehearsed, Secrets, rehearse};

/// Show what would be sent for an event, without sending it.
///
/// Manifests, event and answers are read from a case folder (provider.yaml, event.json, and if they are there alert.yaml
/// and 1.response.json, 2.response.json, …) or from single files. Answer N answers the Nth request; a request without one
/// is answered 200 with an empty body. Retries are followed without waiting. Everything goes the way that it goes in
/// `herald serve`; only the network is left out, and with it the header `accept: */*` that the HTTP client adds. Secrets
/// are masked.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 when it was rendered, whatever the outcome; 64 when a file is missing or wrong."
)]
pub(super) struct Render {
    /// A folder with provider.yaml, event.json and the optional files.
    #[arg(value_name = "CASE_DIR", required_unless_present = "provider", conflicts_with_all = ["provider", "event", "alert", "response"])]
    case: Option<PathBuf>,
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    modules: ModuleFlags,
    #[command(flatten)]
    how: How,
}

/// What is answered and how it is shown.
#[derive(Debug, Args)]
pub(super) struct How {
    /// What the Nth request is answered, in order: a file with {"status": 200, "headers": [], "body": {"json": …}}.
    #[arg(long, value_name = "FILE")]
    response: Vec<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Print secrets as they would be sent.
    #[arg(long)]
    reveal_secrets: bool,
    /// Deliver an event only to Alerts in the namespace of its object.
    #[arg(long)]
    no_cross_namespace_refs: bool,
}

/// The files of one delivery.
#[derive(Debug, Args)]
pub(super) struct Files {
    /// A file with Providers and their Secrets; may be given several times.
    #[arg(long, value_name = "FILE", requires = "event")]
    provider: Vec<PathBuf>,
    /// A file with the event as a controller posts it.
    #[arg(long, value_name = "FILE", requires = "provider")]
    event: Option<PathBuf>,
    /// A file with the Alert; without one, every Provider gets the event.
    #[arg(long, value_name = "FILE", requires = "provider")]
    alert: Option<PathBuf>,
}

impl Files {
    pub(super) fn read(&self, responses: &[PathBuf]) -> Result<Case, Failed> {
        let Some(event) = &self.event else {
            return Err(Failed::Usage(
                "--event FILE is missing: the event as a controller posts it".to_owned(),
            ));
        };
        let answers: Vec<_> = (1..).zip(responses.iter().cloned()).collect();
        Case::of_files(&self.provider, self.alert.as_deref(), event, &answers)
            .map_err(|err| Failed::usage(&err))
    }
}

impl Render {
    pub(super) async fn run(self) -> Result<(), Failed> {
        super::warn_on_stderr()?;
        let case = match &self.case {
            Some(dir) => Case::read(dir).map_err(|err| Failed::usage(&err))?,
            None => self.files.read(&self.how.response)?,
        };
        self.how.show(&case, self.modules.load().await?).await;
        Ok(())
    }
}

impl How {
    /// The answers that were given, in order.
    pub(super) fn responses(&self) -> &[PathBuf] {
        &self.response
    }

    /// Rehearses a case and prints what came of it.
    pub(super) async fn show(&self, case: &Case, modules: Arc<Modules>) {
        let secrets = if self.reveal_secrets { Secrets::Revealed } else { Secrets::Masked };
        let options = Options { no_cross_namespace_refs: self.no_cross_namespace_refs };
        let rehearsed = rehearse(case, modules, options, environment::read(), secrets).await;
        for mistake in &rehearsed.mistakes {
            print_warning(mistake);
        }
        match self.output {
            Output::Json => print(format_args!(
                "{:#}",
                json!({"requests": rehearsed.requests, "outcome": rehearsed.outcome})
            )),
            Output::Text => print(text(&rehearsed).trim_end()),
        }
    }
}

fn text(rehearsed: &Rehearsed) -> String {
    let mut text = String::new();
    for (number, request) in (1..).zip(&rehearsed.requests) {
        text.push_str(&request_text(number, request));
    }
    text.push_str("outcome: ");
    text.push_str(&rehearsed.outcome);
    text
}

/// A request as a person reads it: the line, the headers, and the body over several lines.
pub(super) fn request_text(number: usize, request: &Value) -> String {
    let mut text = String::new();
    let part =
        |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    write!(text, "request {number}: {} {}", part("method"), part("url"))
        .expect("writing to a String cannot fail");
    let via = part("via");
    if !via.is_empty() {
        write!(text, "  (via {via})").expect("writing to a String cannot fail");
    }
    text.push('\n');
    text.push_str(&message_text(request));
    text
}

/// The headers and the body of a request or an answer, indented.
pub(super) fn message_text(message: &Value) -> String {
    let mut text = String::new();
    for header in message.get("headers").and_then(Value::as_array).into_iter().flatten() {
        let part = |index: usize| header.get(index).and_then(Value::as_str).unwrap_or_default();
        writeln!(text, "  {}: {}", part(0), part(1)).expect("writing to a String cannot fail");
    }
    let body = match message.get("body") {
        Some(Value::Object(body)) => match (body.get("json"), body.get("text"), body.get("base64"))
        {
            (Some(json), _, _) => format!("{json:#}"),
            (_, Some(Value::String(plain)), _) => plain.clone(),
            (_, _, Some(Value::String(bytes))) => format!("(base64) {bytes}"),
            _ => String::new(),
        },
        _ => String::new(),
    };
    for line in body.lines() {
        writeln!(text, "    {line}").expect("writing to a String cannot fail");
    }
    text
}
