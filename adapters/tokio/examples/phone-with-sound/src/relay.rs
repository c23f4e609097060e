//! An address on a TURN server, and what goes through it. `turn-client-proto` speaks the protocol, this does its I/O.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use satkeeper::IceServer;
use tokio::net::{UdpSocket, lookup_host};
use tokio::time::{sleep_until, timeout};
use turn_client_proto::api::{SendError, TurnClientApi, TurnConfig, TurnEvent, TurnPollRet, TurnRecvRet};
use turn_client_proto::prelude::DelayedTransmitBuild;
use turn_client_proto::stun::{self, agent::Transmit, types::TransportType};
use turn_client_proto::types::TurnCredentials;
use turn_client_proto::udp::TurnClientUdp;

/// How long a TURN server may take to give an address, or to take it back.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Relay {
    /// Where the other side sends to.
    pub(crate) address: SocketAddr,
    /// Where it goes from here.
    pub(crate) local: SocketAddr,
    link: Link,
}

/// The way to the server.
struct Link {
    socket: UdpSocket,
    client: TurnClientUdp,
    /// The zero of the client's clock.
    began: Instant,
}

enum Happened {
    Data(SocketAddr, Vec<u8>),
    Event(TurnEvent),
    Closed,
}

impl Relay {
    /// Gets an address, on a socket of its own: one whose allocation was deleted is of no more use (437).
    pub(crate) async fn allocate(servers: &[IceServer]) -> io::Result<Self> {
        let found = servers.iter().find_map(usable);
        let (host, port, credentials) = found.ok_or_else(|| io::Error::other("no TURN server over UDP"))?;
        let at = lookup_host((host, port)).await?.next().ok_or(io::ErrorKind::HostUnreachable)?;
        let any = if at.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
        socket.connect(at).await?;
        let local = socket.local_addr()?;
        let client = TurnClientUdp::allocate(local, at, TurnConfig::new(credentials));
        let mut link = Link { socket, client, began: Instant::now() };
        let address = timeout(PATIENCE, link.allocated()).await??;
        Ok(Self { address, local, link })
    }

    /// Sends to a peer, or asks for the permission to, which the next packet has.
    pub(crate) async fn send(&mut self, peer: SocketAddr, data: &[u8]) -> io::Result<()> {
        let Link { socket, client, began } = &mut self.link;
        let now = stun::Instant::from_std(*began);
        match client.send_to(TransportType::Udp, peer, data, now) {
            Ok(Some(transmit)) => socket.send(&transmit.data.build()).await.map(drop),
            Ok(None) => Ok(()),
            Err(SendError::NoPermission) => {
                // Asked for already, perhaps.
                let _ = client.create_permission(TransportType::Udp, peer.ip(), now);
                Ok(())
            }
            Err(error) => Err(io::Error::other(error)),
        }
    }

    /// What a peer sends. May be dropped before it has come.
    pub(crate) async fn receive(&mut self) -> io::Result<(SocketAddr, Vec<u8>)> {
        loop {
            match self.link.next().await? {
                Happened::Data(peer, data) => return Ok((peer, data)),
                Happened::Event(_) => {}
                Happened::Closed => return Err(io::Error::other("the TURN server has ended it")),
            }
        }
    }

    /// Lets go of the address, with the credentials that it was made with, and waits until that is so.
    pub(crate) async fn release(mut self) -> io::Result<()> {
        let now = stun::Instant::from_std(self.link.began);
        self.link.client.delete(now).map_err(io::Error::other)?;
        let gone = async {
            while !matches!(self.link.next().await?, Happened::Closed) {}
            Ok(())
        };
        timeout(PATIENCE, gone).await?
    }
}

impl Link {
    async fn allocated(&mut self) -> io::Result<SocketAddr> {
        loop {
            match self.next().await? {
                Happened::Event(TurnEvent::AllocationCreated(_, address)) => return Ok(address),
                Happened::Event(TurnEvent::AllocationCreateFailed(_)) | Happened::Closed => {
                    return Err(io::Error::other("the TURN server gives no address"));
                }
                _ => {}
            }
        }
    }

    /// Does what the client wants until something has happened.
    async fn next(&mut self) -> io::Result<Happened> {
        let Self { socket, client, began } = self;
        let mut buffer = [0; 2_048];
        loop {
            let now = stun::Instant::from_std(*began);
            if let Some(event) = client.poll_event() {
                return Ok(Happened::Event(event));
            }
            let TurnPollRet::WaitUntil(wake) = client.poll(now) else { return Ok(Happened::Closed) };
            if let Some(transmit) = client.poll_transmit(now) {
                socket.send(&transmit.data).await?;
                continue;
            }
            let length = tokio::select! {
                length = socket.recv(&mut buffer) => length?,
                () = sleep_until(wake.to_std(*began).into()) => continue,
            };
            let (from, to) = (client.remote_addr(), client.local_addr());
            let packet = Transmit::new(&buffer[..length], TransportType::Udp, from, to);
            let now = stun::Instant::from_std(*began);
            if let TurnRecvRet::PeerData(data) = client.recv(packet, now) {
                return Ok(Happened::Data(data.peer, data.data().to_vec()));
            }
        }
    }
}

/// Host, port and credentials of a server, where it is one that this can use.
fn usable(server: &IceServer) -> Option<(&str, u16, TurnCredentials)> {
    let (host, port) = server.urls.iter().find_map(|url| over_udp(url))?;
    let (user, password) = (server.username.as_ref()?, server.credential.as_ref()?);
    Some((host, port, TurnCredentials::new(user.expose(), password.expose())))
}

/// Host and port of a TURN server over UDP (RFC 7065).
fn over_udp(url: &str) -> Option<(&str, u16)> {
    let (at, query) = url.strip_prefix("turn:")?.split_once('?').unwrap_or((&url["turn:".len()..], ""));
    if !["", "transport=udp"].contains(&query) {
        return None;
    }
    match at.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => Some((host, port.parse().ok()?)),
        _ => Some((at, 3_478)),
    }
}

#[cfg(test)]
mod tests {
    use super::over_udp;

    #[test]
    fn servers_over_udp_are_found() {
        assert_eq!(over_udp("turn:127.0.0.1:3479?transport=udp"), Some(("127.0.0.1", 3_479)));
        assert_eq!(over_udp("turn:turn.example.com"), Some(("turn.example.com", 3_478)));
        for other in ["turn:t?transport=tcp", "turns:t:443", "stun:t", "turn:t:x"] {
            assert_eq!(over_udp(other), None, "{other}");
        }
    }
}
