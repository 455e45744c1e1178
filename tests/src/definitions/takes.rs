//! One request that the receivers of a type take: an operation, where it stands, and what is looked at besides.

use super::library::library;
use super::request::Request;

/// What is looked at beyond definition and limits.
pub(super) type Check = fn(&Request) -> Vec<String>;

/// One request that a receiver takes.
pub(super) struct Takes {
    file: &'static str,
    operation: &'static str,
    base: &'static str,
    meant: Option<fn(&Request) -> bool>,
    ignored: &'static [&'static str],
    also_asked: &'static [&'static str],
    headers: &'static [&'static str],
    limits: Option<&'static str>,
    n_bytes: usize,
    checks: Vec<Check>,
}

/// The operation of a file in `tests/definitions`, behind `base`.
pub(super) fn to(file: &'static str, operation: &'static str, base: &'static str) -> Takes {
    Takes {
        file,
        operation,
        base,
        meant: None,
        ignored: &[],
        also_asked: &[],
        headers: &[],
        limits: None,
        // Herald sends no more to anyone.
        n_bytes: 4 << 20,
        checks: Vec::new(),
    }
}

impl Takes {
    /// Only for requests like this; without, for all at this place.
    pub(super) fn when(self, meant: fn(&Request) -> bool) -> Self {
        Self { meant: Some(meant), ..self }
    }

    /// Members of the body that the definition does not know and the vendor passes over.
    pub(super) fn ignoring(self, ignored: &'static [&'static str]) -> Self {
        Self { ignored, ..self }
    }

    /// Parts of the query that the definition does not know and the vendor passes over.
    pub(super) fn asked_also(self, also_asked: &'static [&'static str]) -> Self {
        Self { also_asked, ..self }
    }

    /// Headers that the definition does not ask for and the vendor does.
    pub(super) fn with(self, headers: &'static [&'static str]) -> Self {
        Self { headers, ..self }
    }

    /// An entry of `ours/limits.json`.
    pub(super) fn within(self, limits: &'static str) -> Self {
        Self { limits: Some(limits), ..self }
    }

    /// The longest body in bytes.
    pub(super) fn at_most(self, n_bytes: usize) -> Self {
        Self { n_bytes, ..self }
    }

    /// A look that no schema can take.
    pub(super) fn and(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// Whether it is this that the request is meant for.
    pub(super) fn is_meant(&self, request: &Request) -> bool {
        let operation = library().operation(self.file, self.operation);
        operation.method == request.method
            && operation.is_at(self.base, &request.path)
            && self.meant.is_none_or(|is_meant| is_meant(request))
    }

    /// Everything about the request that is not taken.
    pub(super) fn problems(&self, request: &Request) -> Vec<String> {
        let operation = library().operation(self.file, self.operation);
        let mut problems = operation.address_problems(request, self.base, self.also_asked);
        problems.extend(operation.body_problems(request, self.ignored));
        let missing = self.headers.iter().filter(|name| request.header(name).is_none());
        problems.extend(missing.map(|name| format!("the header {name} is missing")));
        if let (Some(name), Some(body)) = (self.limits, request.body.value()) {
            problems.extend(library().check(name, &body));
        }
        if request.n_bytes > self.n_bytes {
            problems.push(format!("{} bytes, and {} are taken", request.n_bytes, self.n_bytes));
        }
        for check in &self.checks {
            problems.extend(check(request));
        }
        problems
    }
}
