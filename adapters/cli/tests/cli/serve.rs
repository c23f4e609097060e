//! `satkeeper serve` as a process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::program::{file, outcome, satkeeper};

/// A running `serve`, and what it announced.
struct Serving {
    process: Child,
    out: BufReader<ChildStdout>,
    announced: Value,
}

impl Serving {
    fn new(options: &[&str]) -> Self {
        Self::start(satkeeper(&["serve"]).args(options))
    }

    /// With its standard input open, to be ordered about.
    fn controlled(options: &[&str]) -> Self {
        Self::start(satkeeper(&["serve", "--control"]).args(options).stdin(Stdio::piped()))
    }

    fn start(command: &mut Command) -> Self {
        let mut process = command.spawn().unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        Self { process, out, announced: serde_json::from_str(&line).unwrap() }
    }

    /// Gives an order; what it answers.
    fn order(&mut self, order: &str) -> Value {
        writeln!(self.process.stdin.as_mut().unwrap(), "{order}").unwrap();
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Stops it as a supervisor would; the exit code and the rest of its standard output.
    fn stop(mut self) -> (Option<i32>, String) {
        Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (self.process.wait().unwrap().code(), rest)
    }
}

#[cfg(unix)]
#[test]
fn the_first_line_says_everything() {
    let (ca, requests) = (file("serve-ca.pem"), file("serve-requests.jsonl"));
    let (ca_path, requests_path) = (ca.to_string_lossy(), requests.to_string_lossy());
    let secret = file("serve-turn-secret");
    std::fs::write(&secret, "canary-of-turn\n").unwrap();
    let (secret, turn) = (secret.to_string_lossy(), "turn:127.0.0.1:3478?transport=udp");
    let mut options = vec!["--tls", "--ca-out", &ca_path, "--requests", &requests_path, "--sat-ttl", "60"];
    options.extend(["--turn", turn, "--turn-secret-file", &secret]);
    let serving = Serving::new(&options);
    let announced = serving.announced.clone();
    let (https, wss) = (announced["https"].as_str().unwrap(), announced["wss"].as_str().unwrap());
    assert_eq!(https.strip_prefix("https://"), wss.strip_prefix("wss://"));
    assert_eq!(announced["ca"].as_str().unwrap(), std::fs::read_to_string(&ca).unwrap());
    assert_eq!(announced["ca_file"].as_str().unwrap(), ca_path);

    let run = ["run", "--provider", "subscriber", "--project", "p", "--reference", "alice", "--for", "2s"];
    let mut run = satkeeper(&run);
    run.args(["--space-url", https, "--fabric-url", https, "--relay-url", wss, "--ca-file", &ca_path]);
    let outcome = run.env("SATKEEPER_API_TOKEN", "any").output().unwrap();
    assert_eq!(outcome.status.code(), Some(0), "{}", String::from_utf8_lossy(&outcome.stderr));

    assert_eq!(serving.stop(), (Some(0), String::new()));
    let requests = std::fs::read_to_string(&requests).unwrap();
    assert!(requests.contains(turn) && !requests.contains("canary-of-turn"), "{requests}");
    let kinds: Vec<String> = requests
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].as_str().unwrap().to_owned())
        .collect();
    for kind in ["request", "response", "frame_in", "frame_out", "proof"] {
        assert!(kinds.iter().any(|seen| seen == kind), "{kind}: {kinds:?}");
    }
    assert!(!requests.contains("eyJ"), "secrets are replaced by tags");
}

#[cfg(unix)]
#[test]
fn plain_with_a_script() {
    let faults = file("serve-faults.json");
    std::fs::write(
        &faults,
        r#"{"faults": [{"on": "subscriber_info", "effect": {"status": {"code": 418}}}]}"#,
    )
    .unwrap();
    let serving = Serving::new(&["--faults", &faults.to_string_lossy(), "--requests", "-"]);
    let http = serving.announced["http"].as_str().unwrap().to_owned();
    assert!(serving.announced["ws"].as_str().unwrap().starts_with("ws://127.0.0.1:"));
    assert!(serving.announced["ca"].is_null());
    let mut stream = TcpStream::connect(http.strip_prefix("http://").unwrap()).unwrap();
    let request =
        "GET /api/fabric/subscriber/info HTTP/1.1\r\nHost: whoever.example\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 418"), "{answer}");
    let (code, rest) = serving.stop();
    assert_eq!(code, Some(0));
    assert!(rest.contains("\"host\":\"whoever.example\"") && rest.contains("\"status\":418"), "{rest}");
}

#[test]
fn it_takes_orders_and_ends_with_them() {
    let mut serving = Serving::controlled(&["--official", "--ping-every", "1s", "--ch", "relay.sw.test:0"]);
    assert_eq!(serving.order("\"counts\"")["counts"]["sockets_opened"], 0);
    assert_eq!(serving.order(r#"{"do": "drop_sockets"}"#), json!({"done": 0}));
    let fault = r#"{"do": {"fault": {"on": "embeds_tokens", "effect": {"status": {"code": 418}}}}}"#;
    assert_eq!(serving.order(fault), json!({"done": 0}));
    for wrong in [
        "",
        "eyJ",
        "{}",
        r#"{"do": "nothing"}"#,
        r#"{"do": {"fault": {"on": "ping", "effect": {"status": {"code": 418}}}}}"#,
        r#"{"do": {"close_sockets": {"code": 1006}}}"#,
    ] {
        let refused = serving.order(wrong)["refused"].as_str().unwrap().to_owned();
        assert!(!refused.contains("eyJ"), "{wrong}: {refused}");
    }

    let http = serving.announced["http"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    let port = http.rsplit_once(':').unwrap().1;
    let call = |call: &str| {
        let mut stream = TcpStream::connect(&http).unwrap();
        stream.write_all(call.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let embed = "POST /api/fabric/embeds/tokens HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 20\r\n\r\n\
                 {\"token\": \"c2c_abc\"}";
    assert!(call(embed).starts_with("HTTP/1.1 418"), "the fault struck");
    let answer = call(embed);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    // The port that was free is in the token's `ch`.
    let token = answer.split('"').find(|part| part.starts_with("eyJ")).unwrap();
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header["ch"], format!("relay.sw.test:{port}"));

    drop(serving.process.stdin.take());
    assert_eq!(serving.process.wait().unwrap().code(), Some(0));
}

// survives W22
#[test]
fn it_answers_as_it_is_told() {
    let serving = Serving::new(&["--answer", "refusals=result", "--answer=resume_within=30"]);
    let address = serving.announced["ws"].as_str().unwrap().strip_prefix("ws://").unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    let head = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // A text frame, masked with zeros.
    let connect = json!({"jsonrpc": "2.0", "id": "a", "method": "signalwire.connect",
        "params": {"version": {"major": 4}, "authentication": {"jwt_token": "x".repeat(100)}}});
    let text = connect.to_string();
    assert!((126..65_536).contains(&text.len()));
    let [high, low] = u16::try_from(text.len()).unwrap().to_be_bytes();
    stream.write_all(&[0x81, 0x80 | 126, high, low, 0, 0, 0, 0]).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let (mut got, mut part) = (String::new(), [0; 1024]);
    while !got.contains("message") {
        let count = stream.read(&mut part).unwrap();
        assert!(count > 0, "{got}");
        got.push_str(&String::from_utf8_lossy(&part[..count]));
    }
    assert!(got.contains(r#""result":{"code":"401""#), "{got}");
    drop(stream);
    #[cfg(unix)]
    assert_eq!(serving.stop().0, Some(0));
}

#[test]
fn what_cannot_be_served() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_at = taken.local_addr().unwrap().to_string();
    let bad = file("serve-bad.json");
    std::fs::write(&bad, r#"{"faults": [{"on": "nothing"}]}"#).unwrap();
    let bad = bad.to_string_lossy();
    for (options, said) in [
        (&["--listen", "nowhere"][..], "--listen"),
        (&["--listen", "0.0.0.0:0"], "loopback"),
        (&["--listen", &taken_at], "cannot listen"),
        (&["--ca-out", "x.pem"], "--tls"),
        (&["--tls", "--ca-out", "/nowhere/at/all/ca.pem"], "/nowhere/at/all"),
        (&["--ch", "a b"], "ch must be"),
        (&["--sat-ttl", "soon"], "--sat-ttl"),
        (&["--device-ttl", "1w"], "--device-ttl"),
        (&["--faults", "/nowhere/at/all"], "--faults"),
        (&["--faults", &bad], "fault script"),
        (&["--requests", "/nowhere/at/all"], "--requests"),
        (&["--http2"], "--tls"),
        (&["--turn", "turn:127.0.0.1:3478"], "--turn-secret-file"),
        (&["--turn-secret-file", &bad], "--turn <URL>"),
        (&["--turn", "turn:127.0.0.1:3478", "--turn-secret-file", "/nowhere/at/all"], "/nowhere/at/all"),
        (&["--turn", "turn:127.0.0.1:3478", "--turn-secret-file", "/dev/null"], "turn needs"),
        (&["--answer", "refusals"], "NAME=VALUE"),
        (&["--answer", "refusals=maybe"], "error, result"),
        (&["--answer", "nothing=true"], "resume_state"),
    ] {
        let outcome = outcome(&[&["serve"], options].concat());
        assert_eq!(outcome.code, Some(2), "{options:?}: {}", outcome.err);
        assert!(outcome.err.contains(said), "{options:?}: {}", outcome.err);
        assert_eq!(outcome.out, "", "{options:?}");
    }
}
