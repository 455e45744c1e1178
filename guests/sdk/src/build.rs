//! Short ways to write what a module answers.

use crate::{
    Action, Base, Conclusion, Description, Failure, Fragment, Outcome, Placement, Places, Plain,
    Postponement, Provider, Purpose, Question, Request, Url,
};

/// The Secret's `headers` arrive as keys of this form, such as `headers/X-Team`.
const HEADERS: &str = "headers/";

/// The longest text that a module may ask to remember, in bytes (`conclusion.remember` in `wit/`).
pub const REMEMBER_LIMIT: usize = 4 << 10;

/// What `authorization` holds for a bearer token: the value of this key of the Secret.
#[must_use]
pub fn bearer(key: &str) -> Vec<Fragment> {
    vec![Fragment::text("Bearer "), Fragment::secret(key)]
}

/// What `authorization` holds for HTTP Basic: this user, and the value of this key of the Secret as the password.
#[must_use]
pub fn basic(user: &str, key: &str) -> Vec<Fragment> {
    let user = Plain::Text([user, ":"].concat());
    vec![Fragment::text("Basic "), Fragment::Base64(vec![user, Plain::Secret(key.to_owned())])]
}

/// The declaration that the module puts this key of the Secret there.
#[must_use]
pub fn place(key: &str, places: Places) -> Placement {
    Placement { key: key.to_owned(), places }
}

impl Description {
    /// A module that reaches no other host and places no secret; for `..` in one that does.
    #[must_use]
    pub fn new(summary: &str, purpose: Purpose) -> Self {
        Self {
            summary: summary.to_owned(),
            purpose,
            hosts: Vec::new(),
            secrets: Vec::new(),
            credentials: Vec::new(),
            config_schema: String::new(),
        }
    }
}

impl Fragment {
    /// Text as it is.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Fragment::Text(text.to_owned())
    }

    /// The value of this key of the Secret.
    #[must_use]
    pub fn secret(key: &str) -> Self {
        Fragment::Secret(key.to_owned())
    }
}

impl Url {
    /// The provider's address as it is.
    #[must_use]
    pub fn address() -> Self {
        Self::new(Base::Address, [])
    }

    /// The base and these segments, which need no encoding.
    #[must_use]
    pub fn new<'a>(base: Base, segments: impl IntoIterator<Item = &'a str>) -> Self {
        let path = segments.into_iter().map(|segment| vec![Fragment::text(segment)]).collect();
        Self { base, path, query: Vec::new() }
    }

    /// The same with one more parameter.
    #[must_use]
    pub fn with_query(mut self, key: &str, value: &str) -> Self {
        self.query.push((key.to_owned(), vec![Fragment::text(value)]));
        self
    }
}

impl Request {
    /// A GET without headers.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self { method: "GET".to_owned(), url, headers: Vec::new(), body: Vec::new() }
    }

    /// A POST of a JSON text.
    #[must_use]
    pub fn post_json(url: Url, body: String) -> Self {
        let method = "POST".to_owned();
        Self { method, url, headers: Vec::new(), body: vec![Fragment::Text(body)] }
            .with_header("content-type", vec![Fragment::text("application/json")])
    }

    /// The same with every header that the user put in the Secret. The module has to declare `headers/*`.
    #[must_use]
    pub fn with_headers_of(mut self, provider: &Provider) -> Self {
        for key in &provider.secret_keys {
            if let Some(name) = key.strip_prefix(HEADERS) {
                self = self.with_header(name, vec![Fragment::secret(key)]);
            }
        }
        self
    }

    /// The same with this header, instead of any other of its name.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: Vec<Fragment>) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value));
        self
    }

    /// As the last request of its delivery, which the host judges.
    #[must_use]
    pub fn finish(self) -> Action {
        Action::Finish(self)
    }

    /// As a question, of which the module wants to see every 2xx answer.
    #[must_use]
    pub fn ask(self) -> Action {
        self.ask_expecting(&[])
    }

    /// As a question, of which the module wants to see every 2xx answer and those with these statuses.
    #[must_use]
    pub fn ask_expecting(self, expects: &[u16]) -> Action {
        Action::Ask(Question { request: self, expects: expects.to_vec() })
    }
}

impl Action {
    /// The receiver has it.
    #[must_use]
    pub fn delivered() -> Self {
        Action::Done(Conclusion { outcome: Outcome::Delivered, remember: None })
    }

    /// The receiver has it, and this is kept about the object until the next one is; an empty text forgets it.
    #[must_use]
    pub fn delivered_remembering(text: String) -> Self {
        Action::Done(Conclusion { outcome: Outcome::Delivered, remember: Some(text) })
    }

    /// There is nothing to say, and why.
    #[must_use]
    pub fn skipped(why: &str) -> Self {
        Action::Done(Conclusion { outcome: Outcome::Skipped(why.to_owned()), remember: None })
    }
}

impl Failure {
    /// The Provider must be changed first.
    #[must_use]
    pub fn misconfigured(why: impl Into<String>) -> Self {
        Failure::Misconfigured(why.into())
    }

    /// This event cannot be sent to this kind of receiver.
    #[must_use]
    pub fn unsendable(why: impl Into<String>) -> Self {
        Failure::Unsendable(why.into())
    }

    /// The receiver refused it for good.
    #[must_use]
    pub fn rejected(why: impl Into<String>) -> Self {
        Failure::Rejected(why.into())
    }

    /// The answer is none that this receiver gives: what stands between may go away.
    #[must_use]
    pub fn foreign_answer(receiver: &str) -> Self {
        let why = ["the answer is not one of ", receiver, "'s: is a proxy in between?"];
        Self::later(why.concat())
    }

    /// Worth another attempt, at a time that the host chooses.
    #[must_use]
    pub fn later(reason: impl Into<String>) -> Self {
        Self::later_after(reason, None)
    }

    /// Worth another attempt, after this many seconds if the receiver named any.
    #[must_use]
    pub fn later_after(reason: impl Into<String>, after: Option<u32>) -> Self {
        Failure::Later(Postponement { reason: reason.into(), after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_replaces_its_namesake() {
        let request = Request::post_json(Url::address(), String::new())
            .with_header("X-Team", vec![Fragment::text("one")])
            .with_header("x-team", vec![Fragment::text("two")])
            .with_header("Content-Type", vec![Fragment::text("text/plain")]);
        let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["x-team", "Content-Type"]);
    }

    #[test]
    fn headers_of_the_secret_win() {
        let provider =
            crate::testing::provider(None, &["headers/Accept", "headers/X-Team", "token"]);
        let request = Request::get(Url::address())
            .with_header("accept", vec![Fragment::text("*/*")])
            .with_headers_of(&provider);
        assert_eq!(
            crate::testing::render(&request),
            "GET {address}\nAccept: {headers/Accept}\nX-Team: {headers/X-Team}"
        );
    }
}
