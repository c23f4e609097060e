//! Servers of a few lines, for tests of the pieces.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use satkeeper_core::wire::url::{Plain, SecureUrl};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

pub(crate) fn url(text: &str) -> SecureUrl {
    SecureUrl::parse(text, Plain::Loopback).unwrap()
}

/// Answers every connection's first request with these bytes, the last part over and over where `endless`:
/// at full speed, or dripping where it is a single byte.
pub(crate) struct Canned {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) sent: Arc<AtomicUsize>,
}

impl Canned {
    pub(crate) async fn start(head: &str, part: &[u8], endless: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, sent) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (head, part) = (head.to_owned(), part.to_owned());
        let counts = (Arc::clone(&connections), Arc::clone(&sent));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counts.0.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 8192]).await;
                let _ = stream.write_all(head.as_bytes()).await;
                loop {
                    if stream.write_all(&part).await.is_err() {
                        break;
                    }
                    counts.1.fetch_add(part.len(), Ordering::SeqCst);
                    if part.len() == 1 {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    if !endless {
                        let _ = stream.shutdown().await;
                        break;
                    }
                }
            }
        });
        Self { address, connections, sent }
    }

    pub(crate) fn url(&self) -> SecureUrl {
        url(&format!("http://{}/", self.address))
    }
}

/// A certificate for `name` and the authority that signed it, as PEM.
pub(crate) struct Identity {
    pub(crate) ca_pem: String,
    config: Arc<ServerConfig>,
}

impl Identity {
    pub(crate) fn new(name: &str, expired: bool) -> Self {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
        let issuer = rcgen::Issuer::new(ca, ca_key);
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            leaf.not_before = rcgen::date_time_ymd(2019, 1, 1);
            leaf.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let leaf = leaf.signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        Self { ca_pem, config: Arc::new(config) }
    }

    /// Offers these protocols (ALPN).
    pub(crate) fn speaking(mut self, protocols: &[&[u8]]) -> Self {
        let mut config = self.config.as_ref().clone();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        self.config = Arc::new(config);
        self
    }
}

/// A TLS server that answers every request with 204 and counts the bytes of requests.
pub(crate) struct Sealed {
    pub(crate) port: u16,
    pub(crate) received: Arc<AtomicUsize>,
    /// The protocol of the last connection (ALPN), empty where none was agreed upon.
    pub(crate) protocol: Arc<Mutex<Vec<u8>>>,
}

impl Sealed {
    pub(crate) async fn start(identity: &Identity) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(AtomicUsize::new(0));
        let acceptor = TlsAcceptor::from(Arc::clone(&identity.config));
        let protocol = Arc::new(Mutex::new(Vec::new()));
        let seen = (Arc::clone(&received), Arc::clone(&protocol));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(acceptor.clone(), stream, seen.clone()));
            }
        });
        Self { port, received, protocol }
    }
}

async fn answer(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    (count, protocol): (Arc<AtomicUsize>, Arc<Mutex<Vec<u8>>>),
) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    *protocol.lock().unwrap() = stream.get_ref().1.alpn_protocol().unwrap_or_default().to_vec();
    while let Ok(bytes @ 1..) = stream.read(&mut [0; 8192]).await {
        count.fetch_add(bytes, Ordering::SeqCst);
        let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    }
}
