//! `herald module inspect`: what a file is, what it asks for and what a host has to grant it.

use std::collections::BTreeSet;

use clap::Args;
use herald_core::formatter::Place;
use serde_json::{Value, json};

use super::imports::imports;
use super::subject::{Name, Subject, engine};
use crate::cli::modules_dir::CompileFlags;
use crate::cli::{Failed, Output, print};
use crate::modules::grants::missing;

/// Show what a module is and what it asks for.
///
/// The version of the interface, what it imports, the hosts, secrets and credentials that it names and whether each needs
/// a grant, the options of `spec.config`, the cases inside, size and digest; and the lines of grants.yaml that it needs.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 when it is a module; 1 when it cannot serve, with the reason; 64 when the file cannot be read."
)]
pub(super) struct Inspect {
    /// The module: a .wasm file or built-in:TYPE.
    #[arg(value_name = "FILE")]
    module: Name,
    #[command(flatten)]
    compile: CompileFlags,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl Inspect {
    pub(super) async fn run(self) -> Result<(), Failed> {
        crate::cli::warn_on_stderr()?;
        let subject = Subject::load(&engine()?, &self.module, self.compile.limits()).await?;
        let said = inspected(&subject);
        match self.output {
            Output::Json => print(format_args!("{said:#}")),
            Output::Text => print(text(&said).trim_end()),
        }
        Ok(())
    }
}

/// Everything about a module, for programs.
pub(super) fn inspected(subject: &Subject) -> Value {
    let module = &subject.module;
    let description = module.description();
    let grants: Vec<String> = missing(description, module.permissions(), &BTreeSet::new())
        .iter()
        .map(ToString::to_string)
        .collect();
    let secrets: Vec<Value> = description
        .secrets
        .iter()
        .flat_map(|placement| placement.places.iter().map(move |place| (placement, place)))
        .map(|(placement, place)| {
            let needs_grant = !matches!(place, Place::Header | Place::Signature);
            json!({"key": placement.key, "place": place.to_string(), "needsGrant": needs_grant})
        })
        .collect();
    let schema: Value = serde_json::from_str(&description.config_schema).unwrap_or_default();
    json!({
        "type": subject.kind,
        "summary": description.summary,
        "purpose": description.purpose.name(),
        "interface": module.interface(),
        "imports": imports(&subject.wasm),
        "hosts": description.hosts,
        "secrets": secrets,
        "credentials": description.credentials,
        "options": schema.get("properties").cloned().unwrap_or_else(|| json!({})),
        "cases": subject.cases.as_ref().map(|cases| cases.names().collect::<Vec<_>>()),
        "grants": grants,
        "size": module.size(),
        "digest": module.digest(),
    })
}

fn text(said: &Value) -> String {
    let one = |name: &str| said[name].as_str().unwrap_or_default();
    let strings = |value: &Value| -> Vec<String> {
        let texts = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    };
    let needs = |text: &str| format!("{text} (needs a grant)");
    let imports = strings(&said["imports"])
        .iter()
        .map(|name| match name.contains("/full-address@") || name.contains("/secret-values@") {
            true => needs(name),
            false => name.clone(),
        })
        .collect();
    let secrets = said["secrets"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|secret| {
            let part = |name: &str| secret[name].as_str().unwrap_or_default();
            let text = format!("{} in the {}", part("key"), part("place"));
            if secret["needsGrant"] == true { needs(&text) } else { text }
        })
        .collect();
    let options = said["options"].as_object().into_iter().flatten().map(|(name, option)| {
        let text = option["description"].as_str().unwrap_or_default();
        format!("{name}: {text}").trim_end_matches(": ").to_owned()
    });
    let cases = match &said["cases"] {
        Value::Null => vec!["none inside".to_owned()],
        names => strings(names),
    };
    let mut rows = vec![
        ("purpose", vec![one("purpose").to_owned()]),
        ("interface", vec![one("interface").to_owned()]),
        ("imports", imports),
        ("hosts", strings(&said["hosts"]).iter().map(|host| needs(host)).collect()),
        ("secrets", secrets),
        ("credentials", strings(&said["credentials"]).iter().map(|name| needs(name)).collect()),
        ("options", options.collect()),
        ("cases", cases),
        ("size", vec![format!("{} bytes", said["size"])]),
        ("digest", vec![one("digest").to_owned()]),
    ];
    let mut text = format!("{}: {}\n", one("type"), one("summary"));
    for (name, lines) in &mut rows {
        if lines.is_empty() {
            lines.push("none".to_owned());
        }
        for (at, line) in lines.iter().enumerate() {
            let name = if at == 0 { *name } else { "" };
            text.push_str(&format!("  {name:11}  {line}\n"));
        }
    }
    let grants = strings(&said["grants"]);
    if grants.is_empty() {
        text.push_str("\nIt needs no grant.\n");
    } else {
        let quoted: Vec<String> = grants.iter().map(|grant| format!("\"{grant}\"")).collect();
        text.push_str(&format!(
            "\nIn grants.yaml beside the file:\n\n{}:\n  digest: {}\n  grants: [{}]\n",
            one("type"),
            one("digest"),
            quoted.join(", ")
        ));
    }
    text
}
