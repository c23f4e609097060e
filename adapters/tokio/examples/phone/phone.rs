//! One phone: its session, and the state of its call.

use std::fmt;

use satkeeper::{Client, EventKind, IceServer, Notification, Refusal, SessionEvent, Survival, UnixMillis};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::media::Media;
use crate::verto::{self, Failure, Leg, Told};

/// What its user wants.
#[derive(Debug)]
pub(crate) enum Order {
    Dial(&'static str),
    Answer,
    Hold(bool),
    Digits(&'static str),
    HangUp,
}

/// What its user is told.
#[derive(Debug)]
pub(crate) enum News {
    /// It can be called.
    Registered,
    Renewed,
    /// Such as a request that was refused for the older one, and goes out again.
    Recovered,
    Lost,
    Back {
        resumed: bool,
        calls: Survival,
    },
    /// With so many ICE servers, whose credentials are good for so many seconds, where that is known.
    Dialling {
        servers: usize,
        good_for_s: Option<u64>,
    },
    Ringing(String),
    Talking,
    Held(bool),
    DigitsSent(&'static str),
    Digits(String),
    /// The server knows of the call after an outage.
    StillThere,
    /// A session that is new has taken its call over.
    Attached,
    Over(String),
    Failed(String),
    Warning(String),
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered => f.write_str("can be called"),
            Self::Renewed => f.write_str("has a newer token in force"),
            Self::Recovered => f.write_str("goes on with what has waited for a newer token"),
            Self::Lost => f.write_str("has lost its socket"),
            Self::Back { resumed: true, calls } => {
                write!(f, "is back, its session resumed; calls: {}", calls.name())
            }
            Self::Back { resumed: false, calls } => {
                write!(f, "is connected, with a new session; calls: {}", calls.name())
            }
            Self::Dialling { servers, good_for_s: None } => write!(f, "dials; ICE servers: {servers}"),
            Self::Dialling { servers, good_for_s: Some(seconds) } => {
                write!(f, "dials; ICE servers: {servers}, good for {seconds} s")
            }
            Self::Ringing(from) => write!(f, "rings: {from} calls"),
            Self::Talking => f.write_str("talks"),
            Self::Held(true) => f.write_str("holds the call"),
            Self::Held(false) => f.write_str("has taken the call up again"),
            Self::DigitsSent(digits) => write!(f, "dials {digits} in the call"),
            Self::Digits(digits) => write!(f, "hears {digits}"),
            Self::StillThere => f.write_str("still has its call"),
            Self::Attached => f.write_str("has attached to its call"),
            Self::Over(cause) => write!(f, "call over: {cause}"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Warning(code) => write!(f, "is warned: {code}"),
        }
    }
}

/// A call, from the first ring or dial until its end.
struct Call {
    leg: Leg,
    stage: Stage,
    media: Box<dyn Media>,
}

enum Stage {
    Dialling,
    Ringing {
        offer: String,
    },
    Talking,
    /// A new session has asked for it and waits for the other side's media.
    Attaching,
}

/// Makes the media of a call.
pub(crate) type NewMedia = Box<dyn Fn() -> Box<dyn Media> + Send>;

/// A phone with one line.
pub(crate) struct Phone {
    client: Client,
    call: Option<Call>,
    new_media: NewMedia,
    told: mpsc::UnboundedSender<News>,
}

impl Phone {
    pub(crate) fn new(client: Client, new_media: NewMedia, told: mpsc::UnboundedSender<News>) -> Self {
        Self { client, call: None, new_media, told }
    }

    /// Until its user lets go of it or its session is over.
    pub(crate) async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut events = self.client.events();
        let mut notifications = self.client.notifications().only(["webrtc.message"]);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(Ok(event)) => self.on_event(&event).await,
                    // Too slow: there may have been another connection meanwhile.
                    Some(Err(_)) => self.find_call(Survival::Unsure).await,
                    None => return,
                },
                notification = notifications.recv() => match notification {
                    Some(Ok(notification)) => self.on_notification(&notification).await,
                    // Too slow: what is missed may have been the end of the call.
                    Some(Err(_)) => self.find_call(Survival::Kept).await,
                    None => return,
                },
                order = orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    None => return,
                },
            }
        }
    }

    fn tell(&self, news: News) {
        // Whoever does not listen any more is not told.
        let _ = self.told.send(news);
    }

    /// The ICE servers of now, with which each call begins, and until when their credentials are good.
    fn servers(&self) -> (Vec<IceServer>, Option<UnixMillis>) {
        let connection = self.client.connection().borrow().clone();
        connection.map(|it| (it.ice_servers.clone(), it.ice_expires_at)).unwrap_or_default()
    }

    async fn on_event(&mut self, event: &SessionEvent) {
        match event.kind() {
            EventKind::Registered => self.tell(News::Registered),
            EventKind::Renewed { .. } => self.tell(News::Renewed),
            EventKind::Recovered { .. } => self.tell(News::Recovered),
            EventKind::ConnectionLost { .. } => self.tell(News::Lost),
            // Right after each `Live`: the one place where a phone looks after its call.
            EventKind::Survived { calls, .. } => {
                let restored = self.client.connection().borrow().as_ref().and_then(|it| it.restored);
                self.tell(News::Back { resumed: restored == Some(true), calls });
                self.find_call(calls).await;
            }
            EventKind::RegistrationFailed { .. } | EventKind::IceExpiring { .. } => {
                self.tell(News::Warning(event.kind().code().to_owned()));
            }
            _ => {}
        }
    }

    /// After an outage: is the call still there? Its end may have been told on the socket that was lost.
    async fn find_call(&mut self, calls: Survival) {
        let (servers, _) = self.servers();
        let Some(call) = &mut self.call else { return };
        let is_kept = calls == Survival::Kept && !matches!(call.stage, Stage::Attaching);
        let found = match is_kept {
            // Asks for what is asked for already: nothing changes where the call is there.
            true => {
                let params = json!({"eventChannel": ["call.state"]});
                verto::ask(&self.client, &mut call.leg, "verto.subscribe", params).await
            }
            // The server has a new session, or may have: the call is put on it, with media made anew.
            false => match call.media.offer(servers).await {
                Ok(sdp) => {
                    let dialog = json!({"attach": true, "reattaching": true, "pingSupported": true});
                    let params = json!({"sdp": sdp, "dialogParams": dialog});
                    verto::ask(&self.client, &mut call.leg, "verto.invite", params).await
                }
                Err(error) => Err(error.into()),
            },
        };
        match found {
            Ok(_) if is_kept => self.tell(News::StillThere),
            // What rings here or there goes on ringing.
            Ok(_) => {
                if matches!(call.stage, Stage::Talking) {
                    call.stage = Stage::Attaching;
                }
            }
            Err(Failure::Gone(why)) => self.over(why),
            Err(Failure::Other(why)) => self.tell(News::Failed(why)),
        }
    }

    async fn on_notification(&mut self, notification: &Notification) {
        if notification.request().is_some() {
            // Not an event but a request of its own: none that a phone knows.
            let _ = notification.respond(Err(Refusal::new(-32_601, "Method not found"))).await;
        }
        let Some((leg, told)) = verto::read(notification) else { return };
        let is_ours = self.call.as_ref().is_some_and(|call| call.leg.id == leg.id);
        match told {
            Told::Invite { from, offer } if self.call.is_none() => {
                self.call = Some(Call { leg, stage: Stage::Ringing { offer }, media: (self.new_media)() });
                self.tell(News::Ringing(from));
            }
            Told::Invite { .. } if !is_ours => {
                let mut leg = leg;
                let busy = json!({"cause": "USER_BUSY", "causeCode": "17"});
                let _ = verto::ask(&self.client, &mut leg, "verto.bye", busy).await;
            }
            Told::Answer { sdp } if is_ours => self.answered(&sdp),
            Told::Offer { sdp } if is_ours => {
                if let Err(why) = self.answer_anew(sdp).await {
                    self.tell(News::Failed(why.to_string()));
                }
            }
            Told::Digits(digits) if is_ours => self.tell(News::Digits(digits)),
            Told::Ping if is_ours => {
                let _ = self.ask("verto.pong", json!({})).await;
            }
            Told::Bye { cause } if is_ours => self.over(cause),
            _ => {}
        }
    }

    /// The other side's media, for a call that was made or attached to.
    fn answered(&mut self, sdp: &str) {
        let Some(call) = &mut self.call else { return };
        call.media.accept(sdp);
        let news = match std::mem::replace(&mut call.stage, Stage::Talking) {
            Stage::Attaching => News::Attached,
            _ => News::Talking,
        };
        self.tell(news);
    }

    fn over(&mut self, cause: String) {
        if let Some(mut call) = self.call.take() {
            call.media.close();
            self.tell(News::Over(cause));
        }
    }

    /// A request on the call there is.
    async fn ask(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        let call = self.call.as_mut().ok_or_else(|| Failure::Other("there is no call".to_owned()))?;
        verto::ask(&self.client, &mut call.leg, method, params).await
    }

    async fn obey(&mut self, order: Order) {
        let done = match order {
            Order::Dial(whom) => self.dial(whom).await,
            Order::Answer => self.answer().await,
            Order::Hold(held) => self.hold(held).await,
            Order::Digits(digits) => self.dial_on(digits).await,
            Order::HangUp => {
                let cause = json!({"cause": "NORMAL_CLEARING", "causeCode": "16"});
                let asked = self.ask("verto.bye", cause).await;
                // Whatever the server says: nobody talks any more.
                self.over("hung up".to_owned());
                asked.map(drop)
            }
        };
        match done {
            Ok(()) => {}
            Err(Failure::Gone(why)) => self.over(why),
            Err(Failure::Other(why)) => self.tell(News::Failed(why)),
        }
    }

    async fn dial(&mut self, whom: &str) -> Result<(), Failure> {
        if self.call.is_some() {
            return Err(Failure::Other("there is a call already".to_owned()));
        }
        let (servers, ends_at) = self.servers();
        let many = servers.len();
        let good_for_s = ends_at.map(|end| end.0.saturating_sub(self.client.now().unix.0) / 1_000);
        let mut media = (self.new_media)();
        let params = json!({
            "sdp": media.offer(servers).await?,
            "dialogParams": {"destination_number": whom, "pingSupported": true},
        });
        // In place before the answer, which events of the call may overtake.
        self.call = Some(Call { leg: Leg::new(), stage: Stage::Dialling, media });
        self.tell(News::Dialling { servers: many, good_for_s });
        if let Err(why) = self.ask("verto.invite", params).await {
            self.over(why.to_string());
        }
        Ok(())
    }

    async fn answer(&mut self) -> Result<(), Failure> {
        let (servers, _) = self.servers();
        let Some(Call { stage: Stage::Ringing { offer }, media, .. }) = &mut self.call else {
            return Err(Failure::Other("nobody calls".to_owned()));
        };
        let sdp = media.answer(servers, offer.clone()).await?;
        let params = json!({"sdp": sdp, "dialogParams": {"pingSupported": true}});
        self.ask("verto.answer", params).await?;
        if let Some(call) = &mut self.call {
            call.stage = Stage::Talking;
        }
        self.tell(News::Talking);
        Ok(())
    }

    /// The answer to new media of the other side.
    async fn answer_anew(&mut self, offer: String) -> Result<(), Failure> {
        let (servers, _) = self.servers();
        let Some(call) = &mut self.call else { return Ok(()) };
        let sdp = call.media.answer(servers, offer).await?;
        self.ask("verto.attach", json!({"sdp": sdp})).await.map(drop)
    }

    async fn dial_on(&mut self, digits: &'static str) -> Result<(), Failure> {
        self.ask("verto.info", json!({"dtmf": digits})).await?;
        self.tell(News::DigitsSent(digits));
        Ok(())
    }

    async fn hold(&mut self, held: bool) -> Result<(), Failure> {
        let action = if held { "hold" } else { "unhold" };
        self.ask("verto.modify", json!({"action": action})).await?;
        if let Some(call) = &mut self.call {
            call.media.hold(held);
        }
        self.tell(News::Held(held));
        Ok(())
    }
}
