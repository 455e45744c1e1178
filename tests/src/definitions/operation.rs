//! What a vendor takes at one method and path: parameters and body.

use serde_json::Value;

use super::library::Schema;
use super::request::{Body, Plus, Request, decode};

/// Any path: it is the Provider's address as a whole.
pub(super) const ADDRESS: &str = "*";
/// Whatever stands before the operation's path, as it comes from the address.
pub(super) const ANY: &str = "**";
/// The Provider's address and behind it the last part of the operation's path.
pub(super) const ENDING: &str = "…";

/// One operation.
pub(super) struct Operation {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) params: Vec<Param>,
    /// By content type.
    pub(super) bodies: Vec<(String, Schema)>,
}

/// A parameter.
pub(super) struct Param {
    pub(super) name: String,
    /// `path`, `query` or `header`.
    pub(super) place: String,
    pub(super) required: bool,
    pub(super) schema: Schema,
}

impl Operation {
    /// Whether this path is the operation's, behind what `base` allows.
    pub(super) fn is_at(&self, base: &str, path: &str) -> bool {
        match base {
            ADDRESS => true,
            ENDING => self.path.rsplit('/').next() == path.rsplit('/').next(),
            base => self.segments(base, path).is_some(),
        }
    }

    /// The parameters of the path with their values, as they stand in the path.
    fn segments<'a>(&self, base: &str, path: &'a str) -> Option<Vec<(String, &'a str)>> {
        let template: Vec<&str> = self.path.trim_start_matches('/').split('/').collect();
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let at = segments.len().checked_sub(template.len())?;
        let before = segments[..at].join("/");
        if base != ANY && before != base.trim_start_matches('/') {
            return None;
        }
        let pairs = template.iter().zip(&segments[at..]);
        let found: Option<Vec<_>> =
            pairs.map(|(form, segment)| segment_of(form, segment)).collect();
        Some(found?.into_iter().flatten().collect())
    }

    /// What is wrong with path, query and headers. The query may have `also_asked` besides.
    pub(super) fn address_problems(
        &self,
        request: &Request,
        base: &str,
        also_asked: &[&str],
    ) -> Vec<String> {
        let mut problems = Vec::new();
        // Of the user's own address Herald has not to answer for.
        let is_ours = ![ADDRESS, ENDING].contains(&base);
        if is_ours {
            for (name, segment) in self.segments(base, &request.path).unwrap_or_default() {
                match decode(segment, Plus::IsPlus) {
                    Ok(value) => problems.extend(self.param("path", &name, &value)),
                    Err(problem) => problems.push(problem),
                }
            }
            let asked = |(name, _): &&(String, String)| !also_asked.contains(&name.as_str());
            for (name, value) in request.query.iter().filter(asked) {
                problems.extend(self.param("query", name, value));
            }
        }
        for param in self.params.iter().filter(|param| param.place != "path") {
            let value = match param.place.as_str() {
                "header" => request.header(&param.name.to_ascii_lowercase()),
                _ if !is_ours => continue,
                _ => request.query.iter().find(|(key, _)| *key == param.name).map(|(_, v)| &**v),
            };
            match value {
                None if param.required => {
                    problems.push(format!("the {} {} is missing", param.place, param.name));
                }
                Some(value) if param.place == "header" => {
                    problems.extend(self.param("header", &param.name, value));
                }
                _ => {}
            }
        }
        problems
    }

    fn param(&self, place: &str, name: &str, value: &str) -> Vec<String> {
        let known = |param: &&Param| param.place == place && param.name == name;
        let Some(param) = self.params.iter().find(known) else {
            // The path as a whole has fitted already.
            if place == "path" {
                return Vec::new();
            }
            return vec![format!("the {place} {name} is not known")];
        };
        let as_text = param.schema.problems(&Value::String(value.to_owned()));
        let other = serde_json::from_str::<Value>(value).ok();
        if as_text.is_empty() || other.is_some_and(|v| param.schema.problems(&v).is_empty()) {
            return Vec::new();
        }
        as_text.iter().map(|problem| format!("the {place} {name}, {value:?}: {problem}")).collect()
    }

    /// What is wrong with the body. Members under `ignored` are left out of the look.
    pub(super) fn body_problems(&self, request: &Request, ignored: &[&str]) -> Vec<String> {
        if self.bodies.is_empty() {
            let is_empty = matches!(request.body, Body::Empty);
            return if is_empty { Vec::new() } else { vec!["no body is taken".to_owned()] };
        }
        let kind = request.header("content-type").unwrap_or_default();
        let plain = |kind: &str| kind.to_ascii_lowercase().replace(' ', "");
        let without_charset =
            |kind: &str| plain(kind).trim_end_matches(";charset=utf-8").to_owned();
        let known = self.bodies.iter().find(|(known, _)| {
            *known == "*/*"
                || plain(known) == plain(kind)
                || without_charset(known) == without_charset(kind)
        });
        let Some((_, schema)) = known else {
            return vec![format!("the content type {kind:?} is not taken")];
        };
        let Some(mut value) = request.body.value() else {
            return vec!["the body is missing or cannot be read".to_owned()];
        };
        for path in ignored {
            remove(&mut value, path.trim_start_matches('/'));
        }
        schema.problems(&value)
    }
}

/// The parameter of a segment such as `bot{token}` with its value, no parameter for an equal segment, or no match.
fn segment_of<'a>(form: &str, segment: &'a str) -> Option<Option<(String, &'a str)>> {
    let Some((before, rest)) = form.split_once('{') else {
        return (form == segment).then_some(None);
    };
    let (name, after) = rest.split_once('}')?;
    let value = segment.strip_prefix(before)?.strip_suffix(after)?;
    (!value.is_empty()).then(|| Some((name.to_owned(), value)))
}

/// Takes a member out; `*` stands for every element of a list.
fn remove(value: &mut Value, path: &str) {
    match path.split_once('/') {
        None => {
            value.as_object_mut().map(|members| members.remove(path));
        }
        Some(("*", rest)) => {
            for element in value.as_array_mut().into_iter().flatten() {
                remove(element, rest);
            }
        }
        Some((member, rest)) => {
            if let Some(inner) = value.get_mut(member) {
                remove(inner, rest);
            }
        }
    }
}
