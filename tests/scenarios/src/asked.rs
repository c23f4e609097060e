//! What a machine asks of the world, and what the world answers; neither facts nor bytes yet.

use satkeeper_core::lifecycle::{CommandId, KeyAlgorithm, SocketId};
use satkeeper_core::session::RequestId;
use serde_json::Value;

use crate::span;
use crate::statement::{Bad, How};

/// A token as the server knows it.
pub(crate) type Serial = u32;

/// The server's time in a proof, milliseconds; none without a proof.
pub(crate) type Proof = Option<u64>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    MakeKey(KeyAlgorithm),
    /// `authenticate()` of the provider, with the fingerprint of this key.
    Mint(Option<KeyAlgorithm>),
    /// `refresh()` of the provider; with the number of the one-time secret, where there is one.
    Refresh(Option<u32>),
    Inspect(Serial),
    Activate(Serial, Proof),
    Renew(Serial, Proof),
    Open(SocketId),
    Connect {
        socket: SocketId,
        token: Serial,
        resume: bool,
        proof: Proof,
    },
    Push {
        socket: SocketId,
        token: Serial,
        proof: Proof,
    },
    /// With the time that it is to be answered with, where it carries one.
    Ping {
        socket: SocketId,
        timestamp: Option<Value>,
    },
    Persist,
    Erase,
    Close(SocketId),
    Call(SocketId, String),
}

impl What {
    /// As stories call it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::MakeKey(_) => "make-key",
            Self::Mint(_) => "mint",
            Self::Refresh(_) => "refresh",
            Self::Inspect(_) => "inspect",
            Self::Activate(..) => "activate",
            Self::Renew(..) => "renew",
            Self::Open(_) => "open",
            Self::Connect { .. } => "connect",
            Self::Push { .. } => "push",
            Self::Ping { .. } => "ping",
            Self::Persist => "persist",
            Self::Erase => "erase",
            Self::Close(_) => "close",
            Self::Call(..) => "call",
        }
    }

    /// What is done on the spot takes no time.
    pub(crate) const fn is_local(&self) -> bool {
        matches!(self, Self::MakeKey(_) | Self::Persist | Self::Erase | Self::Close(_))
    }

    /// The socket whose frames carry it.
    pub(crate) const fn socket(&self) -> Option<SocketId> {
        match self {
            Self::Connect { socket, .. } | Self::Push { socket, .. } => Some(*socket),
            Self::Ping { socket, .. } | Self::Call(socket, _) => Some(*socket),
            _ => None,
        }
    }

    /// The token that an exchange for a bound one is made with.
    pub(crate) const fn token(&self) -> Option<Serial> {
        match self {
            Self::Activate(token, _) | Self::Renew(token, _) => Some(*token),
            _ => None,
        }
    }

    pub(crate) const fn proof(&self) -> Proof {
        match self {
            Self::Activate(_, proof) | Self::Renew(_, proof) => *proof,
            Self::Connect { proof, .. } | Self::Push { proof, .. } => *proof,
            _ => None,
        }
    }
}

/// Names what is to be answered to the machine that asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Handle {
    Command(CommandId),
    Request(RequestId),
    Frame(SocketId, String),
    Socket(SocketId),
    /// It wants no answer.
    Nobody,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) result: Result<Good, Bad>,
    /// The `Date` of the answer, milliseconds.
    pub(crate) server_time: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Good {
    Done,
    Token(Grant),
    /// Of subscriber/info, or a reauthenticate result.
    Said(Said),
    Connected {
        resumed: bool,
        said: Said,
    },
}

/// A token that was granted, and what its answer says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) token: Serial,
    pub(crate) expires_in: Option<u64>,
    pub(crate) expires_at: Option<End>,
    /// The provider's `expiry_at`, as it says it.
    pub(crate) hint: Option<u64>,
    pub(crate) one_time: Option<u32>,
}

/// An absolute end in the server's time, milliseconds, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) at: u64,
    pub(crate) in_milliseconds: bool,
}

/// What an answer says of a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) end: Option<End>,
    pub(crate) scope: Option<bool>,
    pub(crate) bound_to: BoundTo,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BoundTo {
    #[default]
    Nothing,
    Ours(KeyAlgorithm),
    Other,
}

/// What the world will do, and when.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) after: u64,
    pub(crate) answer: Option<Answer>,
    /// The socket breaks instead.
    pub(crate) breaks: Option<SocketId>,
    /// What is worth saying of it.
    pub(crate) note: String,
}

impl How {
    pub(crate) fn note(&self) -> String {
        let mut notes = Vec::new();
        notes.extend(self.silence.then(|| "silence".to_owned()));
        notes.extend(self.lost.then(|| "done, answer lost".to_owned()));
        notes.extend(self.bad.as_ref().map(Bad::note));
        notes.extend(self.life.map(|life| format!("for {}", span::show(life))));
        notes.extend(self.says.map(|says| format!("says {}", says.note())));
        notes.extend(self.foreign.then(|| "bound to another key".to_owned()));
        notes.extend(self.late.map(|late| format!("after {}", span::show(late))));
        notes.join(", ")
    }
}

impl crate::statement::Says {
    fn note(self) -> String {
        match self {
            Self::Nothing => "nothing of its end".to_owned(),
            Self::EndIn(span) => format!("it ends in {}", span::show(span)),
            Self::EndedAgo(span) => format!("it ended {} ago", span::show(span)),
            Self::Milliseconds => "its end in milliseconds".to_owned(),
            Self::Absolute => "its end as a moment".to_owned(),
        }
    }
}

impl Bad {
    pub(crate) fn note(&self) -> String {
        let after =
            |span: Option<u64>| span.map_or(String::new(), |it| format!(", retry after {}", span::show(it)));
        match self {
            Self::Breaks => "breaks".to_owned(),
            Self::Malformed => "malformed".to_owned(),
            Self::Http { status, retry_after } => format!("{status}{}", after(*retry_after)),
            Self::Page { status, retry_after } => format!("a page, {status}{}", after(*retry_after)),
            Self::Rpc(code) => format!("refused {code}"),
            Self::Result(code) => format!("result {code}"),
            Self::Fails { retry_after } => format!("fails{}", after(*retry_after)),
            Self::Rejects => "rejects".to_owned(),
            Self::NoKey => "no key".to_owned(),
            Self::Nonce => "401, wants a nonce".to_owned(),
        }
    }
}
