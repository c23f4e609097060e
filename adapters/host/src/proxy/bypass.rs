//! What goes without a proxy.

use std::net::IpAddr;

/// A list such as that of `NO_PROXY`.
#[derive(Debug, Default)]
pub(super) struct Bypass(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    what: What,
    port: Option<u16>,
}

#[derive(Debug)]
enum What {
    Everything,
    /// A name and all below it.
    Name(String),
    /// Addresses that begin with these bits.
    Network(IpAddr, u32),
}

impl Bypass {
    /// Entries between commas or blanks; what is none of the kinds is passed over.
    pub(super) fn parse(list: &str) -> Self {
        let entries = list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
        Self(entries.filter_map(Entry::parse).collect())
    }

    pub(super) fn covers(&self, host: &str, port: u16) -> bool {
        let address = host.parse::<IpAddr>().ok();
        self.0.iter().any(|entry| {
            entry.port.is_none_or(|it| it == port)
                && match (&entry.what, address) {
                    (What::Everything, _) => true,
                    (What::Network(network, bits), Some(address)) => begin_alike(*network, address, *bits),
                    (What::Name(name), None) => host
                        .strip_suffix(name.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
                    _ => false,
                }
        })
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self { what: What::Everything, port: None });
        }
        if let Some(what) = network(text) {
            return Some(Self { what, port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (text, None),
        };
        let host = bare(host);
        let what = network(host).unwrap_or_else(|| {
            let name = host.strip_prefix('*').unwrap_or(host).trim_start_matches('.');
            What::Name(name.trim_end_matches('.').to_ascii_lowercase())
        });
        (!matches!(&what, What::Name(name) if name.is_empty())).then_some(Self { what, port })
    }
}

/// Without the brackets of an IPv6 address.
pub(super) fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// An address, or one and the number of bits that count.
fn network(text: &str) -> Option<What> {
    let (address, bits) = text.split_once('/').unwrap_or((text, ""));
    let address: IpAddr = bare(address).parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = if bits.is_empty() { most } else { bits.parse().ok().filter(|bits| *bits <= most)? };
    Some(What::Network(address, bits))
}

fn begin_alike(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros() >= bits,
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros() >= bits,
        _ => false,
    }
}

/// Whether it is this machine: no proxy can know what is meant by that.
pub(super) fn is_loopback(host: &str) -> bool {
    let named = host.strip_suffix("localhost").is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    named || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{Bypass, is_loopback};

    // survives W14
    #[test]
    fn names_networks_and_ports() {
        for (list, host, port, covered) in [
            ("example.com", "example.com", 443, true),
            ("example.com", "a.b.example.com", 443, true),
            (".example.com", "example.com", 443, true),
            ("*.Example.com.", "a.example.com", 443, true),
            ("example.com", "badexample.com", 443, false),
            ("a.example.com", "example.com", 443, false),
            ("example.com:8443", "example.com", 8443, true),
            ("example.com:8443", "example.com", 443, false),
            ("example.com:x", "example.com", 443, false),
            ("10.0.0.0/8", "10.200.3.4", 443, true),
            ("10.0.0.0/8", "11.0.0.1", 443, false),
            ("10.0.0.0/33,192.0.2.7:1", "192.0.2.7", 1, true),
            ("192.0.2.7", "192.0.2.7", 443, true),
            ("192.0.2.7", "192.0.2.70", 443, false),
            ("0.0.0.0/0", "example.com", 443, false),
            ("2001:db8::/32", "2001:db8:1::2", 443, true),
            ("[2001:db8::1]:8443", "2001:db8::1", 8443, true),
            ("2001:db8::1", "2001:db8::2", 443, false),
            (" , ,. *", "anything", 1, true),
            ("", "anything", 1, false),
        ] {
            assert_eq!(Bypass::parse(list).covers(host, port), covered, "{list:?} {host}:{port}");
        }
    }

    // survives W14
    #[test]
    fn loopback_is_named_or_numbered() {
        for host in ["localhost", "relay.localhost", "127.0.0.1", "127.9.9.9", "::1"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["notlocalhost", "localhost.com", "128.0.0.1", "::2"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
