//! Reads objects, from the text of a file or one by one: what kind each is, and what every object has.
//!
//! Objects of other kinds are passed over; only their names and labels are kept. What a Provider, an Alert or a Secret
//! holds is read in the files of those names. It must not know other files or where an object comes from.

mod alert;
mod annotations;
mod fields;
mod module;
mod provider;
mod secret;

use std::collections::BTreeMap;
use std::sync::Arc;

use herald_core::object_json::ObjectJson;

use self::fields::{Fields, Notes};
use crate::sources::Mistake;
use crate::sources::manifest::{LabelledObject, ObjectId, Objects};
use crate::sources::nearest::{did_you_mean, nearest};
use crate::sources::yaml::{self, Node, Value};

const GROUP: &str = "notification.toolkit.fluxcd.io";
/// The group of what Herald adds.
const OWN_GROUP: &str = "herald.dev";
/// Where an object lies that names no namespace, as with kubectl.
const DEFAULT_NAMESPACE: &str = "default";
const VERSIONS: [&str; 3] = ["v1beta1", "v1beta2", "v1beta3"];

/// What a file holds.
#[derive(Default)]
pub(super) struct FileContent {
    pub(super) objects: Objects,
    pub(super) mistakes: Vec<Mistake>,
}

/// What a Provider, an Alert and a Secret have alike.
pub(super) struct Head {
    pub(super) id: ObjectId,
    pub(super) uid: String,
    /// The whole object, for expressions.
    pub(super) json: ObjectJson,
}

/// Reads the text of a file; `file` is its path relative to the folder.
pub(super) fn read(file: &str, text: &str) -> FileContent {
    let mut reader = Reader::new(file);
    for document in yaml::documents(text) {
        match document {
            Ok(node) => reader.document(&node),
            Err(error) => reader.content.mistakes.push(Mistake {
                file: file.to_owned(),
                line: error.line,
                field: String::new(),
                object: String::new(),
                message: format!("is not YAML here: {}; correct it", error.message),
                tolerated: false,
            }),
        }
    }
    reader.content
}

/// Reads one object of a cluster, as the API server gives it. Its fields have no lines.
pub(super) fn read_object(object: &serde_json::Value) -> FileContent {
    let mut reader = Reader::new("cluster");
    reader.document(&Node::from_json(object));
    reader.content
}

impl FileContent {
    /// A file of which nothing else is known.
    pub(super) fn of_mistake(mistake: Mistake) -> Self {
        Self { objects: Objects::default(), mistakes: vec![mistake] }
    }

    /// Whether nothing in it waits for a correction.
    pub(super) fn is_good(&self) -> bool {
        self.mistakes.iter().all(|mistake| mistake.tolerated)
    }
}

struct Reader {
    file: Arc<str>,
    content: FileContent,
}

impl Reader {
    fn new(file: &str) -> Self {
        Self { file: Arc::from(file), content: FileContent::default() }
    }

    fn document(&mut self, node: &Node) {
        let mut notes = Notes::new(&self.file, node.line, String::new());
        let Some(fields) = Fields::of(node, "", node.line) else {
            let message = "is no Kubernetes object; begin it with `apiVersion:` and `kind:`";
            notes.mistake(node.line, "", message);
            self.content.mistakes.append(&mut notes.finish().1);
            return;
        };
        let advice = "begin the object with `apiVersion:` and `kind:`";
        let api_version = fields.required_text("apiVersion", advice, &mut notes);
        let kind = fields.required_text("kind", advice, &mut notes);
        if let (Some(api_version), Some(kind)) = (api_version, kind) {
            self.object(node, &fields, api_version, kind, &mut notes);
        }
        self.content.mistakes.append(&mut notes.finish().1);
    }

    /// Reads an object of this kind; `notes` are those of the document.
    fn object(
        &mut self,
        node: &Node,
        fields: &Fields<'_>,
        api_version: &str,
        kind: &str,
        notes: &mut Notes,
    ) {
        if kind.ends_with("List") && node.get("items").is_some() {
            for (_, item) in fields.items("items", notes).unwrap_or_default() {
                self.document(item);
            }
            return;
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        match (group, kind) {
            ("", "Secret") => self.secret(node, fields),
            (OWN_GROUP, "ProviderModule") => self.module(node, fields),
            (GROUP, "Provider" | "Alert") => {
                let line = fields.entry("apiVersion", notes).map_or(node.line, |entry| entry.line);
                if !VERSIONS.contains(&version) {
                    let message = format!("has no version `{version}`; write {GROUP}/v1beta3");
                    notes.mistake(line, "apiVersion", message);
                } else if kind == "Provider" {
                    self.provider(node, fields);
                } else {
                    self.alert(node, fields);
                }
            }
            _ => {
                self.note_slip(group, kind, fields, notes);
                self.content.objects.labelled.extend(labelled(node, kind));
                if (group, kind) == ("", "ConfigMap") {
                    self.content.objects.config_maps.extend(module::config_map(node));
                }
            }
        }
    }

    /// A slip in the group or the kind would let an object of ours pass for one that is none of our business.
    fn note_slip(&self, group: &str, kind: &str, fields: &Fields<'_>, notes: &mut Notes) {
        let line = |key: &str, notes: &mut Notes| {
            fields.entry(key, notes).map_or(fields.line(), |entry| entry.line)
        };
        if group == GROUP && kind != "Receiver" {
            let guess = did_you_mean(kind, ["Provider", "Alert", "Receiver"]);
            let advice =
                guess.unwrap_or_else(|| "there are Provider, Alert and Receiver".to_owned());
            let line = line("kind", notes);
            notes.mistake(line, "kind", format!("is unknown in {GROUP}; {advice}"));
        } else if matches!(kind, "Provider" | "Alert") && nearest(group, [GROUP]).is_some() {
            let line = line("apiVersion", notes);
            notes.mistake(line, "apiVersion", format!("unknown group; did you mean `{GROUP}`?"));
        }
    }

    fn provider(&mut self, node: &Node, fields: &Fields<'_>) {
        let object = self.read(node, fields, "Provider", provider::read);
        self.content.objects.providers.extend(object);
    }

    fn alert(&mut self, node: &Node, fields: &Fields<'_>) {
        let object = self.read(node, fields, "Alert", alert::read);
        self.content.objects.alerts.extend(object);
    }

    fn module(&mut self, node: &Node, fields: &Fields<'_>) {
        let object = self.read(node, fields, "ProviderModule", module::read);
        self.content.objects.modules.extend(object);
    }

    fn secret(&mut self, node: &Node, fields: &Fields<'_>) {
        let object = self.read(node, fields, "Secret", |fields, head, notes| {
            let (object, mistakes) = secret::read(fields, head, notes);
            (Some(object), mistakes)
        });
        self.content.objects.secrets.extend(object);
    }

    /// Reads the head, and what follows it as this kind does.
    fn read<T>(
        &mut self,
        node: &Node,
        fields: &Fields<'_>,
        kind: &'static str,
        rest: impl FnOnce(&Fields<'_>, Head, Notes) -> (Option<T>, Vec<Mistake>),
    ) -> Option<T> {
        let (head, notes) = Head::read(&self.file, node, fields, kind);
        let (object, mistakes) = match head {
            Some(head) => rest(fields, head, notes),
            None => (None, notes.finish().1),
        };
        self.content.mistakes.extend(mistakes);
        object
    }
}

impl Head {
    /// Reads `metadata`; no head when the object cannot be named.
    fn read(
        file: &Arc<str>,
        node: &Node,
        fields: &Fields<'_>,
        kind: &'static str,
    ) -> (Option<Self>, Notes) {
        let label = match name_of(node) {
            Some((namespace, name)) => format!("{kind} {namespace}/{name}"),
            None => kind.to_owned(),
        };
        let mut notes = Notes::new(file, node.line, label);
        let head = Self::read_noting(node, fields, kind, &mut notes);
        (head, notes)
    }

    fn read_noting(
        node: &Node,
        fields: &Fields<'_>,
        kind: &'static str,
        notes: &mut Notes,
    ) -> Option<Self> {
        if fields.entry("metadata", notes).is_none() {
            fields.note_missing("metadata", "add it with the object's `name:`", notes);
        }
        let metadata = fields.fields("metadata", notes)?;
        metadata.expect_once(notes);
        let name = metadata.required_text("name", "give the object a name", notes);
        let namespace = metadata.text("namespace", notes).filter(|namespace| !namespace.is_empty());
        let uid = metadata.text("uid", notes).filter(|uid| !uid.is_empty());
        for (key, text) in [("name", name), ("namespace", namespace)] {
            if let Some(text) = text
                && !is_object_name(text)
                && let Some(entry) = metadata.entry(key, notes)
            {
                let message = "is no name of Kubernetes; use at most 253 lower-case letters, digits, `-` and `.`";
                notes.mistake(entry.line, &metadata.path_of(key), message);
            }
        }
        for key in ["labels", "annotations"] {
            metadata.text_map(key, notes);
        }
        let id = ObjectId {
            kind,
            namespace: namespace.unwrap_or(DEFAULT_NAMESPACE).to_owned(),
            name: name?.to_owned(),
        };
        let uid = uid.map_or_else(|| id.derived_uid(), str::to_owned);
        let json = ObjectJson::new(&json(node, &id, &uid));
        Some(Self { id, uid, json })
    }
}

/// The object with what the API server would fill in.
fn json(node: &Node, id: &ObjectId, uid: &str) -> serde_json::Value {
    let mut object = serde_json::Map::new();
    for key in ["apiVersion", "kind", "metadata", "spec"] {
        if let Some(value) = node.get(key) {
            object.insert(key.to_owned(), value.to_json());
        }
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(serde_json::Value::as_object_mut) {
        metadata.insert("namespace".to_owned(), id.namespace.as_str().into());
        metadata.insert("uid".to_owned(), uid.into());
    }
    serde_json::Value::Object(object)
}

/// An object of another kind, if it has a name.
fn labelled(node: &Node, kind: &str) -> Option<LabelledObject> {
    let (namespace, name) = name_of(node)?;
    let mut labels = BTreeMap::new();
    if let Some(Value::Map(entries)) =
        node.get("metadata").and_then(|metadata| metadata.get("labels")).map(|labels| &labels.value)
    {
        for entry in entries {
            if let Some(text) = entry.value.text() {
                labels.insert(entry.key.clone(), text.to_owned());
            }
        }
    }
    Some(LabelledObject {
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        labels,
    })
}

/// The namespace and the name of an object, whatever else is wrong with it.
fn name_of(node: &Node) -> Option<(&str, &str)> {
    let metadata = node.get("metadata")?;
    let name = metadata.get("name")?.text().filter(|name| !name.is_empty())?;
    let namespace = metadata.get("namespace").and_then(Node::text);
    Some((namespace.filter(|text| !text.is_empty()).unwrap_or(DEFAULT_NAMESPACE), name))
}

fn is_object_name(text: &str) -> bool {
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    text.len() <= 253
        && is_end(text.chars().next())
        && is_end(text.chars().next_back())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')
}
