//! The facts on a type's page, in Markdown: from the description of its module, the schema of its options and its cases.
//!
//! It must not know where a page lies.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use herald_core::formatter::Permission;
use serde_json::Value;

use crate::modules::Loaded;

/// Headers that say nothing about the type.
const DULL_HEADERS: [&str; 2] = ["host", "accept-encoding"];
/// The most characters of a body that are shown.
const MAX_BODY_CHARS: usize = 4_000;

/// Everything that a program can say of a type.
pub(super) fn facts(loaded: &Loaded, cases: &Path) -> io::Result<String> {
    let cases = Cases::read(cases)?;
    let parts = [
        abilities(loaded),
        options(&loaded.module.description().config_schema),
        example(&cases)?,
        differences(&loaded.kind, &cases),
    ];
    let facts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Ok(format!("\n{}\n", facts.join("\n")))
}

fn abilities(loaded: &Loaded) -> String {
    let description = loaded.module.description();
    let sees_path = loaded.module.permissions().contains(&Permission::FullAddress);
    let quoted = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let secrets: Vec<String> = description
        .secrets
        .iter()
        .map(|placement| {
            let places: Vec<String> = placement.places.iter().map(|p| p.to_string()).collect();
            format!("`{}` ({})", placement.key, places.join(", "))
        })
        .collect();
    let rows = [
        ("What it is", description.summary.clone()),
        ("Purpose", format!("`{}`", description.purpose.name())),
        (
            "Sees of the address",
            if sees_path { "all of it" } else { "scheme, host and port" }.to_owned(),
        ),
        ("Hosts besides the address", quoted(&description.hosts)),
        (
            "Secret keys that it places",
            if secrets.is_empty() { "none".to_owned() } else { secrets.join(", ") },
        ),
        ("Credentials that Herald obtains", quoted(&description.credentials)),
    ];
    let rows: String =
        rows.iter().map(|(name, value)| format!("| {name} | {} |\n", cell(value))).collect();
    format!("## The module\n\n| | |\n|---|---|\n{rows}")
}

/// The options of `spec.config`, as far as a table can say them.
fn options(schema: &str) -> String {
    let schema: Value = serde_json::from_str(schema).unwrap_or_default();
    let Some(properties) = schema["properties"].as_object() else { return String::new() };
    let rows: String = properties
        .iter()
        .map(|(name, option)| {
            let values = match (&option["enum"], &option["type"]) {
                (Value::Array(values), _) => {
                    values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ")
                }
                (_, Value::String(kind)) => kind.clone(),
                _ => String::new(),
            };
            let default = match &option["default"] {
                Value::Null => String::new(),
                value => format!("`{value}`"),
            };
            let text = option["description"].as_str().unwrap_or_default();
            format!("| `{name}` | {} | {} | {} |\n", cell(&values), cell(&default), cell(text))
        })
        .collect();
    format!(
        "## Options\n\nIn `spec.config`; Herald's own, so Flux drops them.\n\n\
         | Option | Values | Default | What it does |\n|---|---|---|---|\n{rows}"
    )
}

/// What a type's folder of cases holds.
struct Cases {
    all: BTreeSet<PathBuf>,
}

impl Cases {
    fn read(dir: &Path) -> io::Result<Self> {
        let entries: io::Result<Vec<_>> = fs::read_dir(dir)?.collect();
        let all = entries?.into_iter().map(|entry| entry.path()).filter(|path| path.is_dir());
        Ok(Self { all: all.collect() })
    }

    fn own(&self) -> impl Iterator<Item = &PathBuf> {
        self.all.iter().filter(|case| !is_recording(case))
    }

    /// The one to show: the smoke case, else the first that is delivered.
    fn example(&self) -> Option<&PathBuf> {
        let is_delivered = |case: &&PathBuf| {
            let outcome = fs::read_to_string(case.join("outcome.txt")).unwrap_or_default();
            matches!(outcome.trim(), "delivered" | "accepted")
        };
        self.own()
            .find(|case| name(case).starts_with("smoke"))
            .or_else(|| self.own().find(is_delivered))
    }
}

fn name(case: &Path) -> String {
    case.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_recording(case: &Path) -> bool {
    name(case).starts_with("peer-")
}

fn example(cases: &Cases) -> io::Result<String> {
    let Some(case) = cases.example() else { return Ok(String::new()) };
    let event: Value = json_of(&case.join("event.json"))?;
    let provider = fs::read_to_string(case.join("provider.yaml"))?;
    let mut out = format!(
        "## An example\n\nThe case `{}`: with\n\n```yaml\n{}\n```\n\nthe event\n\n```json\n{event:#}\n```\n\nis sent as\n",
        name(case),
        provider.trim()
    );
    let mut number = 1;
    while let Ok(request) = json_of(&case.join(format!("{number}.request.json"))) {
        out.push_str(&shown(&request));
        number += 1;
    }
    Ok(out)
}

fn json_of(path: &Path) -> io::Result<Value> {
    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
}

/// A request as people read it.
fn shown(request: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut head = format!("{} {}\n", text(&request["method"]), text(&request["url"]));
    let noise: Vec<String> = request["noise"].as_array().into_iter().flatten().map(text).collect();
    for header in request["headers"].as_array().into_iter().flatten() {
        let (name, value) = (text(&header[0]), text(&header[1]));
        if !DULL_HEADERS.contains(&name.as_str()) && !noise.contains(&name) {
            head.push_str(&format!("{name}: {value}\n"));
        }
    }
    let body = match &request["body"] {
        Value::Object(body) => match body.iter().find(|(form, _)| *form != "base64") {
            Some((_, Value::String(text))) => text.clone(),
            Some((_, json)) => format!("{json:#}"),
            None => "(bytes)".to_owned(),
        },
        _ => String::new(),
    };
    let cut: String = body.chars().take(MAX_BODY_CHARS).collect();
    let mark = if cut.len() < body.len() { "\n(and so on)" } else { "" };
    let body = if cut.is_empty() { cut } else { format!("\n{}{mark}\n", cut.trim_end()) };
    format!("\n```http\n{head}{body}```\n")
}

/// How many cases there are, and where they differ from the recordings.
fn differences(kind: &str, cases: &Cases) -> String {
    let recordings = cases.all.iter().filter(|case| is_recording(case)).count();
    let mut out = format!(
        "## Cases\n\n{} in `tests/fixtures/providers/{kind}`, {recordings} of them recordings of Flux's notification-controller.\n",
        cases.all.len()
    );
    let differs: String = cases
        .all
        .iter()
        .filter_map(|case| Some((name(case), fs::read_to_string(case.join("DIFFERS")).ok()?)))
        .map(|(name, text)| format!("| `{name}` | {} |\n", cell(&text)))
        .collect();
    if !differs.is_empty() {
        out.push_str(&format!(
            "\nWhere Herald differs from a recording:\n\n| Case | How, and why |\n|---|---|\n{differs}"
        ));
    }
    out
}

/// A text as it can stand in a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_become_a_table() {
        let schema = json!({"type": "object", "properties": {
            "format": {"enum": ["text", "html"], "default": "text", "description": "Which | form."},
            "resolve": {"type": "boolean", "default": false, "description": "Whether."},
        }});
        let table = options(&schema.to_string());
        assert!(
            table
                .contains("| `format` | `\"text\"`, `\"html\"` | `\"text\"` | Which \\| form. |\n")
        );
        assert!(table.contains("| `resolve` | boolean | `false` | Whether. |\n"));
        assert_eq!(options(""), "");
    }

    #[test]
    fn a_request_is_shown_without_noise() {
        let request = json!({
            "method": "POST", "url": "https://hooks.example/x", "noise": ["user-agent"],
            "headers": [["content-type", "text/plain"], ["host", "hooks.example"], ["user-agent", "x"]],
            "body": {"text": "hello"},
        });
        assert_eq!(
            shown(&request),
            "\n```http\nPOST https://hooks.example/x\ncontent-type: text/plain\n\nhello\n```\n"
        );
        let request =
            json!({"method": "GET", "url": "https://h.example/", "headers": [], "body": null});
        assert_eq!(shown(&request), "\n```http\nGET https://h.example/\n```\n");
    }
}
