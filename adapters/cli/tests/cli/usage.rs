//! Command lines that are no good: code 2, a message that names what is wrong, and no secret in it.

use crate::program::{CANARY, Outcome, file, outcome, satkeeper};

/// No token of anybody's, but one that reads as one.
const TOKEN: &str = "e30.a.b.c.d";

#[test]
fn every_mistake_has_its_message() {
    // survives W19
    let empty = file("usage-empty");
    std::fs::write(&empty, "\n").unwrap();
    let empty = empty.to_string_lossy();
    let blanks = format!("{CANARY} {CANARY}");
    let stray = format!("eyJ{CANARY}");
    let stray_option = format!("--tokn=eyJ{CANARY}");
    let user = format!("https://user:{CANARY}@example.com");
    let json = format!("{{\"token\": \"{CANARY}\"}}");
    let (click, nonsense) = (format!("c2c_{CANARY}"), format!("x.{CANARY}.y"));
    let stat = ["--provider", "static", "--token", TOKEN];
    let sub = ["--provider", "subscriber", "--space-url", "https://127.0.0.1:9"];
    let exec = ["--provider", "exec"];
    const ID: &str = "2f0b3c52-6f0b-4b0e-8b6a-3d2f9a3d1c11";
    let guest =
        [&["--provider", "guest"][..], &sub[2..], &["--project", "p", "--api-token", CANARY]].concat();
    for (options, said) in [
        (vec![], "--provider is missing. Who brings the tokens?"),
        (vec!["--provider", "magic"], "--provider"),
        (vec!["--provider", "static"], "SATKEEPER_TOKEN"),
        (vec!["--provider", "static", "--token", ""], "--token is empty"),
        (vec!["--provider", "static", "--token", &blanks], "--token has blanks"),
        (vec!["--provider", "static", "--token", &json], "--token holds JSON"),
        (vec!["--provider", "static", "--token", &click], "use --provider embed"),
        (vec!["--provider", "static", "--token", &nonsense], "--token holds no subscriber access token"),
        (vec!["--provider", "static", "--token-file", &empty], "is empty"),
        (vec!["--provider", "static", "--token-file", "/nowhere/at/all"], "/nowhere/at/all"),
        (vec!["--provider", "static", &stray], "not repeated here"),
        (vec!["--provider", "static", &stray_option], "--tokn"),
        ([&stat[..], &["--token-file", "x"]].concat(), "--token-file"),
        (
            [&stat[..], &["--api-token", CANARY]].concat(),
            "--api-token is for --provider subscriber or guest, not for static",
        ),
        ([&stat[..], &["--command", "x"]].concat(), "--command is for --provider exec, not for static"),
        (
            [&stat[..], &["--space-url", "x", "--reference", "x"]].concat(),
            "--reference is for --provider subscriber",
        ),
        (
            [&exec[..], &["--command", "sh", "--embed-url", "x"]].concat(),
            "--embed-url is for --provider embed",
        ),
        ([&stat[..], &["--for", "soon"]].concat(), "--for"),
        ([&stat[..], &["--for", "0"]].concat(), "zero"),
        ([&stat[..], &["--connect-timeout", "x"]].concat(), "--connect-timeout"),
        ([&stat[..], &["--relay-url", "https://example.com"]].concat(), "--relay-url"),
        ([&stat[..], &["--relay-url", "ws://127.0.0.1:9"]].concat(), "not encrypted"),
        ([&stat[..], &["--fabric-url", "http://127.0.0.1:9"]].concat(), "--allow-plain accepts it"),
        (
            [&stat[..], &["--fabric-url", "http://localhost:9"]].concat(),
            "write 127.0.0.1 in place of localhost and",
        ),
        (
            [&stat[..], &["--fabric-url", "http://localhost:9", "--allow-plain"]].concat(),
            "place of localhost",
        ),
        ([&stat[..], &["--fabric-url", "http://example.com", "--allow-plain"]].concat(), "loopback"),
        ([&stat[..], &["--fabric-url", "wss://example.com"]].concat(), "--fabric-url"),
        ([&stat[..], &["--fabric-url", &user]].concat(), "user name"),
        ([&stat[..], &["--ca-file", "/nowhere/at/all"]].concat(), "--ca-file"),
        ([&stat[..], &["--ca-file", &empty]].concat(), "--ca-file"),
        ([&stat[..], &["--events", "/nowhere/at/all"]].concat(), "--events"),
        ([&stat[..], &["-q", "-v"]].concat(), "--quiet"),
        (vec!["--provider", "subscriber"], "also needs --space-url NAME"),
        (sub.to_vec(), "--project ID, --reference NAME and SATKEEPER_API_TOKEN"),
        ([&sub[..], &["--project", "p"]].concat(), "also needs --reference"),
        ([&sub[..], &["--project", "p", "--reference", "r"]].concat(), "SATKEEPER_API_TOKEN"),
        ([&sub[..], &["--api-token-file", "-"]].concat(), "needs --project ID and --reference NAME"),
        (
            vec![
                "--provider",
                "subscriber",
                "--space-url",
                "http://127.0.0.1:9",
                "--project",
                "p",
                "--reference",
                "r",
                "--api-token",
                CANARY,
            ],
            "--allow-plain accepts it",
        ),
        (
            vec!["--provider", "guest"],
            "--space-url NAME (such as example.signalwire.com), --project ID, --address ID and",
        ),
        ([&guest[..], &["--address", "alice"]].concat(), "--address: it must be a UUID"),
        (
            [&guest[..], &["--reference", "alice", "--address", ID]].concat(),
            "--reference is for --provider subscriber",
        ),
        (
            [&guest[..], &["--address", ID].repeat(11)[..]].concat(),
            "--address: it must not name more than 10",
        ),
        (
            [&sub[..], &["--project", "p:q", "--reference", "r", "--api-token", CANARY]].concat(),
            "--project: ",
        ),
        ([&sub[..], &["--project", "p", "--reference", "", "--api-token", CANARY]].concat(), "--reference"),
        (
            vec![
                "--provider",
                "subscriber",
                "--space-url",
                "exa mple",
                "--project",
                "p",
                "--reference",
                "r",
                "--api-token",
                CANARY,
            ],
            "--space-url",
        ),
        (vec!["--provider", "embed"], "SATKEEPER_EMBED_TOKEN"),
        (vec!["--provider", "embed", "--embed-token", CANARY, "--embed-url", "ftp://x"], "--embed-url"),
        (exec.to_vec(), "--command"),
        ([&exec[..], &["--command", "no-such-program-anywhere"]].concat(), "no such program"),
        ([&exec[..], &["--command", ""]].concat(), "--command"),
        #[cfg(unix)]
        ([&exec[..], &["--command", &empty]].concat(), "chmod +x"),
    ] {
        let outcome = outcome(&[&["run"], &options[..]].concat());
        assert_eq!(outcome.code, Some(2), "{options:?}: {}", outcome.err);
        assert!(outcome.err.contains(said), "{options:?}: {}", outcome.err);
        assert_eq!(outcome.out, "", "{options:?}");
    }
}

#[test]
fn what_the_environment_has_for_other_days_is_no_mistake() {
    let mut run = satkeeper(&["run", "--provider", "static", "--relay-url", "https://example.com"]);
    run.envs([
        ("SATKEEPER_TOKEN", TOKEN),
        ("SATKEEPER_API_TOKEN", CANARY),
        ("SATKEEPER_SPACE_URL", "ftp://x"),
    ]);
    run.envs([
        ("SATKEEPER_PROJECT", "p"),
        ("SATKEEPER_FABRIC_URL", ""),
        ("SATKEEPER_CA_FILE", ""),
        ("SATKEEPER_PROXY", ""),
    ]);
    let outcome = Outcome::from(run.output().unwrap());
    // The first mistake is the one on the command line.
    assert_eq!(outcome.code, Some(2), "{}", outcome.err);
    assert!(outcome.err.starts_with("error: --relay-url: "), "{}", outcome.err);
}

#[test]
fn help_teaches() {
    for (args, said) in [
        (&["--help"][..], &["satkeeper demo", "Exit codes", "  5  "][..]),
        (
            &["run", "--help"],
            &["Examples:", "SATKEEPER_FINGERPRINT", "SIGHUP", "Exit codes", "--connect-timeout"],
        ),
        (
            &["serve", "--help"],
            &[
                "Examples:",
                "first line",
                "--faults",
                "relay.localhost:0",
                "certutil",
                "pong_must_echo",
                "--http2",
            ],
        ),
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
