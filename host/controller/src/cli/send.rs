//! `herald send`: one real delivery, and what became of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Args;
use herald_core::formatter::Response;
use herald_core::policy::AddressPolicy;
use herald_core::provider::Provider;
use serde_json::{Value, json};

use super::modules_dir::ModuleFlags;
use super::render::{Files, message_text, request_text};
use super::{Failed, Output, environment, print, print_warning};
use crate::credentials::Credentials;
use crate::delivery::Options;
use crate::egress::{Mask, Network, Prepared, SendError, Transport};
use crate::modules::Modules;
use crate::rehearsal::{Retry, run, shown_request, shown_response};

/// Send one event to its Providers now, and show what was sent and answered.
///
/// Makes a single attempt for each Provider that the event is meant for, over the network, with the manifests' Secrets.
/// Nothing is kept and nothing is tried again. Secrets are masked in what is shown.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 when it was delivered, accepted or skipped; 1 when it failed; 64 when a file is missing or wrong."
)]
pub(super) struct Send {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    modules: ModuleFlags,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Let Providers reach this machine itself (127.0.0.0/8, ::1).
    #[arg(long, env = "HERALD_ALLOW_LOOPBACK")]
    allow_loopback: bool,
}

impl Send {
    pub(super) async fn run(self) -> Result<(), Failed> {
        super::warn_on_stderr()?;
        let case = self.files.read(&[])?;
        let policy = AddressPolicy { allow_loopback: self.allow_loopback, allow_private: true };
        let network = Network::new(policy).map_err(|err| Failed::run(&err))?;
        let modules = self.modules.load().await?;
        let recording = Arc::new(Recording {
            network,
            modules: Arc::clone(&modules),
            exchanges: Mutex::default(),
        });
        let credentials = Credentials::new(environment::read());
        let transport = Arc::clone(&recording);
        let once = |reason: &str| Retry::Never(reason.to_owned());
        let (outcome, mistakes) =
            run(&case, modules, Options::default(), credentials, transport, once).await;
        for mistake in &mistakes {
            print_warning(mistake);
        }
        // Only now: a mask learns a token from the answer that brings it.
        let exchanges = recording.exchanges.lock().expect("no holder of this lock panics");
        let exchanges: Vec<Value> = exchanges.iter().map(Exchange::shown).collect();
        match self.output {
            Output::Json => {
                print(format_args!("{:#}", json!({"exchanges": exchanges, "outcome": outcome})))
            }
            Output::Text => {
                for (number, exchange) in (1..).zip(&exchanges) {
                    print(exchange_text(number, exchange).trim_end());
                }
                print(format_args!("outcome: {outcome}"));
            }
        }
        if outcome.contains("failed: ") {
            Err(Failed::Run("it was not delivered".to_owned()))
        } else {
            Ok(())
        }
    }
}

fn exchange_text(number: usize, exchange: &Value) -> String {
    let mut text = request_text(number, &exchange["request"]);
    match exchange.get("response") {
        Some(response) => {
            text.push_str(&format!(
                "answer {number}: {}\n{}",
                response["status"],
                message_text(response)
            ));
        }
        None => text.push_str(&format!(
            "answer {number}: none, {}\n",
            exchange["error"].as_str().unwrap_or_default()
        )),
    }
    text
}

/// A transport that writes down what it sends and gets.
struct Recording {
    network: Network,
    modules: Arc<Modules>,
    exchanges: Mutex<Vec<Exchange>>,
}

/// A request and what came of it, with secrets, and what hides them.
struct Exchange {
    request: Prepared,
    answer: Result<Response, String>,
    mask: Arc<Mask>,
}

impl Exchange {
    fn shown(&self) -> Value {
        let request = shown_request(&self.request, &self.mask);
        match &self.answer {
            Ok(response) => {
                let response = shown_response(&self.mask.response(response.clone()));
                json!({"request": request, "response": response})
            }
            Err(text) => json!({"request": request, "error": self.mask.text(text)}),
        }
    }
}

impl Transport for Arc<Recording> {
    async fn send(
        &self,
        provider: &Provider,
        request: Prepared,
        within: Duration,
    ) -> Result<Response, SendError> {
        let answered = self.network.send(provider, request.clone(), within).await;
        let answer = match &answered {
            Ok(response) => Ok(response.clone()),
            Err(err) => Err(crate::telemetry::report(err)),
        };
        let exchange = Exchange { request, answer, mask: self.modules.mask(provider) };
        self.exchanges.lock().expect("no holder of this lock panics").push(exchange);
        answered
    }
}
