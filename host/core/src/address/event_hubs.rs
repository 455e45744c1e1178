//! Azure's connection strings: `Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…;EntityPath=…`.
//!
//! It knows their parts. It must not know how a request is signed with the key.

use std::borrow::Cow;

use url::{Host, Url};

use super::ParseAddressError;
use crate::secret::SecretText;

/// What a connection string of an event hub says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventHubs {
    /// `https://<namespace>/<hub>`.
    pub url: Url,
    /// The name of the key.
    pub key_name: String,
    /// The key that requests are signed with.
    pub key: SecretText,
}

impl EventHubs {
    /// Reads a connection string; none when the text is of another form.
    pub fn parse(text: &str) -> Option<Result<Self, ParseAddressError>> {
        const PARTS: [&str; 5] = [
            "Endpoint",
            "SharedAccessKeyName",
            "SharedAccessKey",
            "SharedAccessSignature",
            "EntityPath",
        ];
        let text = text.trim();
        // The first part decides, as a URL's path or query may hold the same words later.
        let (first, _) = text.split_once('=')?;
        PARTS
            .iter()
            .any(|part| first.trim().eq_ignore_ascii_case(part))
            .then(|| Self::parse_parts(text))
    }

    fn parse_parts(text: &str) -> Result<Self, ParseAddressError> {
        // A key is base64 and may end in `=`, so only the first one of a part separates.
        let part = |part: &'static str| {
            text.split(';')
                .filter_map(|pair| pair.split_once('='))
                .find(|(name, value)| {
                    name.trim().eq_ignore_ascii_case(part) && !value.trim().is_empty()
                })
                .map(|(_, value)| value.trim())
                .ok_or(ParseAddressError::ConnectionString { part })
        };
        let endpoint = part("Endpoint")?;
        let hub = part("EntityPath").map_err(|_| ParseAddressError::NoHub)?;
        let key_name = part("SharedAccessKeyName")?;
        let key = part("SharedAccessKey")?;

        // Read as https, its host follows the rules of a host there.
        let (_, authority) = endpoint.split_once("://").ok_or(ParseAddressError::NoScheme)?;
        if authority.is_empty() || authority.starts_with(['/', '\\']) {
            return Err(ParseAddressError::NoHost);
        }
        let mut url =
            Url::parse(&format!("https://{authority}")).map_err(ParseAddressError::Url)?;
        let host_alone =
            url.username().is_empty() && url.password().is_none() && matches!(url.path(), "" | "/");
        if !host_alone
            || !matches!(url.host(), Some(Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_)))
        {
            return Err(ParseAddressError::Unclear);
        }
        if !is_hub(hub) {
            return Err(ParseAddressError::HubName);
        }
        url.set_query(None);
        url.set_fragment(None);
        url.set_path(hub);
        Ok(Self { url, key_name: key_name.to_owned(), key: SecretText::from(key) })
    }
}

/// The address with the channel as its hub, where it is the connection string of a namespace: such a one names no hub.
#[must_use]
pub fn with_hub<'a>(address: &'a str, channel: &str) -> Cow<'a, str> {
    let hub = channel.trim();
    match EventHubs::parse(address) {
        // A separator would end the name and begin another part.
        Some(Err(ParseAddressError::NoHub)) if !hub.is_empty() && !hub.contains(';') => {
            [address.trim().trim_end_matches(';'), ";EntityPath=", hub].concat().into()
        }
        Some(_) | None => Cow::Borrowed(address),
    }
}

/// Whether a hub can have this name: it becomes a segment of a path, which must not lead elsewhere.
fn is_hub(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.chars().all(is_allowed) && !matches!(name, "." | "..")
}
