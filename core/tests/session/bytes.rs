//! Dice, and what no honest server sends.

use satkeeper_core::wire::http::HttpResponse;

use crate::world::{CANARY, sat};

/// xorshift64*: the same on every machine.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.roll(from.len() as u64)).unwrap()]
    }
}

/// A value where a server should have sent another.
fn odd_value(dice: &mut Dice) -> String {
    let huge = "9".repeat(400);
    dice.pick(&[
        "null",
        "true",
        "-1",
        "0",
        "1",
        "900",
        "1e300",
        "-1e300",
        "1700000900",
        "1700000900000",
        "\"\"",
        "\"900\"",
        "\"2023-11-14T23:00:00Z\"",
        "[]",
        "{}",
        "[[[]]]",
        "{\"jkt\":5}",
        "\"sat:refresh\"",
        "[\"sat:refresh\"]",
        "{\"jkt\":\"x\"}",
        huge.as_str(),
        "18446744073709551615",
    ])
    .to_string()
}

fn token(dice: &mut Dice) -> String {
    match dice.roll(8) {
        0 => "\"\"".to_owned(),
        1 => "\"junk\"".to_owned(),
        2 => odd_value(dice),
        _ => format!("\"{}\"", sat(&dice.roll(6).to_string(), "relay.sw.test")),
    }
}

pub fn response(dice: &mut Dice) -> HttpResponse {
    if dice.roll(2) == 0 {
        let token = sat(&dice.roll(6).to_string(), "relay.sw.test");
        let claims = "{\"scope\":[\"sat:refresh\"]}";
        return HttpResponse::new(200, format!("{{\"token\":\"{token}\",\"sat_claims\":{claims}}}"));
    }
    let status =
        dice.pick(&[200, 201, 200, 200, 204, 301, 400, 401, 403, 404, 408, 422, 429, 500, 503, 0, 999]);
    let body = match dice.roll(6) {
        0 => format!("{{\"error\":\"use_dpop_nonce\",\"echo\":{}}}", token(dice)),
        1 => format!("not json {}", sat("3", "a.b")),
        2 => format!("{{\"errors\":[{{\"code\":{},\"message\":{}}}]}}", odd_value(dice), token(dice)),
        3 => format!(
            "{{\"sat_claims\":{{\"scope\":{},\"cnf\":{},\"expires_at\":{}}}}}",
            odd_value(dice),
            odd_value(dice),
            odd_value(dice)
        ),
        _ => format!(
            "{{\"token\":{},\"refresh_token\":\"r{CANARY}{}\",\"expires_in\":{},\"expires_at\":{}}}",
            token(dice),
            dice.roll(9),
            odd_value(dice),
            odd_value(dice)
        ),
    };
    let mut response = HttpResponse::new(status, body);
    for (name, values) in [
        ("Date", ["Tue, 14 Nov 2023 22:13:20 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "soon", ""]),
        ("Retry-After", ["1", "99999999999999999999", "Tue, 14 Nov 2023 22:13:20 GMT", "-1"]),
        ("DPoP-Nonce", ["n1", "n2", "bad \"nonce\"", ""]),
        ("WWW-Authenticate", ["DPoP error=\"use_dpop_nonce\"", "Bearer", "", "x"]),
    ] {
        if dice.roll(3) == 0 {
            response.set_header(name, dice.pick(&values));
        }
    }
    response
}

pub fn frame(dice: &mut Dice, ids: &[String]) -> String {
    if let Some(id) = ids.last().filter(|_| dice.roll(2) == 0) {
        return format!("{{\"id\":{id},\"result\":{{\"protocol\":\"p\"}}}}");
    }
    let id = if ids.is_empty() || dice.roll(6) == 0 {
        odd_value(dice)
    } else {
        ids[usize::try_from(dice.roll(ids.len() as u64)).unwrap()].clone()
    };
    match dice.roll(10) {
        0 => format!(
            "{{\"id\":{id},\"error\":{{\"code\":{},\"message\":{}}}}}",
            dice.pick(&["-32002", "-32003", "-32602", "-32603", "\"x\"", "9e99"]),
            token(dice)
        ),
        1 => format!("{{\"id\":{id},\"error\":{{\"code\":-32002,\"message\":\"Authentication failed\"}}}}"),
        2 => format!(
            "{{\"id\":\"s\",\"method\":\"signalwire.ping\",\"params\":{{\"timestamp\":{}}}}}",
            odd_value(dice)
        ),
        3 => format!(
            "{{\"id\":\"s\",\"method\":\"signalwire.event\",\"params\":{{\"event_type\":\"signalwire.authorization.state\",\"params\":{{\"authorization_state\":{}}}}}}}",
            token(dice)
        ),
        4 => format!(
            "{{\"id\":\"s\",\"method\":\"signalwire.disconnect\",\"params\":{{\"restart\":{}}}}}",
            odd_value(dice)
        ),
        5 => format!("{{\"id\":{id},\"method\":\"other\",\"params\":{}}}", odd_value(dice)),
        6 => odd_value(dice),
        _ => format!(
            "{{\"id\":{id},\"result\":{{\"code\":{},\"protocol\":\"p\",\"session_restored\":{},\"authorization\":{{\"project_id\":\"p\",\"scope\":{},\"cnf\":{},\"fabric_subscriber\":{{\"expires_at\":{}}}}},\"ice_servers\":[{{\"urls\":\"turn:t\",\"username\":\"{}:u\"}}]}}}}",
            dice.pick(&["null", "200", "\"200\"", "\"403\"", "null"]),
            odd_value(dice),
            odd_value(dice),
            odd_value(dice),
            odd_value(dice),
            1_699_999_900 + dice.roll(1_000)
        ),
    }
}
