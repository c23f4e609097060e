//! What cannot be read, and what a store cannot do.

use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

use satkeeper_core::secret::Secret;
use satkeeper_core::session::{Record, SessionNews, StoreFailure};

use super::LeasedStore;
use super::tests::{SOON, record};
use crate::store::{FileStore, Lease, MemoryStore, Store, StoreError};

// survives W18
#[test]
fn where_a_file_lies_is_told_whatever_it_is_called() {
    let folder = Folder::new("x6F-ZTVksAsb6C4gGN7gX3dDb79owcZTb09N3DSY");
    let path = folder.write("session", b"no record");
    let (_keeper, kept) = LeasedStore::open(Box::new(FileStore::new(&path))).unwrap();
    let told = kept.notices[0].cause.clone().unwrap().to_string();
    let [place] = folder.set_aside().try_into().unwrap();
    assert!(told.contains(&place.display().to_string()), "{told}");
}

/// A folder of its own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("satkeeper-leased-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, file: &str, contents: &[u8]) -> PathBuf {
        let path = self.0.join(file);
        std::fs::write(&path, contents).unwrap();
        private(&path);
        path
    }

    fn set_aside(&self) -> Vec<PathBuf> {
        let found = std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        found.filter(|path| path.to_string_lossy().contains(".unusable-")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(unix)]
fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[cfg(not(unix))]
fn private(_: &Path) {}

#[test]
fn what_cannot_be_read_is_set_aside_and_told() {
    // survives W3
    let cut = record("token").encode().expose().as_bytes()[..40].to_vec();
    let newer = b"{\"format\":\"satkeeper record\",\"version\":99}".to_vec();
    let zeros = vec![0; 300];
    for odd in [cut, newer, zeros, vec![0xff; 10], vec![b'a'; (1 << 20) + 1], b"something else".to_vec()] {
        let folder = Folder::new("odd");
        let path = folder.write("session", &odd);
        let (leased, kept) = LeasedStore::open(Box::new(FileStore::new(&path))).unwrap();
        assert!(kept.record.is_none());
        let [notice] = kept.notices.as_slice() else { panic!("{:?}", kept.notices) };
        assert_eq!(notice.event, SessionNews::SetAside);
        let [place] = folder.set_aside().try_into().unwrap();
        let why = notice.cause.clone().unwrap().to_string();
        assert!(why.contains(&place.display().to_string()), "{why}");
        assert!(std::fs::read(&place).unwrap() == odd, "it lies there whole");
        // And what the session writes from now on can be read.
        let (teller, told) = channel();
        leased.save(record("token"), move |came| teller.send(came.is_ok()).unwrap());
        assert_eq!(told.recv_timeout(SOON), Ok(true));
        let (freer, freed) = channel();
        leased.release(move |()| freer.send(()).unwrap());
        freed.recv_timeout(SOON).unwrap();
        let again = LeasedStore::open(Box::new(FileStore::new(&path)));
        assert!(again.unwrap().1.record.is_some());
    }
}

/// Keeps nothing, and says what it cannot do.
struct Lacking;

impl Store for Lacking {
    fn name(&self) -> String {
        "/mnt/old".to_owned()
    }

    fn lease(&self) -> Result<Box<dyn Lease>, StoreError> {
        Ok(Box::new(Self))
    }
}

impl Lease for Lacking {
    fn load(&mut self) -> Result<Option<Secret>, StoreError> {
        Ok(None)
    }

    fn save(&mut self, _: &Secret) -> Result<(), StoreError> {
        Ok(())
    }

    fn load_key(&mut self) -> Result<Option<Secret>, StoreError> {
        Ok(None)
    }

    fn save_key(&mut self, _: &Secret) -> Result<(), StoreError> {
        Ok(())
    }

    fn erase(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn lacks(&mut self) -> Vec<String> {
        vec!["it knows no locks".to_owned(), "it cannot be flushed".to_owned()]
    }
}

#[test]
fn what_a_store_cannot_do_is_told_and_lived_with() {
    // survives W4
    let (_keeper, kept) = LeasedStore::open(Box::new(Lacking)).unwrap();
    let told = kept.notices.iter().map(|it| (it.event, it.cause.clone().unwrap().to_string()));
    let said = |what: &str| (SessionNews::StoreLacks, format!("the store failed: /mnt/old: {what}"));
    assert_eq!(told.collect::<Vec<_>>(), [said("it knows no locks"), said("it cannot be flushed")]);
}

#[test]
fn what_no_store_could_read_again_is_not_written() {
    // survives W3
    // Read, this is just small enough; written, each of its tokens has a member more.
    let tokens = vec![r#"{"id":1,"token":"x"}"#; 40_000].join(",");
    let text = record("token").encode().expose().replace("\"tokens\":[]", &format!("\"tokens\":[{tokens}]"));
    let large = Record::decode(text.as_bytes()).unwrap();
    assert!(text.len() < Record::MOST && large.encode().len() > Record::MOST);
    let store = MemoryStore::new();
    let (leased, _) = LeasedStore::open(Box::new(store.clone())).unwrap();
    let (teller, told) = channel();
    for record in [record("token"), Box::new(large)] {
        let teller = teller.clone();
        leased.save(record, move |came| teller.send(came).unwrap());
        let came = told.recv_timeout(SOON).unwrap();
        if let Err(failure) = came {
            let StoreFailure::Failed(error) = failure else { panic!("{failure:?}") };
            assert!(error.to_string().contains("larger than 1 MiB"), "{error}");
            let (freer, freed) = channel();
            leased.release(move |()| freer.send(()).unwrap());
            freed.recv_timeout(SOON).unwrap();
            let there = LeasedStore::open(Box::new(store)).unwrap().1.record.unwrap();
            assert!(there.encode() == super::tests::record("token").encode(), "the one before it stays");
            return;
        }
    }
    panic!("it was written");
}

#[test]
fn a_key_that_is_none_is_set_aside_unless_it_is_shared() {
    // survives W3
    let folder = Folder::new("odd-key");
    let path = folder.write("session", b"");
    let key = folder.write("session.key.pem", b"no key");
    let (_keeper, kept) = LeasedStore::open(Box::new(FileStore::new(&path))).unwrap();
    assert!(kept.key.is_none() && kept.notices.len() == 1 && !key.exists());
    let shared = folder.write("shared.pem", b"no key");
    let store = FileStore::new(folder.0.join("other")).shared_key(&shared);
    let error = LeasedStore::open(Box::new(store)).err().unwrap().to_string();
    assert!(error.contains("shared with other sessions") && shared.exists(), "{error}");
}
