//! Sessions of as many subscribers, each with tokens that a backend creates and renews by proofs of possession.

use satkeeper_core::lifecycle::KeyAlgorithm;
use satkeeper_core::secret::{Secret, Seed};
use satkeeper_core::session::{Config, KeyChoice, Provider, Session};
use satkeeper_core::wire::rest::{CreateSubscriberToken, Space};
use satkeeper_core::wire::url::{Plain, SecureUrl};

pub(crate) fn make(http: &str, ws: &str, count: usize) -> Result<Vec<Session>, Box<dyn std::error::Error>> {
    let host = SecureUrl::parse(http, Plain::Loopback)?;
    let relay = SecureUrl::parse(ws, Plain::Loopback)?;
    // The fixture server takes any project and token.
    let space = Space::new(host.clone(), "project", &Secret::new("token"))?;
    let session = |n: usize| {
        let request = CreateSubscriberToken { reference: format!("subscriber-{n}"), ..Default::default() };
        let provider = Provider::Subscriber { space: space.clone(), request: Box::new(request) };
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        let config = Config::new(provider)
            .key(KeyChoice::Fixed(KeyAlgorithm::Es256))
            .relay(relay.clone())
            .fabric(host.clone());
        Ok(Session::new(config, Seed::from_bytes(seed)))
    };
    (0..count).map(session).collect()
}
