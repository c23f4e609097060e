//! What is behind an event or an end, in a sentence: what it means, before the numbers and the server's own words.

use satkeeper::core::wire::rest::HttpError;
use satkeeper::core::wire::rpc::is_auth_refusal;
use satkeeper::{ProviderFault, SessionError};

use crate::run_args::{ProviderKind, RunArgs};

/// What is at the bottom of an error: the layers above only say what the sentence around it says already.
pub(crate) fn cause(error: &SessionError) -> String {
    match root(error) {
        SessionError::Rpc { code, message, data } => refusal(*code, message, data.as_deref()),
        SessionError::Http(answer) => status(answer),
        SessionError::InvalidCredentials { reason } => reason.clone(),
        SessionError::Provider { kind: ProviderFault::Rejected, message } => format!("{message} (for good)"),
        SessionError::Provider { kind: ProviderFault::Transient, message } => message.clone(),
        SessionError::Provider { kind: ProviderFault::Once, message } => {
            format!("{message} (it is asked once)")
        }
        error => error.to_string(),
    }
}

fn root(mut error: &SessionError) -> &SessionError {
    while let SessionError::TokenRefresh { source: Some(source), .. }
    | SessionError::DeviceToken { source: Some(source), .. } = error
    {
        error = source;
    }
    error
}

/// What the server means with a code.
fn refusal(code: i64, message: &str, data: Option<&str>) -> String {
    let words = words(message);
    let of_credential = |data: &str| is_auth_refusal(code, &format!("{message} {data}"), None);
    let meaning = match code {
        -32_000 => "the server says that its time was up",
        -32_001 => "the server does not speak this version of the protocol",
        -32_002 if words.is_empty() || of_credential(data.unwrap_or_default()) => {
            "the server does not accept the token: it has expired, was revoked, or is meant for another server"
        }
        -32_003 => "the server does not allow it: the token lacks the permission, or is not valid any more",
        -32_004 => "the server says that this is not available",
        -32_005 => "the server has no room for another session now",
        _ => "the server refused the request",
    };
    match words {
        "" => format!("{meaning} ({code})"),
        words => format!("{meaning} ({code}: {words})"),
    }
}

/// What the server answered over HTTP. That it is repeated or not, the sentence around it says.
fn status(answer: &HttpError) -> String {
    let mut told = format!("{} was answered with status {}", answer.endpoint.name(), answer.status);
    if let Some(message) = &answer.message {
        told += &format!(" ({message})");
    }
    for entry in &answer.entries {
        let message = entry.message.as_deref().map_or("", words);
        let code = entry.code.as_deref().unwrap_or("error");
        let about = entry.attribute.as_ref().map_or_else(String::new, |field| format!(" on `{field}`"));
        told += &format!(": {message} ({code}{about})");
    }
    told + match answer.status {
        401 => "; the credential is wrong, stale or not meant for this host",
        403 => "; the credential may not do this",
        404 => "; there is no such thing at this host",
        300..=399 => "; redirects are not followed, the final host has to be named",
        _ => "",
    }
}

/// What a server says, without an empty object or nothing at its end: those say nothing to people.
fn words(message: &str) -> &str {
    let mut words = message.trim();
    while let Some(rest) =
        ["{}", "[]", "null", "\"\"", ":", "."].into_iter().find_map(|empty| words.strip_suffix(empty))
    {
        words = rest.trim_end();
    }
    words
}

/// What to do where the credentials are refused.
pub(crate) fn when_refused(args: &RunArgs) -> &'static str {
    match args.provider {
        ProviderKind::Static => "get a new token and start again",
        ProviderKind::Subscriber => "check --space-url, --project, --reference and the API token",
        ProviderKind::Guest => "check --space-url, --project, --address and the API token",
        ProviderKind::Embed => "check the click-to-call token and --embed-url",
        ProviderKind::Exec => "look at what the program of --command brings (-v shows what it says)",
    }
}

/// What to do where no first token could be had.
pub(crate) const fn when_none_came(args: &RunArgs) -> &'static str {
    match args.provider {
        ProviderKind::Exec => "; -v shows what the program says, and with --repeatable it is asked again",
        _ => "",
    }
}

/// What to do where nobody could renew.
pub(crate) fn when_expired(args: &RunArgs) -> &'static str {
    match args.provider {
        ProviderKind::Static => {
            "a token without `sat:refresh` lasts until its end; for more, start again with a new one, hand one in \
             with SIGHUP and --token-file, or take a provider that renews"
        }
        _ => "the warnings before say why; start again when that is mended",
    }
}

#[cfg(test)]
mod tests {
    use super::cause;
    use satkeeper::core::wire::http::HttpResponse;
    use satkeeper::core::wire::rest::{Endpoint, HttpError};
    use satkeeper::{ProviderFault, SessionError};

    fn told(code: i64, message: &str) -> String {
        let rpc = SessionError::Rpc { code, message: message.to_owned(), data: None };
        let message = "it was refused".to_owned();
        cause(&SessionError::TokenRefresh { message, source: Some(Box::new(rpc)) })
    }

    #[test]
    fn an_answer_over_http_is_told_once() {
        let body =
            r#"{"errors": [{"code": "token_expired", "attribute": "x", "message": "It has expired."}]}"#;
        let answer = HttpError::of(Endpoint::DeviceToken, &HttpResponse::new(422, body), &[]);
        let told = cause(&answer.into());
        assert_eq!(told, "devices/token was answered with status 422: It has expired (token_expired on `x`)");
    }

    #[test]
    fn a_code_becomes_a_sentence() {
        // survives W19
        let recorded = "Authentication service failed with status ProtocolError, 401 Unauthorized: {}";
        assert_eq!(
            told(-32_002, recorded),
            "the server does not accept the token: it has expired, was revoked, or is meant for another server \
             (-32002: Authentication service failed with status ProtocolError, 401 Unauthorized)"
        );
        assert!(told(-32_002, "{}").ends_with("another server (-32002)"));
        // The same number, and no verdict on the token.
        assert_eq!(told(-32_002, "CALL ERROR"), "the server refused the request (-32002: CALL ERROR)");
        assert!(told(-32_003, "").contains("does not allow"));
        assert_eq!(told(-7, "no: null"), "the server refused the request (-7: no)");
        let provider = SessionError::Provider { kind: ProviderFault::Rejected, message: "closed".to_owned() };
        assert_eq!(cause(&provider), "closed (for good)");
        let over = SessionError::SessionOver;
        assert_eq!(cause(&over), over.to_string());
    }
}
