//! Where requests may go: which addresses, names and hosts are refused.
//!
//! It judges values alone. It must not resolve names: egress asks once for the URL and again for each address that its
//! name led to, as a name may lead anywhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// What is allowed beyond public addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Whether the machine itself may be reached.
    pub allow_loopback: bool,
    /// Whether private networks may be reached, as receivers in the cluster need.
    pub allow_private: bool,
}

/// Why an address is refused. It shows a host at most, never a path, query or user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{target}` is refused: {rule}")]
pub struct Denied {
    target: String,
    rule: Rule,
}

impl Denied {
    /// The rule that refuses it.
    #[must_use]
    pub fn rule(&self) -> Rule {
        self.rule
    }
}

/// A rule about addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// The scheme is not one for requests.
    #[error("requests are sent by https or http only")]
    Scheme,
    /// No host.
    #[error("it names no host")]
    NoHost,
    /// The machine itself.
    #[error("it is a loopback address; start Herald with `--allow-loopback` to reach this machine")]
    Loopback,
    /// The loopback address of whatever machine unwraps it.
    #[error(
        "it carries a loopback address for another machine to unwrap; write `127.0.0.1` or `[::1]` to reach this one"
    )]
    CarriedLoopback,
    /// Link-local, among them most metadata services.
    #[error(
        "it is a link-local address, where clouds have services that give out credentials; use another address"
    )]
    LinkLocal,
    /// A metadata service of a cloud.
    #[error(
        "it is the metadata service of a cloud, which gives out credentials; use another address"
    )]
    Metadata,
    /// `0.0.0.0`, `::` and their networks.
    #[error("it is the unspecified address; name the receiver's own address")]
    Unspecified,
    /// Multicast.
    #[error("it is a multicast address; name the address of one receiver")]
    Multicast,
    /// Broadcast and the reserved network around it.
    #[error("it is a broadcast or reserved address; name the address of one receiver")]
    Broadcast,
    /// A private network while those are closed.
    #[error(
        "it is in a private network, which this Herald does not send to; allow private networks or use a public address"
    )]
    Private,
}

/// Names that clouds give to their metadata services.
const METADATA_NAMES: [&str; 4] = [
    "metadata.google.internal",
    "metadata.goog",
    "instance-data.ec2.internal",
    "metadata.tencentyun.com",
];

/// Names that lead to the machine itself without being asked for.
const LOOPBACK_NAMES: [&str; 4] =
    ["localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"];

impl AddressPolicy {
    /// Judges an address that is about to be dialed.
    ///
    /// An IPv4 address inside an IPv6 one counts as well, since a translator or tunnel would lead there.
    ///
    /// # Errors
    ///
    /// When a rule refuses it.
    pub fn check_ip(&self, ip: IpAddr) -> Result<(), Denied> {
        match self.refusing(ip) {
            Some(rule) => Err(Denied { target: ip.to_string(), rule }),
            None => Ok(()),
        }
    }

    /// Judges a URL by itself: its scheme, and its host when that is an address in any spelling or a known name.
    ///
    /// # Errors
    ///
    /// When a rule refuses it.
    pub fn check_url(&self, url: &Url) -> Result<(), Denied> {
        if !matches!(url.scheme(), "https" | "http") {
            return Err(Denied { target: url.scheme().to_owned(), rule: Rule::Scheme });
        }
        match url.host() {
            None => Err(Denied { target: url.scheme().to_owned(), rule: Rule::NoHost }),
            Some(Host::Ipv4(ip)) => self.check_ip(ip.into()),
            Some(Host::Ipv6(ip)) => self.check_ip(ip.into()),
            Some(Host::Domain(name)) => self.check_host(name),
        }
    }

    /// Judges a host as it is written, for protocols whose URLs are not read as those of HTTP are.
    ///
    /// # Errors
    ///
    /// When a rule refuses it.
    pub fn check_host(&self, host: &str) -> Result<(), Denied> {
        let mut name = host.trim_end_matches('.').to_ascii_lowercase();
        match Host::parse(&name) {
            Ok(Host::Ipv4(ip)) => return self.check_ip(ip.into()),
            Ok(Host::Ipv6(ip)) => return self.check_ip(ip.into()),
            // The parser has decoded what is percent-encoded and mapped what only looks like another letter.
            Ok(Host::Domain(domain)) => name = domain.trim_end_matches('.').to_owned(),
            // What is no host name fails when it is resolved.
            Err(_) => {}
        }
        let rule = if name.is_empty() {
            Rule::NoHost
        } else if METADATA_NAMES.contains(&name.as_str()) {
            Rule::Metadata
        } else if !self.allow_loopback
            && (LOOPBACK_NAMES.contains(&name.as_str()) || name.ends_with(".localhost"))
        {
            Rule::Loopback
        } else {
            return Ok(());
        };
        Err(Denied { target: name, rule })
    }

    fn refusing(&self, ip: IpAddr) -> Option<Rule> {
        match ip {
            IpAddr::V4(ip) => self.refusing_v4(ip),
            IpAddr::V6(ip) => self.refusing_v6(ip),
        }
    }

    fn refusing_v4(&self, ip: Ipv4Addr) -> Option<Rule> {
        match ip.octets() {
            // Alibaba's, Azure's and Oracle's; the others are link-local.
            [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192] => Some(Rule::Metadata),
            [0, ..] => Some(Rule::Unspecified),
            [127, ..] => (!self.allow_loopback).then_some(Rule::Loopback),
            [169, 254, ..] => Some(Rule::LinkLocal),
            [224..=239, ..] => Some(Rule::Multicast),
            [240..=255, ..] => Some(Rule::Broadcast),
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => {
                (!self.allow_private).then_some(Rule::Private)
            }
            _ => None,
        }
    }

    fn refusing_v6(&self, ip: Ipv6Addr) -> Option<Rule> {
        if ip == Ipv6Addr::LOCALHOST {
            return (!self.allow_loopback).then_some(Rule::Loopback);
        }
        match ip.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0] => return Some(Rule::Unspecified),
            // Amazon's, which has its DNS and the credentials of pods in the same network, and Google's.
            [0xfd00, 0x0ec2, ..] | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254]
            // Oracle's, Scaleway's and Linode's.
            | [0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe]
            | [0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042]
            | [0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 0x0001] => return Some(Rule::Metadata),
            [0xfe80..=0xfebf, ..] => return Some(Rule::LinkLocal),
            [0xff00..=0xffff, ..] => return Some(Rule::Multicast),
            // Unique local and the older site-local addresses.
            [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] if !self.allow_private => {
                return Some(Rule::Private);
            }
            _ => {}
        }
        // A mapped address is dialed as the IPv4 one that it is.
        if let Some(ip) = ip.to_ipv4_mapped() {
            return self.refusing_v4(ip);
        }
        embedded(ip).into_iter().find_map(|ip| match self.refusing_v4(ip) {
            None if ip.is_loopback() => Some(Rule::CarriedLoopback),
            refused => refused,
        })
    }
}

/// The IPv4 addresses that packets to `ip` may end at once somebody unwraps them, by the forms that carry one.
fn embedded(ip: Ipv6Addr) -> Vec<Ipv4Addr> {
    let octets = ip.octets();
    let at = |indices: [usize; 4]| Ipv4Addr::from(indices.map(|index| octets[index]));
    let last = at([12, 13, 14, 15]);
    match ip.segments() {
        // Compatible and translated addresses, and the well-known prefix of NAT64.
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x0064, 0xff9b, 0, 0, 0, 0, ..] => {
            vec![last]
        }
        // NAT64 within a network: the place depends on a prefix length that only its operator knows (RFC 6052), so each
        // place counts that holds something.
        [0x0064, 0xff9b, 0x0001, ..] => {
            let places = [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], [12, 13, 14, 15]].map(at);
            let held: Vec<Ipv4Addr> = places.into_iter().filter(|ip| ip.octets()[0] != 0).collect();
            if held.is_empty() { vec![last] } else { held }
        }
        // 6to4.
        [0x2002, ..] => vec![at([2, 3, 4, 5])],
        // Teredo: the server, and the client with its bits turned over.
        [0x2001, 0x0000, ..] => vec![at([4, 5, 6, 7]), Ipv4Addr::from(!u32::from(last))],
        // ISATAP, in any network.
        [_, _, _, _, 0x0000 | 0x0200, 0x5efe, ..] => vec![last],
        _ => Vec::new(),
    }
}

/// Whether `host` is one of those declared: the same name, or with `*` for exactly one label; case is ignored.
#[must_use]
pub fn host_allowed(host: &str, declared: &[String]) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    declared.iter().any(|pattern| {
        let mut labels = host.split('.');
        let mut wanted = pattern.split('.');
        loop {
            match (labels.next(), wanted.next()) {
                (None, None) => return true,
                (Some(label), Some("*")) if !label.is_empty() => {}
                (Some(label), Some(name))
                    if label.eq_ignore_ascii_case(name) && !label.is_empty() => {}
                _ => return false,
            }
        }
    })
}

#[cfg(test)]
mod tests;
