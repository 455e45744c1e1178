//! The request that a module describes: texts, and places where the host fills in secrets.

/// One request to a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `POST`, `GET`, …; `PUBLISH` for a `nats:` address.
    pub method: String,
    /// Where it goes.
    pub url: Url,
    /// Each name once.
    pub headers: Vec<(String, Vec<Fragment>)>,
    /// The pieces of the body, joined.
    pub body: Vec<Fragment>,
}

/// A URL as a base and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// What it starts from.
    pub base: Base,
    /// Segments that follow the base's path; each is percent-encoded, and an empty last one ends the path in a slash.
    pub path: Vec<Vec<Fragment>>,
    /// Follows the base's query; a key that the base has already is left out.
    pub query: Vec<(String, Vec<Fragment>)>,
}

/// What a URL starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// The provider's address, its path and query included.
    Address,
    /// The same; the path is left out where the address ends in it already.
    AddressEnding,
    /// The same; the path is left out where the address has a path.
    AddressOr,
    /// The scheme, host and port of the provider's address.
    Origin,
    /// Another `https` site that the module's description names.
    Site(String),
}

/// A piece of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// Text as it is.
    Text(String),
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// The value of this key of the provider's Secret, escaped as its place asks.
    Secret(String),
    /// The pieces joined, in base64.
    Base64(Vec<Plain>),
    /// A signature made by the host.
    Hmac(Hmac),
    /// A whole `authorization` header, made with a credential that the host obtains.
    Authorization(String),
}

/// A text in which secrets have no value yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plain {
    /// Text as it is.
    Text(String),
    /// The value of this key of the provider's Secret.
    Secret(String),
    /// The bytes for which this key's value is the base64, a prefix that ends in `_` dropped.
    SecretBytes(String),
}

/// A keyed hash over a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hmac {
    /// The hash function.
    pub hash: Hash,
    /// The pieces of the key, joined.
    pub key: Vec<Plain>,
    /// The pieces of the message, joined.
    pub message: Vec<Signed>,
    /// How the result is written.
    pub encoding: Encoding,
}

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// A piece of a signed message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// Text as it is.
    Text(String),
    /// The value of this key of the provider's Secret.
    Secret(String),
    /// The body of this request, exactly as it is sent.
    Body,
}

/// How bytes are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Lower-case hexadecimal.
    Hex,
    /// Standard base64 with padding.
    Base64,
    /// base64 for URLs, without padding.
    Base64Url,
}
