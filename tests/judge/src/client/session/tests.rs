use super::*;
use crate::client::{Good, Says};
use crate::world::Ends;

const NOON: u64 = 1_700_049_600_000;

/// A session, its clock, and a server that lets everything pass.
struct Stage {
    client: SessionClient,
    tick: Ms,
    open: VecDeque<(AskId, Ask)>,
    /// All that it has asked for, but for signs of life.
    asked: Vec<Ask>,
    /// Of that, how much has been looked at.
    seen: usize,
    told: Vec<Tell>,
    issued: Serial,
    scope: Option<bool>,
    secrets: bool,
}

impl Stage {
    fn new(facts: Facts) -> Self {
        let mut stage = Self {
            client: SessionClient::new(&facts, 1),
            tick: 0,
            open: VecDeque::new(),
            asked: Vec::new(),
            seen: 0,
            told: Vec::new(),
            issued: 0,
            scope: Some(facts.scope),
            secrets: facts.one_time,
        };
        stage.hear(&News::Start);
        stage
    }

    fn hear(&mut self, news: &News) {
        let now = Clocks { tick: self.tick, unix: NOON + self.tick };
        let heard = self.client.hear(now, news);
        let signs = |ask: &Ask| matches!(ask, Ask::Frame(_) | Ask::Ping(_));
        self.asked.extend(heard.asks.iter().map(|(_, ask)| *ask).filter(|ask| !signs(ask)));
        self.open.extend(heard.asks);
        self.told.extend(heard.tells);
    }

    /// Answers the oldest request; `false`: there is none.
    fn answer(&mut self) -> bool {
        let Some((id, ask)) = self.open.pop_front() else { return false };
        self.tick += 50;
        let life = Says { scope: self.scope, life: Some(900_000), ..Says::default() };
        let says = Says { end: Some(NOON + self.tick + 900_000), ..life };
        let good = match ask {
            Ask::Mint | Ask::Refresh { .. } | Ask::Activate(..) | Ask::Renew(..) => {
                self.issued += 1;
                let secret = (self.secrets && !matches!(ask, Ask::Activate(..))).then_some(self.issued);
                Good::Token { token: self.issued, says, secret }
            }
            Ask::Inspect(_) => Good::Says(says),
            Ask::Push(..) => Good::Says(Says::default()),
            Ask::Connect { resume, .. } => Good::Connected { resumed: resume, says },
            Ask::Write => {
                self.client.kept(id);
                Good::Done
            }
            Ask::Open(_) | Ask::Ping(_) | Ask::Frame(_) | Ask::Close(_) => Good::Done,
        };
        let date = Some((NOON + self.tick) / 1_000 * 1_000);
        self.hear(&News::Answer(id, Reply { result: Ok(good), date, foreign: false }));
        if let Ask::Connect { socket, .. } = ask {
            self.hear(&News::State(socket));
        }
        true
    }

    /// What it asks for next of this kind.
    fn until(&mut self, wanted: impl Fn(&Ask) -> bool) -> Ask {
        for _ in 0..2_000 {
            if let Some(at) = self.asked[self.seen..].iter().position(&wanted) {
                self.seen += at + 1;
                return self.asked[self.seen - 1];
            }
            if !self.answer() {
                self.tick = self.client.wake_at.expect("it wants to be woken").max(self.tick);
                self.hear(&News::Tick);
            }
        }
        panic!("never, but {:?}", &self.asked[self.seen..][..20]);
    }

    fn until_live(&mut self) {
        self.until(|ask| matches!(ask, Ask::Connect { .. }));
        self.rest();
        assert_eq!(self.client.phase(), Phase::Live);
    }

    /// Answers all that is open.
    fn rest(&mut self) {
        while self.answer() {}
    }
}

fn facts() -> Facts {
    Facts { key: false, ends: Ends::Connect, ..Facts::default() }
}

#[test]
fn minted_connected_renewed() {
    let mut stage = Stage::new(facts());
    assert_eq!(stage.asked, [Ask::Mint]);
    let connect = stage.until(|ask| matches!(ask, Ask::Connect { .. }));
    assert_eq!(connect, Ask::Connect { socket: 1, token: 1, resume: false, proof: None });
    stage.rest();
    assert_eq!((stage.client.phase(), stage.told.first()), (Phase::Live, Some(&Tell::Live)));
    stage.until(|ask| *ask == Ask::Refresh { secret: None });
    stage.until(|ask| *ask == Ask::Push(1, 2, None));
    stage.rest();
    assert!(stage.told.contains(&Tell::Renewed(2)), "{:?}", stage.told);
}

#[test]
fn a_lost_socket_is_resumed_with_a_state() {
    let mut stage = Stage::new(facts());
    stage.until_live();
    stage.hear(&News::SocketLost(1));
    assert_eq!(stage.client.phase(), Phase::Away);
    let connect = stage.until(|ask| matches!(ask, Ask::Connect { .. }));
    assert_eq!(connect, Ask::Connect { socket: 2, token: 1, resume: true, proof: None });
    stage.rest();
    assert_eq!(stage.client.phase(), Phase::Live);
    let lost =
        |tell: &Tell| matches!(tell, Tell::Warned { code, cause: true, .. } if code == "connection_lost");
    assert!(stage.told.iter().any(lost), "{:?}", stage.told);
}

#[test]
fn a_bound_session_signs_and_binds() {
    let mut stage = Stage::new(Facts { key: true, scope: true, can_refresh: false, ..facts() });
    stage.until(|ask| matches!(ask, Ask::Activate(1, Some(_))));
    stage.until(|ask| matches!(ask, Ask::Connect { token: 1, proof: Some(_), .. }));
    stage.until(|ask| matches!(ask, Ask::Push(_, 2, Some(_))));
    let renew = stage.until(|ask| matches!(ask, Ask::Renew(2, Some(_))));
    let Ask::Renew(_, Some(at)) = renew else { panic!("{renew:?}") };
    assert!(at.abs_diff(NOON + stage.tick) <= 1_000);
    stage.until(|ask| matches!(ask, Ask::Push(_, 3, Some(_))));
    stage.rest();
    assert!(stage.told.contains(&Tell::Renewed(3)), "{:?}", stage.told);
    assert!((1..=3).all(|token| stage.client.server.key_of(Some(token)).is_some()));
}

#[test]
fn a_subscriber_presents_each_secret_once_and_writes_that_down_first() {
    let mut stage = Stage::new(Facts { one_time: true, can_mint_again: true, durable: true, ..facts() });
    let refresh = |ask: &Ask| matches!(ask, Ask::Refresh { .. });
    for secret in [1, 2, 3] {
        assert_eq!(stage.until(refresh), Ask::Refresh { secret: Some(secret) });
        assert_eq!(
            stage.asked[stage.seen - 2..stage.seen],
            [Ask::Write, Ask::Refresh { secret: Some(secret) }]
        );
    }
}

#[test]
fn a_callback_with_a_secret_keeps_it_for_itself() {
    let mut stage = Stage::new(Facts { one_time: true, can_mint_again: false, ..facts() });
    let refresh = |ask: &Ask| matches!(ask, Ask::Refresh { .. });
    for secret in [1, 2] {
        assert_eq!(stage.until(refresh), Ask::Refresh { secret: Some(secret) });
    }
}

#[test]
fn a_new_process_has_what_was_kept_and_no_more() {
    for durable in [true, false] {
        let mut stage = Stage::new(Facts { durable, ..facts() });
        stage.until_live();
        stage.open.clear();
        stage.seen = stage.asked.len();
        stage.hear(&News::Restart);
        let ask = stage.until(|ask| matches!(ask, Ask::Open(_) | Ask::Mint));
        assert!(matches!((ask, durable), (Ask::Open(2..), true) | (Ask::Mint, false)), "{ask:?}");
        stage.until_live();
    }
}

#[test]
fn what_the_store_has_not_kept_is_not_found() {
    let mut stage = Stage::new(Facts { durable: true, ..facts() });
    while !stage.asked.contains(&Ask::Write) {
        assert!(stage.answer());
    }
    // It is told that it is kept, which is not so.
    let write = stage.open.iter().find(|(_, ask)| *ask == Ask::Write).map(|(id, _)| *id).unwrap();
    stage.hear(&News::Answer(write, Reply { result: Ok(Good::Done), date: None, foreign: false }));
    stage.open.clear();
    stage.hear(&News::Restart);
    assert_eq!(stage.asked.last(), Some(&Ask::Mint));
}

#[test]
fn answers_to_another_process_are_nobodys() {
    let mut stage = Stage::new(facts());
    let mint = stage.open.pop_front().unwrap().0;
    stage.hear(&News::Restart);
    let said = stage.asked.len();
    let says = Says::default();
    let result = Ok(Good::Token { token: 9, says, secret: None });
    stage.hear(&News::Answer(mint, Reply { result, date: None, foreign: false }));
    assert_eq!(stage.asked.len(), said);
    stage.until_live();
}

#[test]
fn what_a_server_asks_is_answered_on_its_socket() {
    let mut stage = Stage::new(facts());
    stage.until_live();
    let hears = |stage: &mut Stage, news| {
        stage.open.clear();
        stage.hear(&news);
        stage.open.front().map(|(_, ask)| *ask)
    };
    assert_eq!(hears(&mut stage, News::Ping(1)), Some(Ask::Frame(1)));
    assert_eq!(hears(&mut stage, News::Disconnect { socket: 1, restart: false }), Some(Ask::Frame(1)));
    // A socket of nobody's.
    assert_eq!(hears(&mut stage, News::Ping(99)), None);
}

#[test]
fn an_application_is_told_how_its_asking_ended() {
    let mut stage = Stage::new(facts());
    stage.until_live();
    stage.hear(&News::User(User::Refreshes));
    stage.until(|ask| matches!(ask, Ask::Push(..)));
    stage.rest();
    assert!(stage.told.contains(&Tell::Settled), "{:?}", stage.told);
    stage.hear(&News::Updates { token: 77, says: Says { life: Some(60_000), ..Says::default() } });
    stage.until(|ask| *ask == Ask::Push(1, 77, None));
    stage.rest();
    assert!(stage.told.contains(&Tell::Renewed(77)), "{:?}", stage.told);
    stage.hear(&News::User(User::Suspends));
    assert_eq!((stage.told.last(), stage.client.phase()), (Some(&Tell::Suspended), Phase::Suspended));
    stage.hear(&News::User(User::Disconnects));
    stage.rest();
    assert!(matches!(stage.told.last(), Some(Tell::Over { .. })), "{:?}", stage.told);
    assert_eq!(stage.client.phase(), Phase::Over);
}
