//! Any driver, any server, any application: nothing panics, nothing leaks, nothing is left waiting, nothing
//! runs hot.

use std::collections::BTreeMap;

use crate::bytes::{Dice, frame, response};
use crate::world::{CANARY, EPOCH, ec, rsa, sat, subscriber};
use satkeeper_core::Now;
use satkeeper_core::dpop::{Algorithm, ProofKey};
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::{AskId, Event, Generation, KeyAlgorithm, Policy, SocketId};
use satkeeper_core::secret::{Secret, Seed};
use satkeeper_core::session::{
    CallId, Config, Credential, KeyChoice, NotificationId, Provider, ProviderError, RequestId, Session,
    SessionInput, SessionNews, SessionOutput, StoreFailure,
};

#[derive(Default)]
struct Seen {
    requests: Vec<RequestId>,
    providers: Vec<RequestId>,
    keys: Vec<(RequestId, KeyAlgorithm)>,
    signatures: Vec<RequestId>,
    stores: Vec<RequestId>,
    sockets: Vec<SocketId>,
    frames: Vec<String>,
    calls: BTreeMap<u64, u32>,
    asks: BTreeMap<u64, u32>,
    over: bool,
    sent: u64,
    digest: u64,
}

impl Seen {
    fn note(&mut self, text: &str) {
        assert!(!text.contains(CANARY), "leaked: {text}");
        for byte in text.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn output(&mut self, output: SessionOutput) {
        assert!(
            !self.over
                || matches!(
                    output,
                    SessionOutput::Settled { result: Err(Error::SessionOver), .. }
                        | SessionOutput::Returned { result: Err(_), .. }
                        | SessionOutput::Fetched { result: Err(Error::SessionOver), .. }
                        | SessionOutput::Responded { result: Err(Error::SessionOver), .. }
                )
        );
        match output {
            SessionOutput::Request { id, request, .. } => {
                self.sent += 1;
                self.note(&format!("{request:?}"));
                self.requests.push(id);
            }
            SessionOutput::AskProvider { id, call, .. } => {
                self.sent += 1;
                self.note(&format!("{call:?}"));
                self.providers.push(id);
            }
            SessionOutput::MakeKey { id, algorithm, .. } => self.keys.push((id, algorithm)),
            SessionOutput::Open { socket, url, .. } => {
                self.sent += 1;
                self.note(&format!("{url:?}"));
                self.sockets.push(socket);
            }
            SessionOutput::Send { text, .. } => {
                let value: serde_json::Value = serde_json::from_str(text.expose()).unwrap();
                for byte in text.expose().bytes() {
                    self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
                }
                if value.get("method").is_some() {
                    self.frames.push(value["id"].to_string());
                    let spare = self.frames.len().saturating_sub(4);
                    self.frames.drain(..spare);
                }
            }
            SessionOutput::Sign { id, .. } => self.signatures.push(id),
            SessionOutput::Persist { id, .. } | SessionOutput::Erase { id, .. } => {
                self.note(&format!("store {id:?}"));
                self.stores.push(id);
            }
            SessionOutput::Close { socket } => self.note(&format!("{socket:?}")),
            SessionOutput::Tell(event) => {
                self.over |= matches!(event.event, SessionNews::Lifecycle(Event::Teardown { .. }));
                self.note(&format!("{event:?} {:?}", event.cause.as_ref().map(ToString::to_string)));
            }
            SessionOutput::Settled { ask, result } => {
                self.note(&format!("{result:?}"));
                *self.asks.get_mut(&ask.0).expect("asked for") += 1;
            }
            SessionOutput::Returned { call, result } => {
                if let Err(error) = result {
                    self.note(&format!("{error:?} {error}"));
                }
                *self.calls.get_mut(&call.0).expect("called") += 1;
            }
            SessionOutput::Notification(notification) => self.note(&format!("{notification:?}")),
            SessionOutput::Fetched { ask, result } => {
                self.note(&format!("{result:?}"));
                *self.asks.get_mut(&ask.0).expect("asked for") += 1;
            }
            SessionOutput::Responded { .. } | SessionOutput::Connection(_) | SessionOutput::Subscriber(_) => {
                self.note(&format!("{output:?}"));
            }
            other => panic!("{other:?} is new"),
        }
    }
}

fn choose<T: Copy>(dice: &mut Dice, from: &mut Vec<T>) -> Option<T> {
    if from.is_empty() {
        return None;
    }
    let at = usize::try_from(dice.roll(from.len() as u64)).unwrap();
    // Sometimes an answer comes twice.
    Some(if dice.roll(10) == 0 { from[at] } else { from.remove(at) })
}

fn input(dice: &mut Dice, seen: &mut Seen, step: u64) -> SessionInput {
    let credential = |dice: &mut Dice| {
        let text = match dice.roll(6) {
            0 => format!("{CANARY} no token"),
            _ => {
                sat(&dice.roll(6).to_string(), dice.pick(&["a.b", "relay.sw.test", "", "x:y.z", "a.b:70000"]))
            }
        };
        let mut credential = Credential::new(Secret::new(text));
        credential.expiry_at = match dice.roll(4) {
            0 => Some(satkeeper_core::UnixMillis(0)),
            1 => Some(satkeeper_core::UnixMillis(u64::MAX)),
            2 => Some(satkeeper_core::UnixMillis(EPOCH + 1_000_000)),
            _ => None,
        };
        credential
    };
    if let Some(id) = choose(dice, &mut seen.signatures) {
        let result = match dice.roll(8) {
            0 => Err(Error::Transport { message: "away".to_owned() }),
            1 => Ok(vec![1; 3]),
            _ => Ok(vec![1; 64]),
        };
        return SessionInput::Signature { id, result };
    }
    match dice.roll(40) {
        0..=11 => match choose(dice, &mut seen.requests) {
            Some(id) if dice.roll(8) == 0 => {
                SessionInput::Http { id, result: Err(Error::Transport { message: "reset".to_owned() }) }
            }
            Some(id) => SessionInput::Http { id, result: Ok(response(dice)) },
            None => SessionInput::Tick,
        },
        12..=14 => match choose(dice, &mut seen.providers) {
            Some(id) => SessionInput::Credential {
                id,
                result: match dice.roll(8) {
                    0 => Err(ProviderError::Rejected(sat("1", "a.b"))),
                    1 => Err(ProviderError::Transient {
                        message: sat("2", "a.b"),
                        retry_after: Some(u64::MAX),
                    }),
                    _ => Ok(credential(dice)),
                },
            },
            None => SessionInput::Tick,
        },
        15 | 16 => match choose(dice, &mut seen.keys) {
            Some((id, algorithm)) => SessionInput::Key {
                id,
                result: match (dice.roll(6), algorithm) {
                    (0, _) => Err(Error::Store { message: "none".to_owned() }),
                    (_, KeyAlgorithm::Es256) => Ok(ec()),
                    _ => Ok(rsa()),
                },
            },
            None => SessionInput::Tick,
        },
        17..=20 => match seen.sockets.last() {
            Some(socket) => {
                SessionInput::Opened { socket: *socket, date: (dice.roll(2) == 0).then(|| "junk".to_owned()) }
            }
            None => SessionInput::Tick,
        },
        21..=29 => match (seen.sockets.last(), dice.roll(6)) {
            (Some(_), 0) => {
                // On one that is parting, or gone, or coming.
                let socket = dice.pick(&seen.sockets);
                SessionInput::Frame { socket, text: frame(dice, &seen.frames) }
            }
            (Some(socket), _) => SessionInput::Frame { socket: *socket, text: frame(dice, &seen.frames) },
            (None, _) => SessionInput::Tick,
        },
        30 => match choose(dice, &mut seen.sockets.clone()) {
            Some(socket) => SessionInput::Closed { socket, error: None },
            None => SessionInput::OddFrame { socket: SocketId(0) },
        },
        31 | 32 => {
            seen.calls.insert(step, 0);
            SessionInput::Call {
                call: CallId(step),
                method: "m".to_owned(),
                params: serde_json::json!({"n": step}),
            }
        }
        33 => {
            seen.asks.insert(step, 0);
            SessionInput::UpdateToken { ask: AskId(step), credential: credential(dice) }
        }
        34 => {
            seen.asks.insert(step, 0);
            SessionInput::RefreshNow { ask: AskId(step) }
        }
        35 => {
            seen.asks.insert(step, 0);
            SessionInput::Rejected { ask: AskId(step), generation: Generation(dice.roll(3)) }
        }
        36 if dice.roll(2) == 0 => SessionInput::NetworkChanged,
        37 if dice.roll(4) == 0 => SessionInput::Suspend,
        36 => {
            seen.asks.insert(step, 0);
            SessionInput::FetchSubscriber { ask: AskId(step) }
        }
        37 if dice.roll(2) == 0 => SessionInput::Respond {
            notification: NotificationId(dice.roll(4)),
            answer: Ok(serde_json::json!({})),
        },
        38 if dice.roll(2) == 0 => match choose(dice, &mut seen.stores) {
            Some(id) => {
                let error = || Error::Store { message: sat("3", "a.b") };
                let result = match dice.roll(40) {
                    0 => Err(StoreFailure::Taken(error())),
                    1..=9 => Err(StoreFailure::Failed(error())),
                    10..=14 => Err(StoreFailure::Unsure(error())),
                    _ => Ok(()),
                };
                SessionInput::Stored { id, result }
            }
            None => SessionInput::Resume,
        },
        38 => SessionInput::Resume,
        39 if dice.roll(300) == 0 => SessionInput::Destroy,
        39 if dice.roll(20) == 0 => SessionInput::SetProvider(subscriber()),
        _ => SessionInput::Tick,
    }
}

fn run(seed: u64) -> (u64, bool) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let provider = match dice.roll(3) {
        0 => subscriber(),
        1 => Provider::Static(Credential::new(Secret::new(sat("static", "relay.sw.test")))),
        _ => Provider::callback(satkeeper_core::lifecycle::ProviderFacts {
            can_refresh: dice.roll(2) == 0,
            can_mint_again: dice.roll(2) == 0,
            may_be_asked_twice: false,
        }),
    };
    let key = match dice.roll(4) {
        0 => KeyChoice::None,
        3 => {
            let key = ProofKey::external(Algorithm::Es256, ec().jwk().clone()).unwrap();
            KeyChoice::Held { key, proved: true }
        }
        1 => KeyChoice::Auto,
        _ => KeyChoice::Held { key: rsa(), proved: false },
    };
    let config = Config::new(provider)
        .key(key)
        .online(dice.roll(2) == 0)
        .durable(dice.roll(2) == 0)
        .policy(Policy::default().with(|it| it.patience = 30_000));
    let mut session = Session::new(config, Seed::from_bytes([3; 32]));
    let mut seen = Seen::default();
    let (mut now, mut wall) = (1_000_u64, 0_i64);
    let mut wake;
    let mut given = SessionInput::Start;
    let mut ever_live = false;
    let began = now;
    for step in 0..600 {
        let result = session.step(Now::new(now, (EPOCH + now).saturating_add_signed(wall)), given);
        session.check().unwrap_or_else(|broken| panic!("seed {seed}, step {step}: {broken}: {session:?}"));
        for output in result.outputs {
            seen.output(output);
        }
        if let Some((at, wake)) = result.wake_at {
            assert!(at.0 >= now || seen.over, "seed {seed}, step {step}: {wake:?} was due at {at}");
        }
        ever_live |= session.credential().is_some();
        wake = result.wake_at.map(|(at, _)| at.0);
        match (dice.roll(12), wake) {
            (0..=2, Some(at)) if at <= now + 600_000 => now = at.max(now),
            (3..=5, _) => now += dice.roll(500),
            (6, _) => now += dice.roll(20_000),
            (7, _) if dice.roll(20) == 0 => wall += i64::try_from(dice.roll(7_200_000)).unwrap() - 3_600_000,
            _ => {}
        }
        given = input(&mut dice, &mut seen, step);
    }
    // Once it is over, nobody is left waiting, and each was answered once. A store that hangs holds the end up by 2 s.
    for last in [given, SessionInput::Destroy, SessionInput::Tick] {
        now += if matches!(last, SessionInput::Tick) { 2_000 } else { 0 };
        let result = session.step(Now::new(now, EPOCH + now), last);
        for output in result.outputs {
            seen.output(output);
        }
    }
    assert!(seen.over, "seed {seed}: {:?}", session.status());
    assert!(seen.asks.values().all(|count| *count == 1), "seed {seed}: asks {:?}", seen.asks);
    assert!(seen.calls.values().all(|count| *count == 1), "seed {seed}: calls {:?}", seen.calls);
    // R20: 10 exchanges at once and one a second, as many again for repetitions within a command and for
    // Inspect; 5 sockets and one every 3 s.
    let seconds = (now - began) / 1_000;
    assert!(seen.sent <= 60 + 4 * seconds, "seed {seed}: {} requests in {seconds} s", seen.sent);
    (seen.digest, ever_live)
}

#[test]
fn nothing_panics_leaks_waits_or_runs_hot() {
    // proves R29.3, R36.1, R36.7
    let live = (0..1_500).filter(|seed| run(*seed).1).count();
    assert!(live > 300, "only {live} sessions ever came alive: the test tests little");
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    // proves R30.1
    for seed in 0..20 {
        assert_eq!(run(seed), run(seed));
    }
}
