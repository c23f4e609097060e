//! What is in the file whenever its writer dies.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use satkeeper_core::lifecycle::KeyAlgorithm;
use satkeeper_core::secret::Secret;

use super::disk::{Call, sync_file};
use super::{Disk, FileStore, beside, lacking, read, replace, sync_folder};
use crate::keys;
use crate::store::{Lease, Part, Store as _, StoreError, Written};

/// A folder of its own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("satkeeper-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("session")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(text: &str) -> Secret {
    Secret::new(text)
}

#[test]
fn whatever_step_it_dies_before_the_old_is_there_or_the_new() {
    // proves R13
    let folder = Folder::new("steps");
    let path = folder.file();
    replace(&path, &text("old"), &mut Disk::default(), |_| {}).unwrap();
    for call in WRITE {
        let mut disk = Disk { dies_at: Some(call), ..Disk::default() };
        let there_is = if call == Call::FlushFolder { "new" } else { "old" };
        assert_eq!(replace(&path, &text("new"), &mut disk, |_| {}).is_ok(), there_is == "new", "{call:?}");
        assert_eq!(read(&path).unwrap().unwrap().expose(), there_is, "before {call:?}");
        // And the next one is none the worse for what was left behind.
        replace(&path, &text("old"), &mut Disk::default(), |_| {}).unwrap();
        assert!(!beside(&path, ".new").exists());
    }
}

/// A file is flushed before its name leads to it, and the folder after that.
const WRITE: [Call; 7] = [
    Call::Clear,
    Call::Create,
    Call::WriteFirst,
    Call::WriteRest,
    Call::FlushFile,
    Call::Rename,
    Call::FlushFolder,
];

#[test]
fn what_is_written_is_on_the_disk_before_it_takes_the_place_of_the_old() {
    // proves R13
    let (folder, mut disk) = (Folder::new("flushed"), Disk::default());
    replace(&folder.file(), &text("record"), &mut disk, |_| {}).unwrap();
    assert_eq!(disk.made, WRITE);
}

#[cfg(target_os = "linux")]
#[test]
fn to_flush_is_to_ask_the_operating_system() {
    // proves R13
    // It refuses where there is no disk below: who were not asked could not refuse.
    let (_, pipe) = std::io::pipe().unwrap();
    let error = sync_file(&fs::File::from(std::os::fd::OwnedFd::from(pipe))).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{error}");
    let error = sync_folder(std::path::Path::new("/proc/sys/kernel/ostype")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{error}");
}

#[test]
fn only_the_owner_can_read_what_is_written() {
    // proves R36
    let folder = Folder::new("modes");
    let store = FileStore::new(folder.file());
    let mut lease = store.lease().unwrap();
    lease.save(&text("record")).unwrap();
    lease.save_key(&text("key")).unwrap();
    for file in ["session", "session.key.pem"] {
        let mode = fs::metadata(folder.0.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    for mode in [0o640, 0o604, 0o660, 0o644] {
        fs::set_permissions(folder.file(), fs::Permissions::from_mode(mode)).unwrap();
        let Err(StoreError::Refused(why)) = lease.load() else { panic!("{mode:o} was read") };
        assert!(why.contains("others can read"), "{why}");
    }
    fs::set_permissions(folder.file(), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(lease.load().unwrap().unwrap().expose(), "record");

    lease.erase().unwrap();
    lease.erase().unwrap();
    assert!(lease.load().unwrap().is_none() && lease.load_key().unwrap().is_none());
}

#[test]
fn what_is_no_text_or_too_large_is_refused_and_left_alone() {
    // survives W3
    let folder = Folder::new("odd");
    let store = FileStore::new(folder.file());
    let mut lease = store.lease().unwrap();
    lease.save(&text("record")).unwrap();
    for odd in [vec![0xff; 10], vec![b'a'; (1 << 20) + 1]] {
        fs::write(folder.file(), &odd).unwrap();
        assert!(matches!(lease.load(), Err(StoreError::Unusable(_))));
        assert!(matches!(lease.save(&text("new")), Err(StoreError::Unusable(_))));
        assert_eq!(fs::read(folder.file()).unwrap(), odd);
    }
}

#[test]
fn one_holder_at_a_time() {
    // proves R11.1
    // survives P29
    let folder = Folder::new("lease");
    let store = FileStore::new(folder.file());
    let lease = store.lease().unwrap();
    assert_eq!(store.lease().err(), Some(StoreError::InUse));
    assert_eq!(FileStore::new(folder.file()).lease().err(), Some(StoreError::InUse));
    drop(lease);
    assert!(store.lease().is_ok());
}

#[test]
fn one_holder_whatever_the_record_is_called() {
    // proves R11.4
    // survives W4
    let folder = Folder::new("names");
    let (file, inner) = (folder.file(), folder.0.join("inner"));
    fs::create_dir_all(&inner).unwrap();
    let store = FileStore::new(&file);
    store.lease().unwrap().save(&text("before")).unwrap();
    let (soft, hard, around) = (folder.0.join("soft"), folder.0.join("hard"), folder.0.join("around"));
    std::os::unix::fs::symlink("session", &soft).unwrap();
    std::os::unix::fs::symlink(&folder.0, &around).unwrap();
    fs::hard_link(&file, &hard).unwrap();
    let names =
        || [soft.clone(), hard.clone(), around.join("session"), inner.join("../session"), file.clone()];
    let mut lease = store.lease().unwrap();
    assert!(lease.load().unwrap().is_some());
    for written in ["first", "second", "third"] {
        for name in names() {
            assert_eq!(FileStore::new(&name).lease().err(), Some(StoreError::InUse), "{}", name.display());
        }
        lease.save(&text(written)).unwrap();
    }
    drop(lease);
    // And what is written through a link is written where it leads to.
    let mut lease = FileStore::new(&soft).lease().unwrap();
    assert_eq!(lease.load().unwrap().unwrap().expose(), "third");
    lease.save(&text("through the link")).unwrap();
    assert!(fs::symlink_metadata(&soft).unwrap().is_symlink());
    assert_eq!(read(&file).unwrap().unwrap().expose(), "through the link");
}

#[test]
fn who_has_lost_the_file_to_another_finds_out_before_it_writes() {
    // proves R11.1, R11.2
    // survives W4
    let folder = Folder::new("lost");
    let store = FileStore::new(folder.file());
    let mut first = store.lease().unwrap();
    first.save(&text("first")).unwrap();
    // Somebody tidies up, and starts another process.
    fs::remove_file(folder.file()).unwrap();
    let mut second = store.lease().unwrap();
    assert!(second.load().unwrap().is_none());
    assert_eq!(first.save(&text("an intent")), Err(StoreError::InUse));
    second.save(&text("second")).unwrap();
    assert_eq!(first.save(&text("an intent")), Err(StoreError::InUse));
    assert_eq!(read(&folder.file()).unwrap().unwrap().expose(), "second");
    drop(second);
    // The other one has gone: what it has left is read first.
    assert_eq!(first.save(&text("again")), Err(StoreError::Conflict(Written(text("second")))));
    first.save(&text("with theirs in mind")).unwrap();
    assert_eq!(store.lease().err(), Some(StoreError::InUse));
}

/// A folder whose record the first of these had, and has lost to the second, who wrote its own and its key.
fn lost(name: &str) -> (Folder, Box<dyn Lease>, Box<dyn Lease>) {
    let folder = Folder::new(name);
    let store = FileStore::new(folder.file());
    let mut first = store.lease().unwrap();
    first.save(&text("first")).unwrap();
    first.save_key(&text("the first's key")).unwrap();
    fs::remove_file(folder.file()).unwrap();
    let mut second = store.lease().unwrap();
    second.save(&text("second")).unwrap();
    second.save_key(&text("the second's key")).unwrap();
    (folder, first, second)
}

/// That all is there that the second has written.
fn is_whole(folder: &Folder) {
    assert_eq!(read(&folder.file()).unwrap().unwrap().expose(), "second");
    let key = read(&beside(&folder.file(), ".key.pem")).unwrap().unwrap();
    assert_eq!(key.expose(), "the second's key");
}

#[test]
fn who_has_lost_the_file_to_another_does_not_erase_it() {
    // proves R11.2
    // survives W4
    let (folder, mut first, second) = lost("lost-erase");
    assert_eq!(first.erase(), Err(StoreError::InUse));
    is_whole(&folder);
    // Nor when the other has gone: what it has left is for the next process.
    drop(second);
    assert_eq!(first.erase(), Err(StoreError::InUse));
    assert_eq!(first.set_aside(Part::Record), Err(StoreError::InUse));
    is_whole(&folder);
    // Gone is gone, and nobody else's.
    fs::remove_file(folder.file()).unwrap();
    first.erase().unwrap();
    assert!(!beside(&folder.file(), ".key.pem").exists());
}

#[test]
fn who_has_lost_the_file_to_another_leaves_its_key() {
    // proves R11.2
    // survives W4
    let (folder, mut first, second) = lost("lost-key");
    assert_eq!(first.save_key(&text("another key of the first's")), Err(StoreError::InUse));
    is_whole(&folder);
    drop(second);
    assert_eq!(first.save_key(&text("another key of the first's")), Err(StoreError::InUse));
    is_whole(&folder);
    fs::remove_file(folder.file()).unwrap();
    first.save_key(&text("another key of the first's")).unwrap();
}

#[test]
fn a_file_that_is_gone_is_written_anew_and_held() {
    let folder = Folder::new("gone");
    let store = FileStore::new(folder.file());
    let mut lease = store.lease().unwrap();
    lease.save(&text("one")).unwrap();
    fs::remove_file(folder.file()).unwrap();
    lease.save(&text("two")).unwrap();
    assert_eq!(read(&folder.file()).unwrap().unwrap().expose(), "two");
    assert_eq!(store.lease().err(), Some(StoreError::InUse));
}

#[test]
fn a_pipe_in_its_place_is_refused_and_not_waited_for() {
    // survives W5
    let folder = Folder::new("pipe");
    assert!(Command::new("mkfifo").arg(folder.file()).status().unwrap().success());
    let Err(StoreError::Refused(why)) = FileStore::new(folder.file()).lease().map(drop) else {
        panic!("it was opened")
    };
    assert!(why.contains("session is no file"), "{why}");
    let Err(StoreError::Refused(why)) = FileStore::new(&folder.0).lease().map(drop) else {
        panic!("a folder was opened")
    };
    assert!(why.contains("is no file"), "{why}");
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    // survives W3
    let folder = Folder::new("large");
    let mut lease = FileStore::new(folder.file()).lease().unwrap();
    lease.save(&text("small")).unwrap();
    let large = text(&"a".repeat((1 << 20) + 1));
    assert!(matches!(lease.save(&large), Err(StoreError::Refused(_))));
    assert_eq!(lease.load().unwrap().unwrap().expose(), "small");
    lease.save(&text(&"a".repeat(1 << 20))).unwrap();
    assert!(lease.load().unwrap().is_some());
}

#[test]
fn a_folder_that_cannot_be_flushed_is_told_and_lived_with() {
    // survives W4
    // Of these the kernel says EINVAL.
    let error = super::sync_folder(std::path::Path::new("/proc/self/session")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{error}");
    let folder = Folder::new("lacks");
    // What was written is written.
    let mut disk = Disk { dies_at: Some(Call::FlushFolder), ..Disk::default() };
    replace(&folder.file(), &text("record"), &mut disk, |_| {}).unwrap();
    assert_eq!(read(&folder.file()).unwrap().unwrap().expose(), "record");
    let told = lacking(true, Err(error));
    assert!(told.len() == 1 && told[0].contains("flushed") && told[0].contains("the power"), "{told:?}");
    let told = lacking(false, Ok(()));
    assert!(told.len() == 1 && told[0].contains("knows no locks"), "{told:?}");
    let mut lease = FileStore::new(folder.file()).lease().unwrap();
    assert_eq!(lease.lacks(), Vec::<String>::new());
}

#[test]
fn who_writes_all_the_same_is_noticed() {
    // proves R11.1, R11.2
    let folder = Folder::new("conflict");
    let store = FileStore::new(folder.file());
    let mut lease = store.lease().unwrap();
    assert!(lease.load().unwrap().is_none());
    replace(&folder.file(), &text("another's"), &mut Disk::default(), |_| {}).unwrap();
    assert_eq!(lease.save(&text("ours")), Err(StoreError::Conflict(Written(text("another's")))));
    assert_eq!(read(&folder.file()).unwrap().unwrap().expose(), "another's");
    // What has been read can be gone on from.
    lease.save(&text("ours, with theirs in mind")).unwrap();
}

/// A key that is one, in PEM.
fn key(algorithm: KeyAlgorithm) -> Secret {
    keys::generate_to_keep(algorithm).unwrap().1
}

#[test]
fn a_shared_key_is_made_once_and_goes_with_its_last_user() {
    // proves R33.5
    // survives S26
    let folder = Folder::new("shared");
    let shared = folder.0.join("gateway.key.pem");
    let store = |name: &str| FileStore::new(folder.0.join(name)).shared_key(&shared);
    let (mut alice, mut bob) = (store("alice").lease().unwrap(), store("bob").lease().unwrap());
    assert!(alice.load_key().unwrap().is_none() && bob.load_key().unwrap().is_none());

    // Both made one at the same time: the first stays, and both are told so.
    let (hers, his) = (key(KeyAlgorithm::Es256), key(KeyAlgorithm::Es256));
    alice.save_key(&hers).unwrap();
    bob.save_key(&his).unwrap();
    assert!(alice.load_key().unwrap() == Some(hers.clone()));
    assert!(bob.load_key().unwrap() == Some(hers.clone()));

    // Who switches to another kind keeps that to itself.
    let other = key(KeyAlgorithm::Rs256);
    bob.save_key(&other).unwrap();
    assert!(bob.load_key().unwrap() == Some(other));
    assert!(alice.load_key().unwrap() == Some(hers.clone()));

    // A session that is over, not destroyed, still needs it: its tokens are bound to it.
    drop(alice);
    bob.erase().unwrap();
    assert!(shared.exists() && !folder.0.join("bob.key.pem").exists());
    let mut alice = store("alice").lease().unwrap();
    assert!(alice.load_key().unwrap() == Some(hers));
    alice.erase().unwrap();
    alice.erase().unwrap();
    assert!(!shared.exists() && !folder.0.join("gateway.key.pem.users").exists());
    assert!(alice.load_key().unwrap().is_none());
}

#[test]
fn a_shared_key_that_is_no_key_is_left_alone() {
    // survives S26
    let folder = Folder::new("shared-odd");
    let shared = folder.0.join("gateway.key.pem");
    replace(&shared, &text("no key"), &mut Disk::default(), |_| {}).unwrap();
    let mut lease = FileStore::new(folder.file()).shared_key(&shared).lease().unwrap();
    let ours = key(KeyAlgorithm::Es256);
    lease.save_key(&ours).unwrap();
    assert!(read(&shared).unwrap() == Some(text("no key")));
    assert!(lease.load_key().unwrap() == Some(ours));
}

const FOLDER: &str = "SATKEEPER_TEST_SAVES_IN";

/// What the child does: saves, each record twice as telling as the last.
#[test]
#[ignore = "runs in a child process only"]
fn saves_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = FileStore::new(PathBuf::from(folder).join("session"));
    let mut lease = store.lease().unwrap();
    let before = lease.load().unwrap();
    let before = before.map_or(0, |before| number(before.expose()));
    for at in before + 1.. {
        lease.save(&text(&record(at))).unwrap();
    }
}

fn record(at: u64) -> String {
    format!("{at}:").repeat(2_000)
}

/// Which record this is, whole.
fn number(text: &str) -> u64 {
    let at = text.split(':').next().unwrap().parse().unwrap();
    assert_eq!(text, record(at), "neither an old record nor a new one");
    at
}

#[test]
fn killed_at_any_time_it_leaves_a_whole_record() {
    // proves R13
    let folder = Folder::new("killed");
    let store = FileStore::new(folder.file());
    let mut last = 0;
    for round in 0..20_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::file::tests::saves_until_it_is_killed", "--ignored"])
            .env(FOLDER, &folder.0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(40 + round * 7 % 30));
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        let mut lease = store.lease().expect("the lock has gone with its process");
        if let Some(there) = lease.load().unwrap() {
            let at = number(there.expose());
            assert!(at >= last, "{at} after {last}");
            last = at;
        }
    }
    assert!(last > 20, "only {last} records were written");
}
