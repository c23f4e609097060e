//! Errors: stable codes, official names, texts that say what to do.

use std::collections::BTreeSet;

use satkeeper_core::error::{Error, ProviderFault};

fn each() -> Vec<Error> {
    let text = || "because".to_owned();
    vec![
        Error::InvalidCredentials { reason: text() },
        Error::TokenRefresh { message: text(), source: Some(Box::new(Error::SessionOver)) },
        Error::DeviceToken { message: text(), source: None },
        Error::DpopInit { message: text() },
        Error::Rpc { code: -32_601, message: text(), data: None },
        Error::Timeout { what: "because".into(), after_ms: 5 },
        Error::Unreachable { message: text() },
        Error::Transport { message: text() },
        Error::UpgradeRefused { peer: text(), status: 503, retry_after_ms: None },
        Error::Store { message: text() },
        Error::Provider { kind: ProviderFault::Rejected, message: text() },
        Error::Throttled { retry_after_ms: 5 },
        Error::SessionOver,
        Error::InvalidUrl { reason: "because" },
        Error::HostNotAllowed { host: text() },
        Error::InvalidField { field: "reference", reason: "because" },
        Error::UnexpectedReply { what: "a call", reason: text() },
    ]
}

// proves R37.1
#[test]
fn codes_are_stable_snake_case_and_of_one_kind_each() {
    let codes: Vec<&str> = each().iter().map(Error::code).collect();
    assert_eq!(
        codes,
        [
            "invalid_credentials",
            "token_refresh",
            "device_token",
            "dpop_init",
            "rpc",
            "timeout",
            "unreachable",
            "transport",
            "upgrade_refused",
            "store",
            "provider",
            "throttled",
            "session_over",
            "invalid_url",
            "host_not_allowed",
            "invalid_field",
            "unexpected_reply",
        ]
    );
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
}

// proves R37.1
#[test]
fn what_the_official_client_has_is_named_as_there() {
    let named: BTreeSet<&str> = each().iter().filter_map(Error::official_name).collect();
    for official in ["InvalidCredentialsError", "TokenRefreshError", "DeviceTokenError", "DPoPInitError"] {
        assert!(named.contains(official), "{official}");
    }
    // What only satkeeper knows has no such name.
    assert_eq!(Error::SessionOver.official_name(), None);
    assert_eq!(Error::Throttled { retry_after_ms: 5 }.official_name(), None);
}

// proves R37
#[test]
fn every_text_tells_the_reason_and_the_source_has_its_own() {
    for error in each() {
        let text = error.to_string();
        let told = text.contains("because") || matches!(error, Error::Throttled { .. } | Error::SessionOver);
        assert!(told && text.len() > 20 && !text.ends_with('.'), "{text}");
        // Said once in a printed chain: by the source, not by both.
        if let Some(source) = std::error::Error::source(&error) {
            assert!(!text.contains(&source.to_string()), "{text}");
        }
    }
}
