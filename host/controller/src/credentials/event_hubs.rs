//! Event Hubs: what lets a request in at a namespace, and which namespace that is.
//!
//! It knows connection strings and how a request is signed with the key of one
//! (<https://learn.microsoft.com/en-us/rest/api/eventhub/generate-sas-token>). What has none, an identity has.

use herald_core::address::{Address, EventHubs, ParseAddressError};
use herald_core::formatter::{Encoding, Hash};
use herald_core::provider::Provider;
use herald_core::secret::SecretText;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::environment::Azure;
use super::exchange::{Exchange, authorization};
use super::kept::Minted;
use super::workload::Workload;
use super::{ObtainError, azure, misconfigured};
use crate::egress::{Transport, sign};

/// How long a signature is good for; anyone who saw one could use it that long.
const LIFE: SignedDuration = SignedDuration::from_hours(1);

/// Where namespaces are, a cloud each.
const DOMAINS: [&str; 3] =
    ["servicebus.windows.net", "servicebus.chinacloudapi.cn", "servicebus.usgovcloudapi.net"];

/// What `encodeURIComponent` leaves as it is, but for marks that need not be left.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A signature for a connection string, or else a token for an identity.
pub(super) async fn token<T: Transport>(
    exchange: &Exchange<'_, '_, T>,
    workload: Option<&Workload<'_>>,
    azure: &Azure,
) -> Result<Minted, ObtainError> {
    match connection(exchange.provider())? {
        // As with Flux: of two ways to be let in, one is a mistake.
        Some(_) if exchange.provider().service_account.is_some() => Err(misconfigured(
            "`spec.serviceAccountName` and a connection string are two ways to be let in: keep one of them",
        )),
        Some(hub) => {
            let ends = exchange.now().saturating_add(LIFE).unwrap_or(exchange.now());
            signature(&hub, ends)
        }
        None => azure::token(exchange, workload, azure, azure::EVENT_HUBS).await,
    }
}

/// What the Provider's connection string says; none when its address is the name of a hub.
fn connection(provider: &Provider) -> Result<Option<EventHubs>, ObtainError> {
    let unread =
        |err: ParseAddressError| misconfigured(format!("the address cannot be used: {err}"));
    if let Some(read) = EventHubs::parse(&provider.address) {
        return read.map(Some).map_err(unread);
    }
    match provider.address.read().map_err(|err| unread(err.clone()))? {
        Some(Address::Name(_)) => Ok(None),
        Some(Address::Url { .. }) | None => Err(misconfigured(
            "the address is neither a connection string nor the name of an event hub: set it to one of them",
        )),
    }
}

/// The hub's URL and an end, signed with the key.
fn signature(hub: &EventHubs, ends: Timestamp) -> Result<Minted, ObtainError> {
    let encode = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    let (resource, end) = (encode(hub.url.as_str()), ends.as_second().to_string());
    let message = [resource.as_str(), "\n", &end].concat();
    // The key is used as it is written, although it is base64.
    let key = hub.key.expose().as_bytes();
    let sum = sign(Hash::Sha256, key, message.as_bytes(), Encoding::Base64);
    let signed =
        ["sr=", &resource, "&sig=", &encode(&sum), "&se=", &end, "&skn=", &encode(&hub.key_name)];
    let signed = SecretText::new(signed.concat());
    let header = authorization("SharedAccessSignature ", &signed)?;
    Ok(Minted { header, secrets: vec![signed, SecretText::new(sum)], ends, annotations: None })
}

/// Whether a request goes to the namespace that the Provider names. In a module's description a namespace is a wildcard,
/// and anyone can rent one.
pub(super) fn is_audience(provider: &Provider, url: &Url) -> Result<bool, ObtainError> {
    if let Some(hub) = connection(provider)? {
        return Ok(hub.url.origin() == url.origin());
    }
    let named = provider.channel.trim().to_ascii_lowercase();
    let host = url.host_str().unwrap_or_default();
    let is_site = url.scheme() == "https" && url.port().is_none();
    let label = DOMAINS.iter().find_map(|domain| host.strip_suffix(domain)?.strip_suffix('.'));
    let is_named = |label: &str| !label.contains('.') && (label == named || host == named);
    Ok(is_site && label.is_some_and(is_named))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::fixture;

    /// The sum was made with the program in Python on the page that the head of this file names.
    #[test]
    fn a_signature_is_that_of_the_documentation() {
        let text = "Endpoint=sb://fluxv2.servicebus.windows.net/;SharedAccessKeyName=send;\
                    SharedAccessKey=ZmFrZS1rZXktb2YtYS1odWI=;EntityPath=events";
        let hub = EventHubs::parse(text).unwrap().unwrap();
        let ends: Timestamp = "2026-03-14T10:30:00Z".parse().unwrap();
        let minted = signature(&hub, ends).unwrap();
        assert_eq!(
            minted.header.to_str().unwrap(),
            "SharedAccessSignature sr=https%3A%2F%2Ffluxv2.servicebus.windows.net%2Fevents\
             &sig=LX%2FscVqJ7FJdZdxmbPY0bUUzGo3vspdymr4Lkk%2BzEJs%3D\
             &se=1773484200&skn=send"
        );
        assert!(minted.header.is_sensitive());
    }

    #[test]
    fn a_namespace_is_the_one_that_the_provider_names() {
        let check = |address: &str, channel: &str, url: &str, expected: bool| {
            let mut provider = fixture::provider(address, &[]);
            provider.channel = channel.to_owned();
            let found = is_audience(&provider, &Url::parse(url).unwrap());
            assert_eq!(found.ok(), Some(expected), "{address} in {channel:?} and {url}");
        };
        let mine = "https://mine.servicebus.windows.net/hub/messages";
        check("hub", "mine", mine, true);
        check("hub", "Mine", mine, true);
        check("hub", "mine.servicebus.windows.net", mine, true);
        check("hub", "mine", "https://mine.servicebus.chinacloudapi.cn/hub", true);
        check(
            "hub",
            "mine.servicebus.windows.net",
            "https://mine.servicebus.chinacloudapi.cn/hub",
            false,
        );
        for url in [
            "https://other.servicebus.windows.net/hub",
            "https://mine.servicebus.windows.net:8443/hub",
            "http://mine.servicebus.windows.net/hub",
            "https://mine.servicebus.windows.net.evil.example/hub",
            "https://mine.evil.example/hub",
            "https://mine/hub",
        ] {
            check("hub", "mine", url, false);
            check("hub", "", url, false);
        }
        check("hub", "mine.evil.example", "https://mine.evil.example/hub", false);
        check("hub", "a.b", "https://a.b.servicebus.windows.net/hub", false);

        let sas =
            "Endpoint=sb://ns.example:8443;SharedAccessKeyName=n;SharedAccessKey=k;EntityPath=h";
        check(sas, "mine", "https://ns.example:8443/h/messages", true);
        check(sas, "mine", mine, false);
        check(sas, "mine", "https://ns.example/h/messages", false);
        let mut provider = fixture::provider("https://mine.servicebus.windows.net/hub", &[]);
        provider.channel = "mine".to_owned();
        let refused = is_audience(&provider, &Url::parse(mine).unwrap()).unwrap_err().to_string();
        assert!(refused.contains("neither a connection string nor the name"), "{refused}");
    }
}
