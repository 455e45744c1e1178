//! From the interface's words to the host's: everything is moved.

use herald_core::formatter::{
    Action, Base, Conclusion, Description, Encoding, Failure, Fragment, Hash, Hmac, Outcome, Place,
    Placement, Places, Plain, Postponement, Purpose, Question, Request, Signed, Url,
};

use super::formatter as wit;

/// Converts each element.
fn all<T, U: From<T>>(list: Vec<T>) -> Vec<U> {
    list.into_iter().map(U::from).collect()
}

/// Converts the fragments of each pair.
fn named(list: Vec<(String, Vec<wit::Fragment>)>) -> Vec<(String, Vec<Fragment>)> {
    list.into_iter().map(|(name, fragments)| (name, all(fragments))).collect()
}

impl From<wit::Action> for Action {
    fn from(action: wit::Action) -> Self {
        match action {
            wit::Action::Finish(request) => Action::Finish(request.into()),
            wit::Action::Ask(question) => Action::Ask(Question {
                request: question.request.into(),
                expects: question.expects,
            }),
            wit::Action::Done(conclusion) => Action::Done(Conclusion {
                outcome: match conclusion.outcome {
                    wit::Outcome::Delivered => Outcome::Delivered,
                    wit::Outcome::Skipped(why) => Outcome::Skipped(why),
                },
                remember: conclusion.remember,
            }),
        }
    }
}

impl From<wit::Failure> for Failure {
    fn from(failure: wit::Failure) -> Self {
        match failure {
            wit::Failure::Misconfigured(why) => Failure::Misconfigured(why),
            wit::Failure::Unsendable(why) => Failure::Unsendable(why),
            wit::Failure::Rejected(why) => Failure::Rejected(why),
            wit::Failure::Later(later) => {
                Failure::Later(Postponement { reason: later.reason, after: later.after })
            }
        }
    }
}

impl From<wit::Request> for Request {
    fn from(request: wit::Request) -> Self {
        Request {
            method: request.method,
            url: Url {
                base: request.url.base.into(),
                path: request.url.path.into_iter().map(all).collect(),
                query: named(request.url.query),
            },
            headers: named(request.headers),
            body: all(request.body),
        }
    }
}

impl From<wit::Base> for Base {
    fn from(base: wit::Base) -> Self {
        match base {
            wit::Base::Address => Base::Address,
            wit::Base::AddressEnding => Base::AddressEnding,
            wit::Base::AddressOr => Base::AddressOr,
            wit::Base::Origin => Base::Origin,
            wit::Base::Site(site) => Base::Site(site),
        }
    }
}

impl From<wit::Fragment> for Fragment {
    fn from(fragment: wit::Fragment) -> Self {
        match fragment {
            wit::Fragment::Text(text) => Fragment::Text(text),
            wit::Fragment::Bytes(bytes) => Fragment::Bytes(bytes),
            wit::Fragment::Secret(key) => Fragment::Secret(key),
            wit::Fragment::Base64(pieces) => Fragment::Base64(all(pieces)),
            wit::Fragment::Hmac(hmac) => Fragment::Hmac(Hmac {
                hash: match hmac.hash {
                    wit::Hash::Sha1 => Hash::Sha1,
                    wit::Hash::Sha256 => Hash::Sha256,
                    wit::Hash::Sha512 => Hash::Sha512,
                },
                key: all(hmac.key),
                message: all(hmac.message),
                encoding: match hmac.encoding {
                    wit::Encoding::Hex => Encoding::Hex,
                    wit::Encoding::Base64 => Encoding::Base64,
                    wit::Encoding::Base64url => Encoding::Base64Url,
                },
            }),
            wit::Fragment::Authorization(credential) => Fragment::Authorization(credential),
        }
    }
}

impl From<wit::Plain> for Plain {
    fn from(plain: wit::Plain) -> Self {
        match plain {
            wit::Plain::Text(text) => Plain::Text(text),
            wit::Plain::Secret(key) => Plain::Secret(key),
            wit::Plain::SecretBytes(key) => Plain::SecretBytes(key),
        }
    }
}

impl From<wit::Signed> for Signed {
    fn from(signed: wit::Signed) -> Self {
        match signed {
            wit::Signed::Text(text) => Signed::Text(text),
            wit::Signed::Secret(key) => Signed::Secret(key),
            wit::Signed::Body => Signed::Body,
        }
    }
}

impl From<wit::Description> for Description {
    fn from(description: wit::Description) -> Self {
        Description {
            summary: description.summary,
            purpose: match description.purpose {
                wit::Purpose::Message => Purpose::Message,
                wit::Purpose::Forward => Purpose::Forward,
                wit::Purpose::CommitStatus => Purpose::CommitStatus,
                wit::Purpose::ChangeRequest => Purpose::ChangeRequest,
            },
            hosts: description.hosts,
            secrets: all(description.secrets),
            credentials: description.credentials,
            config_schema: description.config_schema,
        }
    }
}

impl From<wit::Placement> for Placement {
    fn from(placement: wit::Placement) -> Self {
        Placement { key: placement.key, places: places(placement.places) }
    }
}

fn places(flags: wit::Places) -> Places {
    let names = [
        (wit::Places::HEADER, Place::Header),
        (wit::Places::PATH, Place::Path),
        (wit::Places::QUERY, Place::Query),
        (wit::Places::BODY, Place::Body),
        (wit::Places::SIGNATURE, Place::Signature),
    ];
    names.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, place)| place).collect()
}
