//! A coturn on this machine, for as long as it is needed.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use satkeeper_fixtures::Turn;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// How to get it.
pub(crate) const INSTALL: &str = "apt-get install coturn";

pub(crate) struct Coturn {
    url: String,
    secret: String,
    folder: PathBuf,
    _process: Child,
}

impl Coturn {
    /// Starts one that gives each user one relay at a time; `None` where there is none on this machine.
    pub(crate) async fn start() -> io::Result<Option<Self>> {
        let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let [name, secret] = [(); 2].map(|()| format!("{:016x}", RandomState::new().build_hasher().finish()));
        let folder = std::env::temp_dir().join(format!("satkeeper-coturn-{name}"));
        fs::create_dir(&folder)?;
        let settings = [
            "listening-ip=127.0.0.1".to_owned(),
            format!("listening-port={port}"),
            "relay-ip=127.0.0.1".to_owned(),
            // Both ends are on this machine; elsewhere this opens what listens there to everybody with a relay.
            "allow-loopback-peers".to_owned(),
            "realm=satkeeper.example".to_owned(),
            // Credentials that end: `UNIX_TIME:name`, and as the password the HMAC of that by the secret.
            "use-auth-secret".to_owned(),
            format!("static-auth-secret={secret}"),
            // Whoever asks for another relay while the old one is held gets none (486), whatever the time in the name.
            "user-quota=1".to_owned(),
            "no-cli\nno-tls\nno-dtls\nno-tcp\nno-tcp-relay".to_owned(),
            format!("userdb={}\npidfile={}", folder.join("users").display(), folder.join("pid").display()),
            "log-file=stdout\nsimple-log".to_owned(),
        ];
        // In a file, since the command line can be read by every user of the machine.
        let config = folder.join("conf");
        fs::write(&config, settings.join("\n"))?;
        let started = Command::new("turnserver")
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let mut process = match started {
            Ok(process) => process,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::remove_dir_all(&folder)?;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let out = process.stdout.take().ok_or_else(|| io::Error::other("coturn has no standard output"))?;
        let mut lines = BufReader::new(out).lines();
        timeout(PATIENCE, until_ready(&mut lines)).await??;
        // It would stop where nobody reads on.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let url = format!("turn:127.0.0.1:{port}?transport=udp");
        Ok(Some(Self { url, secret, folder, _process: process }))
    }

    /// What the server of the sessions has to know, to hand out credentials.
    pub(crate) fn turn(&self) -> Turn {
        Turn { urls: vec![self.url.clone()], secret: self.secret.clone() }
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        // What is left of a temporary folder harms nobody.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

async fn until_ready(lines: &mut Lines<BufReader<ChildStdout>>) -> io::Result<()> {
    while let Some(line) = lines.next_line().await? {
        if line.contains("DB connection success") {
            return Ok(());
        }
    }
    Err(io::Error::other("coturn has ended before it was ready"))
}
