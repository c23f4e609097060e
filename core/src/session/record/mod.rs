//! The one durable record of a session: what a restart must not lose, secrets included (R30).

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::lifecycle::{Generation, KeyAlgorithm, Snapshot, TokenId};
use crate::secret::Secret;
use crate::time::UnixMillis;
use crate::wire::text::{encode, json_error};

use crate::session::vocabulary::provider::Provider;

pub(super) mod store;

/// What the first bytes say of a record.
const FORMAT: &str = "satkeeper record";

/// The version that is written; a newer one is refused and left as it is.
const VERSION: u32 = 1;

/// All of a session that outlives its process: what the lifecycle knows ([`Snapshot`]), and the secrets behind
/// it: tokens, resume state, the rotating refresh token. Not the key: only its thumbprint.
///
/// It holds secrets: `Debug` shows none of them, and there is no `Display` and no `Serialize`. [`Record::encode`] is the
/// one way out.
///
/// ```
/// use satkeeper_core::session::Record;
/// let error = Record::decode(b"no record").err().unwrap();
/// assert_eq!(error.code(), "store");
/// ```
///
/// ```compile_fail
/// fn print(record: satkeeper_core::session::Record) { println!("{record}"); }
/// ```
#[derive(Clone)]
pub struct Record(pub(crate) Contents);

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("generation", &self.generation()).finish_non_exhaustive()
    }
}

impl Record {
    /// A larger one is none, and not to be written.
    pub const MOST: usize = 1 << 20;

    /// Counts acknowledgements (R6).
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.0.snapshot.generation()
    }

    /// Whose session it is, as [`Provider::whose`] said when it was written.
    #[must_use]
    pub fn whose(&self) -> Option<&str> {
        self.0.whose.as_deref()
    }

    /// The record as JSON, to be written where only its owner can read it.
    #[must_use]
    pub fn encode(&self) -> Secret {
        Secret::new(encode(&self.0))
    }

    /// Reads what [`Record::encode`] has written. Any bytes do no harm.
    ///
    /// # Errors
    /// [`Error::Store`] where it is something else, is damaged, or was written by a newer version. Nothing of it
    /// is repeated.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        if bytes.len() > Self::MOST {
            return Err(unusable("it is larger than 1 MiB"));
        }
        let problem = |error: &serde_json::Error| unusable(&json_error(error));
        let head = serde_json::from_slice::<Head>(bytes).map_err(|error| problem(&error))?;
        if head.format != FORMAT {
            return Err(unusable("it is something else"));
        }
        if head.version != VERSION {
            let version = head.version;
            return Err(unusable(&format!("it is of version {version}, this program knows {VERSION}")));
        }
        let contents = serde_json::from_slice(bytes).map_err(|error| problem(&error))?;
        Ok(Self(contents))
    }
}

fn unusable(why: &str) -> Error {
    Error::Store { message: format!("this is no usable record: {why}") }
}

/// What is written.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Contents {
    format: String,
    version: u32,
    /// Whose session it is; another's is of no use.
    pub(crate) identity: String,
    /// The same in words, where it is a named subscriber's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) whose: Option<String>,
    pub(crate) snapshot: Snapshot,
    pub(crate) tokens: Vec<WrittenToken>,
    /// SHA-256 of tokens that are not needed any more, to know them again (R31).
    pub(crate) forgotten: Vec<([u8; 32], TokenId)>,
    pub(crate) newest: u32,
    pub(crate) state: Option<Text>,
    pub(crate) protocol: Option<String>,
    pub(crate) project: String,
    pub(crate) one_time: Option<WrittenOneTime>,
    pub(crate) key: Option<WrittenKey>,
    pub(crate) counters: Counters,
}

impl Contents {
    /// What a session has, to be filled in.
    pub(crate) fn new(provider: &Provider, snapshot: Snapshot, newest: u32, counters: Counters) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            identity: provider.identity(),
            whose: provider.whose(),
            snapshot,
            tokens: Vec::new(),
            forgotten: Vec::new(),
            newest,
            state: None,
            protocol: None,
            project: String::new(),
            one_time: None,
            key: None,
            counters,
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct WrittenToken {
    pub(crate) id: TokenId,
    pub(crate) token: Text,
    pub(crate) key: Option<KeyAlgorithm>,
}

/// The rotating refresh token (R12).
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct WrittenOneTime {
    pub(crate) secret: Text,
    pub(crate) request: u64,
    pub(crate) sent: UnixMillis,
    /// It was about to be presented: whether the server has seen it is in doubt.
    pub(crate) presented: bool,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct WrittenKey {
    pub(crate) algorithm: KeyAlgorithm,
    pub(crate) thumbprint: String,
}

/// How many names were given, so that a replay with the same seed goes on (R30).
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Counters {
    pub(crate) proofs: u64,
    pub(crate) frames: u64,
    pub(crate) requests: u64,
}

/// A secret within a record.
#[derive(Clone)]
pub(crate) struct Text(pub(crate) Secret);

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> core::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Ok(Self(Secret::new(text.as_str())))
    }
}
