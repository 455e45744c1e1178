//! `herald migrate check`: what would be different for objects that Flux's notification-controller serves now.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, Subcommand};
use herald_core::policy::AddressPolicy;
use serde_json::json;

use super::modules_dir::ModuleFlags;
use super::{Failed, Output, print, print_warning};
use crate::migration::{Effect, Finding, Findings, OF_ALL, findings};
use crate::sources::Loaded;
use crate::sources::cluster::{ConnectSettings, Scope, Survey, survey};
use crate::sources::folder::Folder;

/// Help those who come from Flux's notification-controller.
#[derive(Debug, Args)]
pub(super) struct Migrate {
    #[command(subcommand)]
    command: MigrateCommand,
}

#[derive(Debug, Subcommand)]
enum MigrateCommand {
    Check(Check),
}

/// Say, object by object, what would be different with Herald.
///
/// Reads the manifests of a folder, or the Providers, Alerts, Receivers and the Secrets that Providers name from a cluster,
/// with the rights of whoever runs it. Nothing is written and nothing is sent.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 when everything would work, 1 when it could not be found out, 64 when an object would not work."
)]
struct Check {
    /// A folder with manifests, instead of a cluster.
    #[arg(long, value_name = "DIR", env = "HERALD_CONFIG_DIR")]
    config_dir: Option<PathBuf>,
    /// A kubeconfig file; without it KUBECONFIG, ~/.kube/config and the pod's ServiceAccount are tried.
    #[arg(long, value_name = "FILE", env = "HERALD_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
    /// Look at this namespace alone.
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    #[command(flatten)]
    modules: ModuleFlags,
    /// As `herald serve` would be told.
    #[arg(long, env = "HERALD_ALLOW_LOOPBACK")]
    allow_loopback: bool,
    /// As `herald serve` would be told.
    #[arg(long, value_name = "BOOL", env = "HERALD_ALLOW_PRIVATE", default_value = "true", default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    allow_private: bool,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl Migrate {
    pub(super) async fn run(self) -> Result<(), Failed> {
        let MigrateCommand::Check(check) = self.command;
        check.run().await
    }
}

impl Check {
    async fn run(self) -> Result<(), Failed> {
        super::warn_on_stderr()?;
        let modules = self.modules.load().await?;
        let Survey { loaded, receivers, unread } = self.read().await?;
        for secret in &unread {
            print_warning(format_args!("not read, so nothing is said of it: {secret}"));
        }
        let policy = AddressPolicy {
            allow_loopback: self.allow_loopback,
            allow_private: self.allow_private,
        };
        let found = findings(&loaded, &modules, &receivers, policy).await;
        let objects = objects(&loaded, &receivers, found);
        match self.output {
            Output::Json => print(format_args!("{:#}", as_json(&objects))),
            Output::Text => print(as_text(&objects).trim_end()),
        }
        let n_broken = count(&objects, Effect::Broken);
        if n_broken == 0 {
            Ok(())
        } else {
            Err(Failed::Usage(format!("{n_broken} would not work; correct what is said of each")))
        }
    }

    async fn read(&self) -> Result<Survey, Failed> {
        if let Some(dir) = &self.config_dir {
            let (_, loaded) = Folder::read_for_a_cluster(dir).map_err(|err| Failed::usage(&err))?;
            let receivers = loaded.catalog.objects.of_kind("Receiver");
            let receivers = receivers
                .into_iter()
                .map(|(namespace, name)| format!("{namespace}/{name}"))
                .collect();
            return Ok(Survey { loaded, receivers, unread: Vec::new() });
        }
        let scope = if self.namespace.is_some() { Scope::OwnNamespace } else { Scope::Cluster };
        let settings = ConnectSettings {
            kubeconfig: self.kubeconfig.clone(),
            namespace: self.namespace.clone(),
            scope,
        };
        survey(&settings).await.map_err(|err| Failed::run(&err))
    }
}

/// Every object with what there is to say of it, those without a finding as well.
fn objects(loaded: &Loaded, receivers: &[String], findings: Findings) -> Findings {
    let mut objects: Findings = findings;
    for key in loaded.catalog.providers.keys() {
        objects.entry(format!("Provider {key}")).or_default();
    }
    for alert in loaded.catalog.alerts.iter() {
        objects.entry(format!("Alert {}/{}", alert.namespace, alert.name)).or_default();
    }
    for receiver in receivers {
        objects.entry(format!("Receiver {receiver}")).or_default();
    }
    objects
}

/// The objects whose worst finding is this.
fn count(objects: &Findings, effect: Effect) -> usize {
    objects.values().filter(|of_object| worst(of_object) == Some(effect)).count()
}

fn worst(of_object: &[Finding]) -> Option<Effect> {
    of_object.iter().map(|finding| finding.effect).min()
}

fn as_text(objects: &Findings) -> String {
    let mut text = String::from("For every Provider:\n");
    for difference in OF_ALL {
        text.push_str(&format!("  {difference}\n"));
    }
    for (object, of_object) in objects {
        if of_object.is_empty() {
            text.push_str(&format!("\n{object}: as before\n"));
            continue;
        }
        text.push_str(&format!("\n{object}\n"));
        for Finding { effect, message } in of_object {
            let effect = match effect {
                Effect::Broken => "would not work",
                Effect::Differs => "differs",
                Effect::Stays => "stays with Flux",
            };
            text.push_str(&format!("  {effect}: {message}\n"));
        }
    }
    text.push_str(&format!(
        "\n{} objects: {} would not work, {} differ, {} stay with Flux\n",
        objects.len(),
        count(objects, Effect::Broken),
        count(objects, Effect::Differs),
        count(objects, Effect::Stays),
    ));
    text
}

fn as_json(objects: &Findings) -> serde_json::Value {
    let objects: BTreeMap<&String, Vec<serde_json::Value>> = objects
        .iter()
        .map(|(object, of_object)| {
            let findings = of_object.iter().map(
                |finding| json!({"effect": finding.effect.name(), "message": finding.message}),
            );
            (object, findings.collect())
        })
        .collect();
    json!({"everyProvider": OF_ALL, "objects": objects})
}
