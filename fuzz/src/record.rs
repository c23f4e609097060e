//! Any bytes as a record.

use std::path::Path;
use std::sync::LazyLock;

use satkeeper_core::session::Record;
use satkeeper_host::leased_store::LeasedStore;
use satkeeper_host::store::FileStore;
use serde_json::{Value, json};

use crate::bytes::Bytes;
use crate::world::{EPOCH, Tokens, World, config};

/// Kinds of sessions whose records are edited.
const KINDS: [&str; 5] = ["bound", "subscriber", "embed", "guest", "callback"];
/// Most edits of one run.
const MOST: usize = 64;

/// Bytes that begin with `{` are read as they are, others edit the record of a live session, value by value. What
/// can be read is written the same again, and a session goes on from it: no panic, no broken invariant, and with a
/// server that is well it is live at last, or over (R30).
///
/// # Panics
/// When that is not so: that is a finding.
pub fn record(data: &[u8]) {
    let mut bytes = Bytes(data);
    let written = &WRITTEN[usize::from(bytes.byte()) % WRITTEN.len()];
    let edited = if data.starts_with(b"{") { data.to_vec() } else { edit(&written.record, &mut bytes) };
    let Ok(record) = Record::decode(&edited) else { return };
    let again = record.encode();
    let same = Record::decode(again.expose().as_bytes()).expect("what is written can be read");
    assert!(same.encode() == again, "a record changes when it is read");
    World::restored(config(written.kind), &record, written.tokens.clone(), data).run();
}

/// As the files of a store, record and key: set aside, or used; no other file is touched.
///
/// # Panics
/// Where the folder cannot be written, or the store panics.
pub fn files(folder: &Path, record: &[u8], key: &[u8]) {
    let path = folder.join("session");
    private(&path, record);
    private(&folder.join("session.key.pem"), key);
    if let Ok((_, kept)) = LeasedStore::open(Box::new(FileStore::new(&path))) {
        assert_eq!(kept.record.is_some(), Record::decode(record).is_ok());
    }
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let is_ours = name == "session" || name == "session.key.pem" || name.contains(".unusable-");
        assert!(is_ours, "{name}");
    }
}

fn private(path: &Path, contents: &[u8]) {
    std::fs::write(path, contents).expect("a folder of our own");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("a file of our own");
    }
}

struct Written {
    kind: &'static str,
    record: Value,
    /// What the server of that session has minted.
    tokens: Tokens,
}

static WRITTEN: LazyLock<Vec<Written>> = LazyLock::new(|| {
    let write = |kind| {
        let mut world = World::new(config(kind), b"");
        let record = world.run().record().encode();
        let record = serde_json::from_str(record.expose()).expect("a record is JSON");
        Written { kind, record, tokens: world.tokens }
    };
    KINDS.map(write).into()
});

fn edit(record: &Value, bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut record = record.clone();
    for _ in 0..MOST {
        if bytes.0.is_empty() {
            break;
        }
        let mut places = Vec::new();
        list(&record, String::new(), &mut places);
        let (to, from) = (bytes.index(places.len()), bytes.index(places.len()));
        let with = record.pointer(&places[from]).cloned().unwrap_or_default();
        if let Some(value) = record.pointer_mut(&places[to]) {
            change(value, with, bytes);
        }
    }
    record.to_string().into_bytes()
}

/// Every value within, as JSON pointers (RFC 6901).
fn list(value: &Value, at: String, places: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| list(item, format!("{at}/{n}"), places));
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, item)| list(item, format!("{at}/{name}"), places));
        }
        _ => {}
    }
    places.push(at);
}

fn change(value: &mut Value, with: Value, bytes: &mut Bytes<'_>) {
    match bytes.byte() % 8 {
        0 => *value = with,
        1 => *value = Value::Null,
        2 => *value = json!(bytes.bit()),
        3 => *value = json!(bytes.number()),
        4 => *value = json!(EPOCH.saturating_add(bytes.number() % 7_200_000)),
        5 => {
            let by = i64::from(bytes.byte()) - 128;
            *value = json!(value.as_u64().unwrap_or_default().saturating_add_signed(by));
        }
        6 => match value {
            Value::Array(items) => items.push(with),
            Value::Object(members) => {
                let name = members.keys().nth(bytes.index(members.len().max(1))).cloned();
                name.map(|name| members.remove(&name));
            }
            _ => {}
        },
        _ => {
            if let Value::Array(items) = value {
                items.pop();
            }
        }
    }
}
