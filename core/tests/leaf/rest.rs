//! REST requests and replies.

use satkeeper_core::error::Error;
use satkeeper_core::secret::Secret;
use satkeeper_core::wire::connect::Confirmation;
use satkeeper_core::wire::http::{HttpRequest, HttpResponse, MAX_BODY};
use satkeeper_core::wire::rest::{
    CreateSubscriberToken, DEVICE_TTL_S, Endpoint, GuestToken, HttpError, Space, SubscriberInfo, TokenReply,
    device_refresh, device_token, embed_token, invite_token, refresh_subscriber_token, subscriber_info,
};
use satkeeper_core::wire::time::{Oddity, Parsed};
use satkeeper_core::wire::url::{Plain, SecureUrl};

const UUID: &str = "0f1b6d1e-7d2c-4f7a-9a51-3f2d8f3c1a2b";
const JKT: &str = "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U";

fn url(text: &str) -> SecureUrl {
    SecureUrl::parse(text, Plain::Never).unwrap()
}

fn space() -> Space {
    Space::new(url("https://example.signalwire.com"), "project-id", &Secret::new("api-token")).unwrap()
}

/// Method, URL, headers and body in one text.
fn flat(request: &HttpRequest) -> String {
    let headers: Vec<_> = request.headers.iter().map(|(k, v)| format!("{k}: {}", v.expose())).collect();
    let body = request.body.as_ref().map_or("", Secret::expose);
    format!("{} {}|{}|{body}", request.method.name(), request.url.as_str(), headers.join("|"))
}

fn refused(result: Result<HttpRequest, Error>) -> &'static str {
    match result {
        Err(Error::InvalidField { field, .. }) => field,
        Err(other) => panic!("{other}"),
        Ok(request) => panic!("{request:?} was made"),
    }
}

// survives W16
// proves R34.1
#[test]
fn the_requests_are_the_documented_ones() {
    let json = "accept: application/json|accept-encoding: identity|content-type: application/json";
    let basic = "authorization: Basic cHJvamVjdC1pZDphcGktdG9rZW4=";
    let create = CreateSubscriberToken {
        reference: "subscriber@example.com".to_owned(),
        fingerprint: Some(JKT.to_owned()),
        scope_refresh: true,
        expire_at: Some(1_795_231_753),
        password: Some(Secret::new("")),
        ..CreateSubscriberToken::default()
    };
    assert_eq!(
        flat(&create.request(&space()).unwrap()),
        format!(
            r#"POST https://example.signalwire.com/api/fabric/subscribers/tokens|{json}|{basic}|{{"reference":"subscriber@example.com","fingerprint":"{JKT}","scope":"sat:refresh","expire_at":1795231753}}"#
        )
    );
    assert_eq!(
        flat(&refresh_subscriber_token(&space(), &Secret::new("R")).unwrap()),
        format!(
            r#"POST https://example.signalwire.com/api/fabric/subscribers/tokens/refresh|{json}|{basic}|{{"refresh_token":"R"}}"#
        )
    );
    let guest =
        GuestToken { allowed_addresses: vec![UUID.to_owned()], expire_at: Some(5), ..GuestToken::default() };
    assert_eq!(
        flat(&guest.request(&space()).unwrap()),
        format!(
            r#"POST https://example.signalwire.com/api/fabric/guests/tokens|{json}|{basic}|{{"allowed_addresses":["{UUID}"],"expire_at":5}}"#
        )
    );
    let (sat, proof, host) = (Secret::new("T"), Secret::new("P"), url("https://fabric.signalwire.com"));
    assert_eq!(
        flat(&invite_token(space().url(), &sat, UUID, Some(9)).unwrap()),
        format!(
            r#"POST https://example.signalwire.com/api/fabric/subscriber/invites|{json}|authorization: Bearer T|{{"address_id":"{UUID}","expires_at":9}}"#
        )
    );
    assert_eq!(
        flat(&embed_token(&url("https://embeds.signalwire.com"), &Secret::new("c2c_1")).unwrap()),
        format!(r#"POST https://embeds.signalwire.com/api/fabric/embeds/tokens|{json}|{{"token":"c2c_1"}}"#)
    );
    assert_eq!(
        flat(&device_token(&host, &sat, &proof, DEVICE_TTL_S).unwrap()),
        format!(
            r#"POST https://fabric.signalwire.com/api/fabric/subscriber/devices/token|{json}|authorization: Bearer T|{{"dpop_token":"P","expire_in":900}}"#
        )
    );
    assert_eq!(
        flat(&device_refresh(&host, &sat, &proof, 900).unwrap()),
        format!(
            r#"POST https://fabric.signalwire.com/api/fabric/subscriber/devices/refresh|{json}|authorization: Bearer T|{{"dpop_token":"P","expire_in":900}}"#
        )
    );
    assert_eq!(
        flat(&subscriber_info(&host, &sat).unwrap()),
        "GET https://fabric.signalwire.com/api/fabric/subscriber/info|accept: application/json|accept-encoding: identity|authorization: Bearer T|"
    );
    let prefixed = url("https://proxy.test/sw/?q=1");
    assert_eq!(
        Endpoint::GuestToken.url(&prefixed).as_str(),
        "https://proxy.test/sw/api/fabric/guests/tokens"
    );
}

// proves R34.1
#[test]
fn every_field_of_create_is_sent_under_its_name() {
    let some = |text: &str| Some(text.to_owned());
    let create = CreateSubscriberToken {
        reference: "r".to_owned(),
        application_id: some(UUID),
        password: Some(Secret::new("pw")),
        first_name: some("a"),
        last_name: some("b"),
        display_name: some("c"),
        job_title: some("d"),
        time_zone: some("e"),
        country: some("f"),
        company_name: some("g"),
        region: some("us-central"),
        ..CreateSubscriberToken::default()
    };
    assert_eq!(
        create.request(&space()).unwrap().body.unwrap().expose(),
        format!(
            r#"{{"reference":"r","application_id":"{UUID}","password":"pw","first_name":"a","last_name":"b","display_name":"c","job_title":"d","time_zone":"e","country":"f","company_name":"g","region":"us-central"}}"#
        )
    );
    assert!(!create.is_short_lived());
    assert!(CreateSubscriberToken { scope_refresh: true, ..create.clone() }.is_short_lived());
    assert!(
        !CreateSubscriberToken { scope_refresh: true, fingerprint: some(JKT), ..create }.is_short_lived()
    );
}

// proves R34.1
#[test]
fn fields_are_checked_before_anything_is_sent() {
    let some = |text: &str| Some(text.to_owned());
    let create = CreateSubscriberToken { reference: "r".to_owned(), ..CreateSubscriberToken::default() };
    let refused_create = |it: CreateSubscriberToken| refused(it.request(&space()));
    for reference in ["", "  ", "a\u{7}", &"r".repeat(1025)] {
        let bad = CreateSubscriberToken { reference: reference.to_owned(), ..create.clone() };
        assert_eq!(refused_create(bad), "reference");
    }
    for print in ["", &JKT[1..], &format!("{JKT}A"), &JKT.replace('_', "+"), &JKT.replace('_', "=")] {
        let bad = CreateSubscriberToken { fingerprint: some(print), ..create.clone() };
        assert_eq!(refused_create(bad), "fingerprint");
    }
    for time in [0, 260_000_000_000, 1_795_231_753_000] {
        let bad = CreateSubscriberToken { expire_at: Some(time), ..create.clone() };
        assert_eq!(refused_create(bad), "expire_at");
    }
    for id in ["", "x", &UUID[1..], &UUID.replace('-', "0"), &UUID.replace('0', "g")] {
        let bad = CreateSubscriberToken { application_id: some(id), ..create.clone() };
        assert_eq!(refused_create(bad), "application_id");
    }
    assert_eq!(refused_create(CreateSubscriberToken { region: some("eu"), ..create.clone() }), "region");
    assert_eq!(refused_create(CreateSubscriberToken { country: some("\n"), ..create }), "country");

    let refused_guest = |it: GuestToken| refused(it.request(&space()));
    let guest = GuestToken { allowed_addresses: vec![UUID.to_owned(); 10], ..GuestToken::default() };
    assert!(guest.request(&space()).is_ok());
    for addresses in [vec![], vec![UUID.to_owned(); 11], vec![UUID.to_owned(), "x".to_owned()]] {
        let bad = GuestToken { allowed_addresses: addresses, ..GuestToken::default() };
        assert_eq!(refused_guest(bad), "allowed_addresses");
    }
    assert_eq!(refused_guest(GuestToken { ch: some("evil.com"), ..guest.clone() }), "ch");
    assert_eq!(refused_guest(GuestToken { region: some("eu"), ..guest }), "region");

    let host = url("https://example.com");
    for token in ["", "a b", "a\r\nx: y", "ä"] {
        let token = Secret::new(token);
        assert_eq!(refused(refresh_subscriber_token(&space(), &token)), "refresh_token");
        assert_eq!(refused(embed_token(&host, &token)), "token");
        assert_eq!(refused(subscriber_info(&host, &token)), "token");
        assert_eq!(refused(device_token(&host, &token, &token, 1)), "token");
        assert_eq!(refused(invite_token(&host, &token, UUID, None)), "token");
        assert!(Space::new(host.clone(), "p", &token).is_err());
        assert!(Space::new(host.clone(), token.expose(), &Secret::new("t")).is_err());
    }
    assert!(Space::new(host.clone(), "a:b", &Secret::new("t")).is_err());
    assert!(Space::new(url("wss://example.com"), "a", &Secret::new("t")).is_err());
    assert_eq!(refused(invite_token(&host, &Secret::new("T"), "x", None)), "address_id");
    assert_eq!(refused(invite_token(&host, &Secret::new("T"), UUID, Some(1 << 50))), "expires_at");
}

// proves R36.1
#[test]
fn requests_and_responses_show_no_secret() {
    let host = url("https://example.com/?q=CANARY");
    let (token, proof) = (Secret::new("CANARY1"), Secret::new("CANARY2"));
    let request = device_token(&host, &token, &proof, 900).unwrap();
    let shown = format!("{request:?}");
    assert!(
        !shown.contains("CANARY") && shown.contains("authorization") && shown.contains("Post"),
        "{shown}"
    );
    let mut response = HttpResponse::new(200, r#"{"token":"CANARY"}"#);
    response.set_header("DPoP-Nonce", "CANARY");
    let shown = format!("{response:?}");
    assert!(!shown.contains("CANARY") && shown.contains("200"), "{shown}");
}

// proves R36.7
#[test]
fn any_2xx_with_a_token_counts() {
    let parse =
        |status, body: &str| TokenReply::parse(Endpoint::DeviceToken, &HttpResponse::new(status, body), &[]);
    for status in [200, 201, 204, 299] {
        let reply = parse(status, r#"{"token":"T"}"#).unwrap_or_else(|it| panic!("{it}"));
        assert_eq!(reply.token.expose(), "T");
        assert_eq!((reply.expires_at, reply.expires_in), (Parsed::ABSENT, Parsed::ABSENT));
    }
    let Ok(full) = parse(
        201,
        r#"{"token":"T","refresh_token":"R","subscriber_id":"s","expires_at":1795231753,"expires_in":"33","x":[]}"#,
    ) else {
        panic!()
    };
    assert_eq!(full.refresh_token.unwrap().expose(), "R");
    assert_eq!(full.subscriber_id.as_deref(), Some("s"));
    assert_eq!(full.expires_at.ms, Some(1_795_231_753_000));
    assert_eq!(full.expires_in, Parsed { ms: Some(33_000), oddity: Some(Oddity::Text) });
    let Ok(odd) =
        parse(200, r#"{"token":"T","refresh_token":7,"subscriber_id":[],"expires_at":{},"expires_in":-1}"#)
    else {
        panic!()
    };
    assert!(odd.refresh_token.is_none() && odd.subscriber_id.is_none());
    assert_eq!(odd.expires_at.oddity, Some(Oddity::Unusable));
    for body in [
        "",
        "CANARY",
        "{}",
        "[]",
        "\"CANARY\"",
        r#"{"token":""}"#,
        r#"{"token":7}"#,
        r#"{"token":"CANARY 1"}"#,
        r#"{"token":"CANARY\r\n"}"#,
        r#"{"token":"CANARY"#,
    ] {
        let Err(error) = parse(200, body) else { panic!("{body}") };
        assert_eq!(error.code(), "unexpected_reply");
        assert!(!format!("{error} {error:?}").contains("CANARY"), "{error}");
    }
    let huge = format!(r#"{{"token":"T","x":"{}"}}"#, "x".repeat(MAX_BODY));
    assert!(parse(200, &huge).is_err());
    for status in [0, 199, 300, 302, 401, 500, 65535] {
        let Err(Error::Http(error)) = parse(status, r#"{"token":"T"}"#) else { panic!("{status}") };
        assert_eq!(error.status, status);
    }
}

// proves R17.4
#[test]
fn subscriber_info_tells_scope_key_and_end() {
    let parse = |body: &str| SubscriberInfo::parse(&HttpResponse::new(200, body), &[]).unwrap();
    let full = parse(&format!(
        r#"{{"id":"s","sat_claims":{{"scope":["sat:refresh"],"cnf":{{"jkt":"{JKT}"}},"expires_at":1795231753}}}}"#
    ));
    assert_eq!(full.subscriber.id.as_deref(), Some("s"));
    assert_eq!(full.refreshable, Some(true));
    assert_eq!(full.confirmation, Confirmation::Thumbprint(JKT.to_owned()));
    assert_eq!(full.expires_at.ms, Some(1_795_231_753_000));
    let plain = parse(r#"{"id":"s"}"#);
    assert_eq!((plain.refreshable, plain.confirmation), (Some(false), Confirmation::None));
    assert_eq!(parse(r#"{"sat_claims":{}}"#).refreshable, Some(false));
    assert_eq!(parse(r#"{"sat_claims":{"scope":7}}"#).refreshable, None);
    let odd = parse(r#"{"id":7,"sat_claims":"x"}"#);
    assert_eq!(odd, SubscriberInfo::default());
    assert_eq!(parse(r#"{"id":"s","sat_claims":"x"}"#).subscriber.id.as_deref(), Some("s"));
    assert!(SubscriberInfo::parse(&HttpResponse::new(200, "[]"), &[]).is_err());
    assert!(matches!(SubscriberInfo::parse(&HttpResponse::new(401, ""), &[]), Err(Error::Http(_))));
}

// proves R34.4
#[test]
fn http_errors_keep_status_entries_and_waits() {
    let of = |status, body: &str| HttpError::of(Endpoint::GuestToken, &HttpResponse::new(status, body), &[]);
    assert_eq!(of(401, r#"{"error":"Unauthorized"}"#).message.as_deref(), Some("Unauthorized"));
    assert_eq!(of(401, "Unauthorized\n").message.as_deref(), Some("Unauthorized"));
    assert_eq!(of(502, "<html>Bad gateway</html>").message, None);
    assert_eq!(of(500, "").message, None);
    let both = of(
        422,
        r#"{"errors":[{"type":"validation_error","code":"a","message":"m","attribute":"f","url":"u"},{"code":"b","attribute":null},7]}"#,
    );
    assert_eq!(both.entries.len(), 3);
    assert_eq!(both.entries[0].kind.as_deref(), Some("validation_error"));
    assert_eq!(both.entries[0].attribute.as_deref(), Some("f"));
    assert_eq!((both.entries[1].code.as_deref(), &both.entries[1].attribute), (Some("b"), &None));
    assert!(both.has_code("a") && both.has_code("b") && !both.has_code("c"));
    let shown = both.to_string();
    assert!(
        shown.contains("guest token") && shown.contains("422") && shown.contains("a on `f`: m"),
        "{shown}"
    );
    for (status, transient) in [
        (400, false),
        (401, false),
        (403, false),
        (404, false),
        (408, true),
        (422, false),
        (425, true),
        (429, true),
        (499, false),
        (500, true),
        (503, true),
        (302, true),
    ] {
        assert_eq!(of(status, "").is_transient(), transient, "{status}");
    }
    let many = format!(r#"{{"errors":[{}{{}}]}}"#, "{},".repeat(1000));
    assert_eq!(of(422, &many).entries.len(), 64);
}

// proves R3.7
#[test]
fn retry_after_is_measured_by_the_server_s_own_clock() {
    let wait = |retry: &str, date: Option<&str>| {
        let mut response = HttpResponse::new(429, "");
        response.set_header("Retry-After", retry);
        if let Some(date) = date {
            response.set_header("DATE", date);
        }
        HttpError::of(Endpoint::DeviceToken, &response, &[]).retry_after_ms
    };
    assert_eq!(wait("7", None), Some(7_000));
    let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(wait("Sun, 06 Nov 1994 08:50:07 GMT", date), Some(30_000));
    assert_eq!(wait("Sun, 06 Nov 1994 08:50:07 GMT", None), None);
    assert_eq!(wait("soon", date), None);
}

// proves R35.4
#[test]
fn nonces_are_taken_and_their_challenge_recognised() {
    let of = |status, body: &str, nonce: &str, challenge: &[&str]| {
        let mut response = HttpResponse::new(status, body);
        response.set_header("dpop-nonce", nonce);
        for one in challenge {
            response.set_header("WWW-Authenticate", one);
        }
        let error = HttpError::of(Endpoint::DeviceRefresh, &response, &[]);
        (error.nonce, error.wants_nonce)
    };
    let n = || Some("n1".to_owned());
    assert_eq!(of(400, r#"{"error":"use_dpop_nonce"}"#, "n1", &[]), (n(), true));
    assert_eq!(of(401, "", "n1", &["Bearer", r#"DPoP error="use_dpop_nonce""#]), (n(), true));
    assert_eq!(of(401, "", "n1", &[r#"DPoP error="invalid_dpop_proof""#]), (n(), false));
    assert_eq!(of(500, r#"{"error":"use_dpop_nonce"}"#, "n1", &[]), (n(), false));
    assert_eq!(of(400, r#"{"error":"use_dpop_nonce"}"#, "bad nonce", &[]), (None, false));
    assert_eq!(of(400, r#"{"error":"use_dpop_nonce"}"#, "", &[]), (None, false));
}

// proves R36.2
#[test]
fn an_echoed_token_is_cut_out_of_the_error() {
    let token = Secret::new("CANARY-api-token");
    let body = r#"{"error":"no CANARY-\u0000api-token, no eyJhbGciOiJkaXIifQ..a.b.c!","errors":[{"message":"CANARY-api-token","code":"\u001b[2Jx","attribute":"CANARY-api-token"}]}"#;
    let error = HttpError::of(Endpoint::CreateSubscriberToken, &HttpResponse::new(422, body), &[&token]);
    assert_eq!(error.message.as_deref(), Some("no [redacted], no [redacted]!"));
    assert_eq!(error.entries[0].code.as_deref(), Some("[2Jx"));
    let shown = format!("{error} {error:?} {}", Error::from(error.clone()));
    assert!(!shown.contains("CANARY"), "{shown}");
    let long = format!(r#"{{"error":"{}"}}"#, "ü".repeat(5000));
    let error = HttpError::of(Endpoint::GuestToken, &HttpResponse::new(400, long), &[]);
    assert_eq!(error.message.unwrap().chars().count(), 257);
    let bare =
        HttpError::of(Endpoint::GuestToken, &HttpResponse::new(400, "token CANARY-api-token"), &[&token]);
    assert_eq!(bare.message.as_deref(), Some("token [redacted]"));
}

// survives W16
#[test]
fn a_token_is_found_whatever_is_around_it() {
    let json = br#"{"token": "T", "refresh_token": "R"}"#;
    for (before, behind) in [
        (&b"\xef\xbb\xbf"[..], &b""[..]),
        (b"\xef\xbb\xbf \r\n", b"\n"),
        (b"", b"\n<script>a page would have had this</script>"),
        (b"{\"note\": \"\xff\xfe\", \"token\": \"T\", \"refresh_token\": \"R\"}", b""),
    ] {
        let response = HttpResponse::new(200, [before, json, behind].concat());
        let reply = TokenReply::parse(Endpoint::RefreshSubscriberToken, &response, &[]).unwrap();
        assert_eq!(reply.token.expose(), "T");
        assert!(reply.refresh_token.is_some_and(|secret| secret.expose() == "R"));
    }
    for body in
        [&b""[..], b" ", b"\xef\xbb\xbf", b"[{\"token\": \"T\"}]", b"{\"token\": \"T\"", b"\x1f\x8b\x08"]
    {
        let response = HttpResponse::new(200, body);
        assert!(TokenReply::parse(Endpoint::RefreshSubscriberToken, &response, &[]).is_err(), "{body:?}");
    }
    let marked = HttpResponse::new(401, "\u{feff}{\"error\": \"Unauthorized\"}");
    let error = HttpError::of(Endpoint::DeviceToken, &marked, &[]);
    assert_eq!(error.message.as_deref(), Some("Unauthorized"));
    let numbered = HttpError::of(Endpoint::DeviceToken, &HttpResponse::new(404, "404 page not found"), &[]);
    assert_eq!(numbered.message.as_deref(), Some("404 page not found"));
}
