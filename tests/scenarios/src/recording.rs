//! Recorded runs: one JSON object a line, readable and replayable without the story that they come from.
//!
//! A run begins with a head: which machine, with what policy and seed, and the record that it goes on from, if
//! any. Then a line for each step: the clocks, the input, the outputs, the next deadline. A process that was
//! killed leaves another head in the middle. A run of the lifecycle holds no secret; one of the session holds
//! those of its input, which here are made up.

use std::fmt;

use satkeeper_core::Now;
use satkeeper_core::lifecycle::{Input, KeyAlgorithm, Lifecycle, Policy, ProviderFacts, Snapshot, Step};
use satkeeper_core::secret::Seed;
use satkeeper_core::session::{Record, Session};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::wire::{self, Given};

/// A run, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    lines: Vec<String>,
}

/// Where a replay differs from the recorded run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The line, from 1.
    pub line: usize,
    /// How it differs, or why it cannot be read.
    pub what: String,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// What a process began with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    machine: Kind,
    policy: Policy,
    seed: [u8; 32],
    /// When it was restored; without meaning for a machine that begins anew.
    pub(crate) at: Now,
    /// The lifecycle's snapshot or the session's record, as text.
    pub(crate) record: Option<String>,
    /// How a session is set up.
    pub(crate) session: Option<SetUp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Lifecycle,
    Session,
}

/// How a session is set up, as far as stories differ in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SetUp {
    /// None: the subscriber's.
    pub(crate) callback: Option<ProviderFacts>,
    pub(crate) key: KeySetUp,
    pub(crate) durable: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeySetUp {
    Auto,
    Fixed(KeyAlgorithm),
    Held(KeyAlgorithm),
    Nobody,
}

impl KeySetUp {
    /// The driver kept the key that the record names.
    fn held_by(self, record: &str) -> Self {
        let record: Option<Value> = serde_json::from_str(record).ok();
        let algorithm = record.and_then(|record| read(record.pointer("/key/algorithm")?).ok());
        algorithm.map_or(self, Self::Held)
    }
}

/// What is read of a step's line; the rest of it is compared as text.
#[derive(Deserialize)]
struct Line {
    now: Now,
    input: Value,
}

impl Head {
    pub(crate) const fn lifecycle(policy: Policy, seed: [u8; 32]) -> Self {
        Self { machine: Kind::Lifecycle, policy, seed, at: Now::new(0, 0), record: None, session: None }
    }

    pub(crate) const fn session(policy: Policy, seed: [u8; 32], set_up: SetUp) -> Self {
        let session = Some(set_up);
        Self { machine: Kind::Session, policy, seed, at: Now::new(0, 0), record: None, session }
    }

    pub(crate) fn lifecycle_machine(&self) -> Result<Lifecycle, String> {
        let seed = Seed::from_bytes(self.seed);
        let Some(record) = &self.record else { return Ok(Lifecycle::new(self.policy, &seed)) };
        let snapshot = serde_json::from_str::<Snapshot>(record).map_err(|error| error.to_string())?;
        Ok(Lifecycle::restore(self.policy, &seed, &snapshot, self.at))
    }

    pub(crate) fn session_machine(&self) -> Result<Session, String> {
        let set_up = self.session.as_ref().ok_or("how the session is set up is missing")?;
        let (config, seed) = (wire::config(self.policy, set_up), Seed::from_bytes(self.seed));
        let Some(record) = &self.record else { return Ok(Session::new(config, seed)) };
        let record = Record::decode(record.as_bytes()).map_err(|error| error.to_string())?;
        Ok(Session::restore(config, seed, &record, self.at))
    }
}

/// The machine of a run.
enum Engine {
    Lifecycle(Box<Lifecycle>),
    Session(Box<Session>),
}

impl Engine {
    fn new(head: &Head) -> Result<Self, String> {
        Ok(match head.machine {
            Kind::Lifecycle => Self::Lifecycle(Box::new(head.lifecycle_machine()?)),
            Kind::Session => Self::Session(Box::new(head.session_machine()?)),
        })
    }

    /// What the process would have written now.
    fn record(&self) -> Result<String, String> {
        match self {
            Self::Lifecycle(machine) => {
                serde_json::to_string(&machine.snapshot()).map_err(|error| error.to_string())
            }
            Self::Session(session) => Ok(session.record().encode().expose().to_owned()),
        }
    }

    /// Steps with a recorded input, and returns the line that it should be.
    fn line(&mut self, now: Now, input: &Value) -> Result<String, String> {
        Ok(match self {
            Self::Lifecycle(machine) => {
                let input: Input = read(input)?;
                let step = machine.step(now, input.clone());
                lifecycle_line(now, &input, &step)
            }
            Self::Session(session) => {
                let given: Given = read(input)?;
                let step = session.step(now, given.input());
                session_line(now, &given, &wire::outputs(&step.outputs), &format!("{:?}", step.wake_at))
            }
        })
    }
}

fn read<T: for<'a> Deserialize<'a>>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

/// What a record must keep: all but when it was written, tokens that are bound to an older key or whose bytes a session that
/// is over has wiped, and what was under way, which is begun anew. A told end counts as a hint until a server has told the
/// time again (R2), as assumed where none had when the first one was written (`dated`), and is renewed then (R13). Moments
/// count from when the first token came: the clock of now may be another one.
fn kept(record: &str, dated: bool) -> Result<Value, String> {
    let mut record: Value = serde_json::from_str(record).map_err(|error| error.to_string())?;
    let key = record.pointer("/key/algorithm").cloned().unwrap_or_default();
    let tokens = record["tokens"].as_array().cloned().unwrap_or_default();
    let foreign = tokens.iter().filter(|token| !token["key"].is_null() && token["key"] != key);
    let dropped: Vec<Value> = foreign.map(|token| token["id"].clone()).collect();
    let at = if record.get("snapshot").is_some() { "/snapshot" } else { "" };
    let snapshot = record.pointer_mut(at).ok_or("there is no snapshot")?;
    (snapshot["taken"], snapshot["dated"], snapshot["key"]["state"]) =
        (Value::Null, Value::Null, Value::Null);
    let wiped = |id: &Value| at == "/snapshot" && !tokens.iter().any(|token| token["id"] == *id);
    let is_kept = |id: &Value| !dropped.contains(id) && !wiped(id);
    if !is_kept(&snapshot["in_force"]) {
        (snapshot["in_force"], snapshot["state"]) = (Value::Null, Value::Null);
    }
    if let Some(held) = snapshot["held"].as_array_mut() {
        held.retain(|token| is_kept(&token["id"]));
    }
    let origin = snapshot.pointer("/held/0/received").and_then(Value::as_u64).unwrap_or(0);
    let relative = |moment: &mut Value| {
        if let Some(at) = moment.as_u64().filter(|at| *at > 0) {
            *moment = (i128::from(at) - i128::from(origin)).to_string().into();
        }
    };
    relative(&mut snapshot["hopeless_since"]);
    for pace in snapshot["paces"].as_object_mut().into_iter().flat_map(|paces| paces.values_mut()) {
        relative(&mut pace["not_before"]);
        relative(&mut pace["asked"]);
    }
    if let Some(held) = snapshot["held"].as_array_mut() {
        for token in held {
            if token["word"] == "Told" && dated {
                (token["word"], token["undated"]) = ("Hinted".into(), json!({"Servers": token["ends"]}));
            } else if token["word"] == "Hinted" && token["undated"].is_null() && dated {
                // One that was read in the server's time is read in it again (R13).
                token["undated"] = json!({"Hint": token["ends"]});
            } else if !dated && (token["word"] == "Told" || token["word"] == "Nobody") {
                (token["word"], token["renew_by"]) = ("Nobody".into(), Value::Null);
            }
            token["saved"] = Value::Null;
            for moment in ["due", "sent", "received", "renew_by", "ends"] {
                relative(&mut token[moment]);
            }
            if let Some(base) = token.pointer_mut("/kind/Base").filter(|base| base["inspection"] == "Asked") {
                base["inspection"] = "Wanted".into();
            }
        }
    }
    if let Some(list) = record.get_mut("tokens").and_then(Value::as_array_mut) {
        list.retain(|known| is_kept(&known["id"]));
    }
    // What is held is not forgotten, whatever was noted before it came back.
    let held = |id: &Value| tokens.iter().any(|token| token["id"] == *id);
    if let Some(list) = record.get_mut("forgotten").and_then(Value::as_array_mut) {
        list.retain(|known| !dropped.contains(&known[1]) && !held(&known[1]));
    }
    Ok(record)
}

fn lifecycle_line(now: Now, input: &Input, step: &Step) -> String {
    json!({"now": now, "input": input, "outputs": step.outputs, "wake_at": step.wake_at}).to_string()
}

fn session_line(now: Now, given: &Given, outputs: &[Value], wake_at: &str) -> String {
    json!({"now": now, "input": given, "outputs": outputs, "wake_at": wake_at}).to_string()
}

/// The process of a run, as far as it has come.
#[derive(Default)]
struct Process {
    engine: Option<Engine>,
    head: Option<Head>,
    start: Option<Value>,
    now: Now,
}

impl Process {
    /// Does what a line says, and returns what the line should be.
    fn line(&mut self, line: &Value) -> Result<String, String> {
        if line.get("machine").is_some() {
            let head: Head = read(line)?;
            self.engine = Some(Engine::new(&head)?);
            let written = json!(head).to_string();
            self.now = head.at;
            self.head = Some(head);
            return Ok(written);
        }
        if let Some(count) = line.get("missing").and_then(Value::as_u64) {
            return Err(format!("{count} lines are missing here, which a disk was too slow for"));
        }
        let line: Line = read(line)?;
        if wire::is_start(&line.input) {
            self.start = Some(line.input.clone());
        }
        self.now = line.now;
        self.engine.as_mut().ok_or("a run begins with a head")?.line(line.now, &line.input)
    }

    /// Another process goes on from this one's record, with what was left.
    fn taken_up<'a>(&self, left: impl Iterator<Item = &'a Value>) -> Result<Recording, String> {
        let (engine, head) =
            self.engine.as_ref().zip(self.head.as_ref()).ok_or("a run begins with a head")?;
        let mut head = head.clone();
        let record = engine.record()?;
        if let Some(set_up) = &mut head.session {
            set_up.key = set_up.key.held_by(&record);
        }
        (head.record, head.at) = (Some(record), self.now);
        let (mut process, mut rest) = (Self::default(), Recording::default());
        let start = json!({"now": self.now, "input": self.start, "outputs": null, "wake_at": null});
        // What comes after the next kill is no part of it.
        let left = left.take_while(|line| line.get("machine").is_none());
        rest.lines.push(process.line(&json!(head))?);
        rest.lines.push(process.line(&start)?);
        for line in left {
            rest.lines.push(process.line(line)?);
        }
        Ok(rest)
    }
}

impl Recording {
    pub(crate) fn new(head: &Head) -> Self {
        let mut recording = Self::default();
        recording.restarted(head);
        recording
    }

    /// Another process goes on.
    pub(crate) fn restarted(&mut self, head: &Head) {
        self.lines.push(json!(head).to_string());
    }

    pub(crate) fn lifecycle(&mut self, now: Now, input: &Input, step: &Step) {
        self.lines.push(lifecycle_line(now, input, step));
    }

    pub(crate) fn session(&mut self, now: Now, given: &Given, outputs: &[Value], wake_at: &str) {
        self.lines.push(session_line(now, given, outputs, wake_at));
    }

    /// Reads a run as [`Recording::text`] wrote it.
    #[must_use]
    pub fn read(text: &str) -> Self {
        Self { lines: text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect() }
    }

    /// The run as text.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// How many lines it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Runs it again from the start: the same inputs at the same times must give the same bytes (R30).
    ///
    /// # Errors
    /// The first line that comes out otherwise.
    pub fn replay(&self) -> Result<(), Divergence> {
        let mut process = Process::default();
        for (index, (recorded, line)) in self.lines.iter().zip(&self.parsed()?).enumerate() {
            let differs = |what| Divergence { line: index + 1, what };
            let again = process.line(line).map_err(differs)?;
            if *recorded != again {
                return Err(differs(format!("recorded {recorded}\nreplayed {again}")));
            }
        }
        Ok(())
    }

    /// The run as it goes on if the process is killed after so many lines and another one, with the recorded seed,
    /// goes on from the record of that moment: a head with the record, a start, and the inputs that were left, at
    /// most `most` of them. Each is a run of its own, to be replayed like any other.
    ///
    /// # Errors
    /// A line that cannot be read.
    pub fn from_records(&self, places: &[usize], most: usize) -> Result<Vec<Self>, Divergence> {
        let parsed = self.parsed()?;
        let (mut process, mut rests) = (Process::default(), Vec::new());
        for (index, line) in parsed.iter().enumerate() {
            let unreadable = |what| Divergence { line: index + 1, what };
            process.line(line).map_err(unreadable)?;
            if places.contains(&(index + 1)) {
                let left = parsed.iter().skip(index + 1).take(most);
                rests.push(process.taken_up(left).map_err(unreadable)?);
            }
        }
        Ok(rests)
    }

    /// What the record that the run begins with must keep, and what the machine restored from it would write of
    /// that.
    ///
    /// # Errors
    /// The run does not begin with a record.
    pub fn records(&self) -> Result<(Value, Value), Divergence> {
        let unreadable = |what: String| Divergence { line: 1, what };
        let lines = self.parsed()?;
        let head: Head = read(lines.first().unwrap_or(&Value::Null)).map_err(unreadable)?;
        let again = Engine::new(&head).and_then(|engine| engine.record()).map_err(unreadable)?;
        let record = head.record.ok_or_else(|| unreadable("there is no record".to_owned()))?;
        let parsed: Value = serde_json::from_str(&record).map_err(|error| unreadable(error.to_string()))?;
        let snapshot = parsed.get("snapshot").unwrap_or(&parsed);
        let dated = snapshot["dated"] == true;
        Ok((kept(&record, dated).map_err(unreadable)?, kept(&again, dated).map_err(unreadable)?))
    }

    fn parsed(&self) -> Result<Vec<Value>, Divergence> {
        let parse = |(index, line): (usize, &String)| {
            let unreadable =
                |error: serde_json::Error| Divergence { line: index + 1, what: error.to_string() };
            serde_json::from_str(line).map_err(unreadable)
        };
        self.lines.iter().enumerate().map(parse).collect()
    }
}
