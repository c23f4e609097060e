//! What `satkeeper serve` takes, and how it is told.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use satkeeper_fixtures::ANSWERS;

use crate::duration;
use crate::help::fit;

pub(crate) const ABOUT: &str = "\
A server that speaks SignalWire's subscriber protocol: tokens, device exchanges with proofs of possession that \
are really verified, and the WebSocket with its JSON-RPC, all on one port. It answers whatever host it is called \
by, knows the tokens of its predecessors, and accepts any project and API token.

The first line on standard output is one JSON object: `https` and `wss` (with --tls; else `http` and `ws`) are \
where it listens, `ca` is the certificate to trust (PEM), `ca_file` the file that it was written to. SIGINT and \
SIGTERM stop it.";

const EXAMPLES: &str = "\
Examples:
  A server with short-lived tokens, and a session kept alive against it:
    satkeeper serve --tls --listen 127.0.0.1:8443 --ca-out ca.pem --sat-ttl 60s --device-ttl 20s
    export SATKEEPER_API_TOKEN=any SATKEEPER_CA_FILE=ca.pem
    satkeeper run --provider subscriber --project any --reference alice --space-url https://127.0.0.1:8443 \
--fabric-url https://127.0.0.1:8443 --relay-url wss://127.0.0.1:8443

  A token from it:
    curl -s --cacert ca.pem -u any:any -d '{\"reference\": \"alice\"}' \\
        https://127.0.0.1:8443/api/fabric/subscribers/tokens | jq -r .token

  Two renewals that fail, and every socket reset after five seconds (--faults FILE):
    {\"faults\": [{\"on\": \"devices_refresh\", \"times\": {\"next\": 2},
                 \"effect\": {\"status\": {\"code\": 503}}}],
     \"actions\": [{\"at_ms\": 5000, \"do\": \"drop_sockets\"}]}

  What a network does to it: a gateway's page with the date of a cache, a body that drips, sockets on which \
what the client sends is lost, pooled HTTP connections that die without a word:
    {\"faults\": [{\"on\": \"devices_refresh\", \"effect\": {\"html\": {\"code\": 502}},
                 \"head\": {\"date_off_s\": -3600, \"age_s\": 3600}},
                {\"on\": \"subscriber_info\", \"body\": {\"drip_ms\": 50}}],
     \"actions\": [{\"at_ms\": 5000, \"do\": {\"swallow_sockets\": \"to_server\"}},
                 {\"at_ms\": 9000, \"do\": {\"swallow_http\": \"both\"}}]}
  `cargo doc -p satkeeper-fixtures` has all words of the language, under `Script`.

From a browser, with SignalWire's own SDK and no account:
  1.  Names under `localhost` are this machine to Chromium and Firefox, and the SDK takes its hosts from the \
`ch` of the token, port included. So nothing needs to be configured in the page:
    satkeeper serve --tls --official --ch relay.localhost:0 --listen 127.0.0.1:8443 --ca-out ca.pem
  2.  Trust ca.pem, once, in a browser profile for tests: \"Authorities\" in the certificate settings of \
Firefox; for Chromium on Linux by the command below. Its private key is in ca.pem.key: whoever has that can be \
any host to such a browser.
    certutil -d sql:$HOME/.pki/nssdb -A -n satkeeper -t C,, -i ca.pem
  3.  Get a token, from a page of any origin (each answer allows all of them), as your backend would:
    const minted = await fetch('https://fabric.localhost:8443/api/fabric/subscribers/tokens', {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('any:any')}` },
      body: JSON.stringify({ reference: 'alice', fingerprint, scope: 'sat:refresh' }),
    })
  4.  `fingerprint` is what the SDK hands to `authenticate({ fingerprint })`; return \
`{ token: (await minted.json()).token }` from there, and the session becomes client-bound.
  5.  `new SignalWire({ authenticate })` connects to wss://relay.localhost:8443 and renews at \
https://fabric.localhost:8443. Shorten lives with --sat-ttl and --device-ttl, and break things with --faults or, \
while it runs, with --control. Without a bundler the page needs an import map for `node:crypto`, with randomUUID \
and randomFillSync: the SDK's own file for browsers, browser.mjs of 4.0.0-beta.12, imports it.";

/// What stands below the options.
pub(crate) fn help() -> String {
    let mut text = format!(
        "{EXAMPLES}\n\nAnswers to what only SignalWire's own servers could tell (--answer NAME=VALUE; the default \
         first; `cargo doc -p satkeeper-fixtures` says which question each answers):\n"
    );
    for answer in ANSWERS {
        let _ = writeln!(text, "  {:<27} {}", answer.name, answer.values);
    }
    fit(text.trim_end())
}

/// Options of `satkeeper serve`.
#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 takes a free one. Without --tls on loopback only
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Serve https and wss, with a certificate made at the start
    #[arg(long)]
    pub(crate) tls: bool,
    /// Write the authority that clients must trust (PEM) here, and its private key to FILE.key. If both are
    /// there already, they are used again, so that a server started anew is still trusted
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(crate) ca_out: Option<PathBuf>,
    /// The `ch` that its tokens carry, from which clients derive both hosts: the WebSocket is at HOST, the
    /// REST endpoints at HOST with its first label replaced by `fabric`. May have a port; port 0 stands for
    /// the one that is listened on
    #[arg(long, value_name = "HOST")]
    pub(crate) ch: Option<String>,
    /// Life of subscriber tokens, and the most that is granted, such as 90, 40s or 2h [default: 2h]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) sat_ttl: Option<Duration>,
    /// Most that device tokens are granted, such as 12s or 15m [default: 15m]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) device_ttl: Option<Duration>,
    /// Speak HTTP/2, too, with clients that ask for it
    #[arg(long, requires = "tls")]
    pub(crate) http2: bool,
    /// Grant no `sat:refresh`: sessions cannot become client-bound
    #[arg(long)]
    pub(crate) no_scope: bool,
    /// Be as lenient as SignalWire's browser SDK needs it: it repeats a request after 16 s and 31 s with the same
    /// proof, and resumes without one after a page reload
    #[arg(long)]
    pub(crate) official: bool,
    /// Answer a question about the real service otherwise, such as refusals=result. See the list below;
    /// may be repeated
    #[arg(long = "answer", value_name = "NAME=VALUE")]
    pub(crate) answers: Vec<String>,
    /// A TURN server that sessions are told of, with credentials for it: coturn's `use-auth-secret`; may be repeated
    /// [default: one that is nowhere]
    #[arg(long, value_name = "URL", requires = "turn_secret_file")]
    pub(crate) turn: Vec<String>,
    /// What the TURN servers have as their `static-auth-secret`
    #[arg(long, value_name = "FILE", requires = "turn")]
    pub(crate) turn_secret_file: Option<PathBuf>,
    /// Time between the server's pings [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) ping_every: Option<Duration>,
    /// Script of what goes wrong (JSON, see the examples)
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
    /// Take orders from standard input and end with it: `"counts"`, `{"do": ACT}` with an ACT as in the actions of a
    /// script, or `{"answers": ID}` for what came back to a request of the ACT `ask`, one a line. Each is answered by a
    /// line of JSON on standard output: `counts`, `done` (the number of sockets concerned), `answers` or `refused`; with
    /// `--requests`, all that was seen before an answer is written before it
    #[arg(long)]
    pub(crate) control: bool,
    /// Write each request, frame and verdict on a proof as a line of JSON, secrets replaced by tags.
    /// `-`: standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) requests: Option<PathBuf>,
}
