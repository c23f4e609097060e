//! What proofs of possession hold, as far as options decide it. The fixture server's recordings show no proof.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use satkeeper_fixtures::Config;
use serde_json::Value;

use crate::program::{CANARY, World, satkeeper};

/// The claims of the proof of an activation, sent with these options, and the origin that it was sent to.
fn claims(name: &str, options: &[&str]) -> (Value, String) {
    let world = World::new(name, Config::default());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let fabric = thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut first, mut length) = (String::new(), 0);
            stream.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                let line = line.trim().to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let answer = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
            if first.starts_with("POST /api/fabric/subscriber/devices/token ") {
                let body: Value = serde_json::from_slice(&body).unwrap();
                let proof = body["dpop_token"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
                return serde_json::from_slice(&URL_SAFE_NO_PAD.decode(proof).unwrap()).unwrap();
            }
        }
        Value::Null
    });
    let mut run = satkeeper(&["run", "--provider", "subscriber", "--project", "p", "--reference", "alice"]);
    run.args(["--space-url", &world.https, "--relay-url", &world.wss, "--ca-file", &world.ca]);
    run.args(["--api-token", &format!("PT{CANARY}"), "--allow-plain", "--for", "20s"]);
    run.args(["--fabric-url", &origin]).args(options);
    let mut child = run.spawn().unwrap();
    let claims = fabric.join().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    (claims, origin)
}

#[test]
fn what_a_proof_names() {
    // survives W21
    let path = "/api/fabric/subscriber/devices/token";
    let (claims, _) = claims("proof-path", &[]);
    assert_eq!(claims["htu"], path);
    assert!(claims.get("ath").is_none(), "{claims}");
    let (claims, origin) = self::claims("proof-full", &["--full-htu", "--ath"]);
    assert_eq!(claims["htu"], format!("{origin}{path}"));
    assert_eq!(claims["ath"].as_str().map(str::len), Some(43), "{claims}");
}
