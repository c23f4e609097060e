//! Addresses that answer, refuse, or swallow.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use satkeeper_fixtures::canned::Swallowing;
use tokio::net::TcpListener;

use super::race;

static KNOWN: Mutex<BTreeMap<String, Vec<SocketAddr>>> = Mutex::new(BTreeMap::new());

/// From now on this name leads to these addresses.
pub(crate) fn let_lead(host: &str, addresses: Vec<SocketAddr>) {
    KNOWN.lock().unwrap().insert(host.to_owned(), addresses);
}

pub(super) fn known(host: &str) -> Option<Vec<SocketAddr>> {
    KNOWN.lock().unwrap().get(host).cloned()
}

#[tokio::test]
async fn an_address_that_refuses_does_not_stop_the_next() {
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let live = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let begun = Instant::now();
    let stream = race(vec![dead, live.local_addr().unwrap()]).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), live.local_addr().unwrap());
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(race(vec![dead]).await.is_err());
    assert!(race(Vec::new()).await.is_err());
}

// survives W6
#[tokio::test]
async fn an_address_that_swallows_does_not_stop_the_next_of_its_family() {
    let swallowing = Swallowing::start(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0)));
    assert!(swallowing.is_some() || !cfg!(target_os = "linux"));
    let Some(swallowing) = swallowing else { return };
    let live = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = live.local_addr().unwrap();
    let stream = tokio::time::timeout(Duration::from_secs(8), race(vec![swallowing.address, here]));
    assert_eq!(stream.await.expect("soon").unwrap().peer_addr().unwrap(), here);
}
