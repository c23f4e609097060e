//! Command lines that are no good: code 2, a message that names what is wrong, and no secret in it.

use crate::program::{CANARY, file, outcome};

#[test]
fn every_mistake_has_its_message() {
    let empty = file("usage-empty");
    std::fs::write(&empty, "\n").unwrap();
    let empty = empty.to_string_lossy();
    let blanks = format!("{CANARY} {CANARY}");
    let stray = format!("eyJ{CANARY}");
    let stray_option = format!("--tokn=eyJ{CANARY}");
    let user = format!("https://user:{CANARY}@example.com");
    let stat = ["--provider", "static", "--token", "a.b.c"];
    let sub = ["--provider", "subscriber", "--space-url", "https://127.0.0.1:9"];
    let exec = ["--provider", "exec"];
    for (options, said) in [
        (vec![], "--provider"),
        (vec!["--provider", "magic"], "--provider"),
        (vec!["--provider", "static"], "SATKEEPER_TOKEN"),
        (vec!["--provider", "static", "--token", ""], "--token is empty"),
        (vec!["--provider", "static", "--token", &blanks], "--token has blanks"),
        (vec!["--provider", "static", "--token-file", &empty], "is empty"),
        (vec!["--provider", "static", "--token-file", "/nowhere/at/all"], "/nowhere/at/all"),
        (vec!["--provider", "static", &stray], "not repeated here"),
        (vec!["--provider", "static", &stray_option], "--tokn"),
        ([&stat[..], &["--token-file", "x"]].concat(), "--token-file"),
        ([&stat[..], &["--api-token", CANARY]].concat(), "--api-token does not belong"),
        ([&stat[..], &["--command", "x"]].concat(), "--command does not belong"),
        ([&stat[..], &["--for", "soon"]].concat(), "--for"),
        ([&stat[..], &["--for", "0"]].concat(), "zero"),
        ([&stat[..], &["--connect-timeout", "x"]].concat(), "--connect-timeout"),
        ([&stat[..], &["--relay-url", "https://example.com"]].concat(), "--relay-url"),
        ([&stat[..], &["--relay-url", "ws://127.0.0.1:9"]].concat(), "not encrypted"),
        ([&stat[..], &["--fabric-url", "http://127.0.0.1:9"]].concat(), "not encrypted"),
        ([&stat[..], &["--fabric-url", "http://example.com", "--allow-plain"]].concat(), "loopback"),
        ([&stat[..], &["--fabric-url", "wss://example.com"]].concat(), "--fabric-url"),
        ([&stat[..], &["--fabric-url", &user]].concat(), "user name"),
        ([&stat[..], &["--ca-file", "/nowhere/at/all"]].concat(), "--ca-file"),
        ([&stat[..], &["--ca-file", &empty]].concat(), "ca_pem"),
        ([&stat[..], &["--events", "/nowhere/at/all"]].concat(), "--events"),
        ([&stat[..], &["-q", "-v"]].concat(), "--quiet"),
        (vec!["--provider", "subscriber"], "--space-url"),
        (sub.to_vec(), "--project"),
        ([&sub[..], &["--project", "p"]].concat(), "--reference"),
        ([&sub[..], &["--project", "p", "--reference", "r"]].concat(), "SATKEEPER_API_TOKEN"),
        ([&sub[..], &["--project", "p:q", "--reference", "r", "--api-token", CANARY]].concat(), "project_id"),
        ([&sub[..], &["--project", "p", "--reference", "", "--api-token", CANARY]].concat(), "--reference"),
        (
            vec!["--provider", "subscriber", "--space-url", "exa mple", "--project", "p", "--reference", "r"],
            "--space-url",
        ),
        (vec!["--provider", "embed"], "SATKEEPER_EMBED_TOKEN"),
        (vec!["--provider", "embed", "--embed-token", CANARY, "--embed-url", "ftp://x"], "--embed-url"),
        (exec.to_vec(), "--command"),
        ([&exec[..], &["--command", "no-such-program-anywhere"]].concat(), "no such program"),
        ([&exec[..], &["--command", ""]].concat(), "--command"),
    ] {
        let outcome = outcome(&[&["run"], &options[..]].concat());
        assert_eq!(outcome.code, Some(2), "{options:?}: {}", outcome.err);
        assert!(outcome.err.contains(said), "{options:?}: {}", outcome.err);
        assert_eq!(outcome.out, "", "{options:?}");
    }
}

#[test]
fn help_teaches() {
    for (args, said) in [
        (&["--help"][..], &["satkeeper demo", "Exit codes", "  5  "][..]),
        (&["run", "--help"], &["Examples:", "SATKEEPER_FINGERPRINT", "Exit codes", "--connect-timeout"]),
        (&["serve", "--help"], &["Examples:", "first line", "--faults"]),
        (&["demo", "--help"], &["65 seconds", "--fast"]),
        (&["--version"], &["satkeeper 0."]),
    ] {
        let outcome = outcome(args);
        assert_eq!(outcome.code, Some(0), "{args:?}: {}", outcome.err);
        for said in said {
            assert!(outcome.out.contains(said), "{args:?} lacks {said}: {}", outcome.out);
        }
        assert!(!outcome.out.contains('\u{1b}'), "no colours but on a terminal");
        let wide = outcome.out.lines().find(|line| line.chars().count() > 100);
        assert_eq!(wide, None, "it fits into 100 columns");
    }
    for args in [&[][..], &["--nonsense"], &["nonsense"]] {
        assert_eq!(outcome(args).code, Some(2), "{args:?}");
    }
}
