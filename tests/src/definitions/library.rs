//! The files of `tests/definitions`, and those that stand with a type's cases, read once: operations by file and id, and the
//! JSON Schemas that they refer to. Nothing is fetched: a reference to another file means one of these.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, Registry, ValidationError, Validator};
use serde_json::{Value, json};

use super::operation::{Operation, Param};
use crate::herald::root;

/// Where the files seem to be, so that they can refer to each other.
const HOME: &str = "http://definitions.invalid/";

/// All operations, and the schemas compiled.
pub(super) struct Library {
    operations: BTreeMap<(String, String), Operation>,
    /// The numbers of the fields of OTLP's messages.
    pub(super) wire: Value,
    /// By name: what `ours/limits.json` adds, and the definitions of a vendor that stand alone as `file/name`.
    more: BTreeMap<String, Schema>,
}

/// The library.
pub(super) fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(Library::read)
}

impl Library {
    fn read() -> Self {
        let files = files();
        let mut registry = Registry::new().draft(Draft::Draft202012);
        for (name, file) in &files {
            registry = registry.add(format!("{HOME}{name}.json"), file.clone()).unwrap();
            // Schemas with a draft of their own are resources of their own.
            for (part, schema) in members(&file["standalone"]) {
                registry =
                    registry.add(format!("{HOME}{name}/{part}.json"), schema.clone()).unwrap();
            }
        }
        let registry = registry.prepare().unwrap();
        let compile = |at: &str| Schema::compile(&registry, at);
        let (mut operations, mut more) = (BTreeMap::new(), BTreeMap::new());
        for (name, file) in &files {
            for (number, shown) in file["operations"].as_array().into_iter().flatten().enumerate() {
                let at = format!("{name}.json#/operations/{number}");
                let operation = operation(shown, name, &at, compile);
                operations.insert((name.clone(), text(&shown["id"])), operation);
            }
            for (part, _) in members(&file["standalone"]) {
                more.insert(format!("{name}/{part}"), compile(&format!("{name}/{part}.json")));
            }
        }
        for (part, _) in members(&files["limits"]["$defs"]) {
            more.insert(part.clone(), compile(&format!("limits.json#/$defs/{part}")));
        }
        Self { operations, wire: files["otel"]["wire"].clone(), more }
    }

    pub(super) fn operation(&self, file: &str, id: &str) -> &Operation {
        self.operations
            .get(&(file.to_owned(), id.to_owned()))
            .unwrap_or_else(|| panic!("there is no operation {id} in {file}.json"))
    }

    /// The file and the ids of the operations that stand with the cases of this type.
    pub(super) fn operations_of(
        &self,
        kind: &str,
    ) -> impl Iterator<Item = (&'static str, &'static str)> {
        let file = beside_cases(kind);
        let all = library().operations.keys();
        all.filter(move |(name, _)| *name == file).map(|(name, id)| (name.as_str(), id.as_str()))
    }

    /// Holds a value against an entry of `ours/limits.json`, or a definition that stands alone.
    pub(super) fn check(&self, name: &str, value: &Value) -> Vec<String> {
        let schema = self.more.get(name).unwrap_or_else(|| panic!("there is no definition {name}"));
        schema.problems(value)
    }
}

/// The files by name.
fn files() -> BTreeMap<String, Value> {
    let mut files = BTreeMap::new();
    for folder in ["vendors", "ours"] {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("definitions").join(folder);
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let file = serde_json::from_str(&fs::read_to_string(&path).unwrap());
            let file = file.unwrap_or_else(|err| panic!("{}: {err}", path.display()));
            assert!(files.insert(name, file).is_none(), "{} is there twice", path.display());
        }
    }
    for entry in fs::read_dir(root().join("tests/fixtures/providers")).unwrap() {
        let cases = entry.unwrap().path();
        if let Ok(text) = fs::read_to_string(cases.join("takes.json")) {
            let file = serde_json::from_str(&text);
            let file = file.unwrap_or_else(|err| panic!("{}: {err}", cases.display()));
            files.insert(beside_cases(cases.file_name().unwrap().to_str().unwrap()), file);
        }
    }
    files
}

/// The name of the file `takes.json` that stands with the cases of a type.
fn beside_cases(kind: &str) -> String {
    ["cases-of-", kind].concat()
}

fn operation(shown: &Value, name: &str, at: &str, compile: impl Fn(&str) -> Schema) -> Operation {
    let params = (0..).zip(shown["params"].as_array().unwrap());
    let params = params.map(|(number, param)| Param {
        name: text(&param["name"]),
        place: text(&param["in"]),
        required: param["required"].as_bool().unwrap(),
        schema: compile(&format!("{at}/params/{number}/schema")),
    });
    let bodies = members(&shown["body"]["content"]).map(|(kind, schema)| {
        let schema = match schema["standalone"].as_str() {
            Some(part) => compile(&format!("{name}/{part}.json")),
            None => compile(&format!("{at}/body/content/{}", kind.replace('/', "~1"))),
        };
        (kind.clone(), schema)
    });
    Operation {
        method: text(&shown["method"]),
        path: shown["path"].as_str().unwrap_or("/").to_owned(),
        params: params.collect(),
        bodies: bodies.collect(),
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A compiled schema.
pub(super) struct Schema(Validator);

impl Schema {
    fn compile(registry: &Registry<'_>, at: &str) -> Self {
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_registry(registry)
            .should_validate_formats(true)
            .build(&json!({"$ref": format!("{HOME}{at}")}));
        Self(validator.unwrap_or_else(|err| panic!("{at}: {err}")))
    }

    /// What is wrong with a value.
    pub(super) fn problems(&self, value: &Value) -> Vec<String> {
        self.0.iter_errors(value).flat_map(|error| explain(&error)).collect()
    }
}

/// An error in words. Where a value fits none of several forms, it is what keeps it from the form that it comes closest to.
fn explain(error: &ValidationError<'_>) -> Vec<String> {
    let (ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context }) =
        error.kind()
    else {
        // A message begins with the value, which may be long.
        let said = error.to_string();
        let n_chars = said.chars().count();
        let end: String = said.chars().skip(n_chars.saturating_sub(200)).collect();
        return vec![format!("{}: {end}", error.instance_path())];
    };
    let is_other_kind = |error: &ValidationError<'_>| {
        let at = error.instance_path().to_string();
        let kind = error.kind();
        at.ends_with("/type")
            && matches!(
                kind,
                ValidationErrorKind::Constant { .. } | ValidationErrorKind::Enum { .. }
            )
    };
    let forms = context.iter().map(|errors| {
        let is_other = errors.iter().any(is_other_kind);
        (is_other, errors.iter().flat_map(explain).collect::<Vec<String>>())
    });
    let closest = forms.min_by_key(|(is_other, said)| (*is_other, said.len()));
    closest.map(|(_, said)| said).unwrap_or_default()
}
