//! Running the binary, and a fixture server to run it against.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use satkeeper_fixtures::{Config, Server};

/// Part of every secret of these tests: it must never be printed.
pub(crate) const CANARY: &str = "cAnArY";

/// The binary with these arguments and none of our own environment that it would read.
pub(crate) fn satkeeper(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_satkeeper"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SATKEEPER_"))
    {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Outcome {
    /// Nothing that is printed may ever be a secret.
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        for printed in [&out, &err] {
            assert!(!printed.contains(CANARY), "a secret was printed: {printed}");
            assert!(!printed.contains("eyJ"), "a token was printed: {printed}");
        }
        Self { code: output.status.code(), out, err }
    }
}

/// Runs it to its end.
pub(crate) fn outcome(args: &[&str]) -> Outcome {
    satkeeper(args).output().unwrap().into()
}

/// A file of a test, in a folder of the build.
pub(crate) fn file(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// A fixture server with TLS on a runtime of its own, and where to find it.
pub(crate) struct World {
    pub(crate) server: Option<Server>,
    pub(crate) https: String,
    pub(crate) wss: String,
    pub(crate) ca: String,
    runtime: tokio::runtime::Runtime,
}

impl World {
    /// `name` tells the files of tests apart that run at the same time.
    pub(crate) fn new(name: &str, config: Config) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let server = runtime.block_on(Server::start(config)).unwrap();
        let ca = file(&format!("{name}.pem"));
        std::fs::write(&ca, server.ca_pem().unwrap_or_default()).unwrap();
        let (https, wss) = (server.http_url(), server.ws_url());
        Self { server: Some(server), https, wss, ca: ca.to_string_lossy().into_owned(), runtime }
    }

    /// Another server in its place, at the same address and with the same key to its tokens.
    pub(crate) fn replace(&mut self, config: Config) {
        let listen = self.server().addr();
        let starting = {
            let _inside = self.runtime.enter();
            drop(self.server.take());
            Server::start(Config { listen, ..config })
        };
        self.server = Some(self.runtime.block_on(starting).unwrap());
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// `run` with where the server is, and these options.
    pub(crate) fn run(&self, options: &[&str]) -> Command {
        let mut command = satkeeper(&["run"]);
        command.args(["--relay-url", &self.wss, "--fabric-url", &self.https]);
        if self.https.starts_with("https") {
            command.args(["--ca-file", &self.ca]);
        }
        command.args(options);
        command
    }

    /// The same, to its end.
    pub(crate) fn ran(&self, options: &[&str]) -> Outcome {
        self.run(options).output().unwrap().into()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _inside = self.runtime.enter();
        drop(self.server.take());
    }
}
