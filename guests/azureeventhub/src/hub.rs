//! Where the hub is and who may send there: a connection string, which says both, or the names of hub and namespace.

use herald_provider::{Address, Base, Fragment, Provider, Url, bearer};

use crate::IDENTITY;

/// The clouds' names for what stands behind a namespace. The first one is meant where nothing says otherwise.
pub(crate) const SUFFIXES: [&str; 3] =
    [".servicebus.windows.net", ".servicebus.chinacloudapi.cn", ".servicebus.usgovcloudapi.net"];

/// Where to send, and with what.
pub(crate) enum Hub {
    /// The host knows it from a connection string, key included.
    Connected,
    /// A hub in a namespace.
    Named {
        /// The namespace's host.
        namespace: String,
        hub: String,
        has_token: bool,
    },
}

impl Hub {
    /// The hub of this Provider. `authority` is where its identity signs in, which tells a namespace's cloud; empty for
    /// the one that most use.
    pub(crate) fn of(provider: &Provider, authority: &str) -> Result<Self, String> {
        let has_token = provider.has_secret("token");
        match &provider.address {
            None => Err("there is no address: set spec.address, or `address` in the Secret, to the name of the event hub, and spec.channel to its namespace; or to a connection string".to_owned()),
            Some(Address::Url(origin)) if origin.scheme != "https" => Err([
                "the address begins with ",
                &origin.scheme,
                "://: set it to the name of the event hub, or to a connection string",
            ]
            .concat()),
            Some(Address::Url(_)) if has_token => Err("the address is a connection string, and the Secret has a `token`: remove the token, or set the address to the hub's name and spec.channel to its namespace".to_owned()),
            Some(Address::Url(_)) => Ok(Hub::Connected),
            Some(Address::Name(hub)) => {
                let namespace = namespace(&provider.channel, authority)?;
                Ok(Hub::Named { namespace, hub: hub.clone(), has_token })
            }
        }
    }

    /// Where its events go.
    pub(crate) fn messages(&self) -> Url {
        match self {
            Hub::Connected => Url::new(Base::Address, ["messages"]),
            Hub::Named { namespace, hub, .. } => {
                Url::new(Base::Site(["https://", namespace].concat()), [hub.as_str(), "messages"])
            }
        }
    }

    /// What lets them in. A token of the user's own is as good as the user says; all else is the host's.
    pub(crate) fn authorization(&self) -> Vec<Fragment> {
        match self {
            Hub::Named { has_token: true, .. } => bearer("token"),
            Hub::Named { .. } | Hub::Connected => {
                vec![Fragment::Authorization(IDENTITY.to_owned())]
            }
        }
    }
}

/// The host of a namespace, of which the user may have written the first part alone.
fn namespace(channel: &str, authority: &str) -> Result<String, String> {
    let channel = channel.trim();
    if channel.is_empty() {
        return Err(
            "there is no namespace: set spec.channel to that of the event hub, such as fluxv2"
                .to_owned(),
        );
    }
    let known = SUFFIXES.iter().find_map(|suffix| Some((channel.strip_suffix(suffix)?, *suffix)));
    let (name, suffix) = known.unwrap_or((channel, suffix_of(authority)));
    let is_in_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if name.is_empty() || !name.chars().all(is_in_name) {
        return Err([
            "spec.channel names no namespace of Event Hubs: set it to the namespace's name, such as fluxv2, or to its host, such as fluxv2",
            SUFFIXES[0],
        ]
        .concat());
    }
    Ok([name, suffix].concat())
}

/// The cloud of an identity, as Flux tells it.
fn suffix_of(authority: &str) -> &'static str {
    let [public, china, government] = SUFFIXES;
    if authority.contains("chinacloudapi.cn") {
        china
    } else if authority.contains("microsoftonline.us") {
        government
    } else {
        public
    }
}
