//! The server: one in this process, with levers, or one that runs already.

use std::error::Error;
use std::time::Duration;

use satkeeper::{Builder, Client};
use satkeeper_fixtures::{Config, Server};

const LIFE: Duration = Duration::from_secs(20);
const USAGE: &str = "phone [--space URL --project ID --token API_TOKEN [--ca FILE]]";

/// A server with tokens so short that a call outlives them, and which ends calls whose phones do not answer its pings.
pub(crate) fn config() -> Config {
    Config {
        sat_ttl: LIFE,
        device_ttl: LIFE,
        unbound_scope_ttl: LIFE,
        // Longer than what a call waits for a newer token at most, right after another was had.
        verto_ping_every: Some(Duration::from_secs(8)),
        verto_pong_needed: true,
        ..Config::default()
    }
}

/// Where the sessions are.
pub(crate) struct Place {
    space: String,
    project: String,
    token: String,
    ca_pem: Option<String>,
    server: Option<Server>,
    /// Sockets that are never cut.
    spared: Vec<u64>,
}

impl Place {
    /// What the command line names; without a word of it, a server of its own.
    pub(crate) async fn from_args(
        mut args: impl Iterator<Item = String>,
        own: Config,
    ) -> Result<Self, Box<dyn Error>> {
        let [mut space, mut project, mut token, mut ca_file] = [const { None }; 4];
        while let Some(name) = args.next() {
            let place = match name.as_str() {
                "--space" => &mut space,
                "--project" => &mut project,
                "--token" => &mut token,
                "--ca" => &mut ca_file,
                _ => return Err(USAGE.into()),
            };
            *place = Some(args.next().ok_or(USAGE)?);
        }
        match (space, project, token) {
            (Some(space), Some(project), Some(token)) => {
                let ca_pem = ca_file.map(std::fs::read_to_string).transpose()?;
                let space = space.trim_end_matches('/').to_owned();
                Ok(Self { space, project, token, ca_pem, server: None, spared: Vec::new() })
            }
            (None, None, None) => Self::own(own).await,
            _ => Err(USAGE.into()),
        }
    }

    async fn own(config: Config) -> Result<Self, Box<dyn Error>> {
        let server = Server::start(config).await?;
        let (space, ca_pem) = (server.http_url(), server.ca_pem().map(str::to_owned));
        let [project, token] = ["any", "any"].map(str::to_owned);
        Ok(Self { space, project, token, ca_pem, server: Some(server), spared: Vec::new() })
    }

    pub(crate) fn description(&self) -> String {
        match &self.server {
            Some(_) => format!("a server at {}, with tokens of {} s", self.space, LIFE.as_secs()),
            None => format!("the server at {}", self.space),
        }
    }

    /// How the session of a subscriber is set up: by the project here; a phone that is in the hands of a user gets its
    /// tokens from a backend (`Builder::provider`).
    pub(crate) fn builder(&self, name: &str) -> Builder {
        let reference = format!("{name}@example.com");
        let mut builder =
            Client::builder().subscriber(&self.space, &self.project, &self.token, &reference).online(true);
        if let Some(pem) = &self.ca_pem {
            builder = builder.ca_pem(pem.as_str());
        }
        // SignalWire's hosts follow from the token. A development server is one for all.
        let is_local = ["//127.0.0.1", "//localhost", "//[::1]"].iter().any(|host| self.space.contains(host));
        if is_local {
            let relay = self.space.replacen("http", "ws", 1);
            builder = builder.relay_url(relay).fabric_url(&self.space).allow_plain_on_loopback(true);
        }
        builder
    }

    pub(crate) fn has_levers(&self) -> bool {
        self.server.is_some()
    }

    /// The sockets that are open now are left alone by [`cut`](Self::cut).
    pub(crate) fn spare_sockets(&mut self) {
        self.spared = self.server.iter().flat_map(|server| server.control().sockets()).collect();
    }

    /// Cuts the others, without a word. Without levers the client rests for a moment, which closes its socket, too.
    pub(crate) async fn cut(&self, client: &Client) -> Result<(), satkeeper::Error> {
        let Some(server) = &self.server else {
            client.suspend().await?;
            return client.resume().await;
        };
        let control = server.control();
        for socket in control.sockets().into_iter().filter(|socket| !self.spared.contains(socket)) {
            control.drop_socket(socket);
        }
        Ok(())
    }

    /// Sessions of now cannot be resumed any more.
    pub(crate) fn forget_sessions(&self) {
        self.server.iter().for_each(|server| server.control().revoke_states());
    }

    /// The tokens that authenticate the sockets end now.
    pub(crate) fn end_tokens(&self) {
        self.server.iter().for_each(|server| {
            server.control().expire_sessions();
        });
    }
}
