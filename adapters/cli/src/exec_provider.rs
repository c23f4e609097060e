//! A credential provider that runs a program, as kubectl's exec plugins do.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Stdio;
#[cfg(unix)]
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use satkeeper::core::wire::text::Cleaner;
use satkeeper::{AuthenticateContext, BoxFuture, Credential, CredentialProvider, ProviderError, Refresh};
use satkeeper_host::program;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::exit::Failure;
use crate::terminal::{Line, Terminal, Tone};

/// The contract, for `--help`.
pub(crate) const CONTRACT: &str = "\
The program of --provider exec:
  It is run as `PROGRAM [ARG..]` for a token and as `PROGRAM [ARG..] refresh` for a newer one, without a shell, in a \
process group of its own. It may take its time: after 120 s it is run once more, and what the first run prints still counts; \
of three that do not end the first is killed, with its group. What it leaves behind when it ends is killed, too.
  environment      SATKEEPER_FINGERPRINT, the thumbprint of the session's key: pass it on as `fingerprint`, with \
`scope: \"sat:refresh\"`, where the token is minted, and the session renews by itself
  standard output  {\"token\": \"...\", \"expiry_at\": <unix milliseconds, optional>}; never shown. Seconds, a text or \
an ISO 8601 date are read, too, and nonsense is as absent
  standard error   dropped; with -v shown, less everything that looks like a token, up to 16 KiB
  exit code        0 here is a token, 3 refused: never ask again, others failed: ask again later";

/// The exit code with which a program says that asking again cannot help.
const REFUSED: i32 = 3;
/// Most of one line of its standard error that is read.
const MOST_LINE: u64 = 4096;
/// Most of its standard error that is shown, for each time that it runs.
const MOST_SHOWN: usize = 16 * 1024;
/// How long its output is read on when it has ended: somebody that it has left behind may hold it open.
const DRAIN: Duration = Duration::from_millis(250);

/// Runs a program for each credential.
pub(crate) struct ExecProvider {
    program: PathBuf,
    args: Vec<String>,
    can_refresh: bool,
    repeatable: bool,
    shows_errors: bool,
}

impl ExecProvider {
    /// Finds the program now: one that is not there is a mistake and no outage.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) fn new(
        command: &Path,
        args: &[String],
        can_refresh: bool,
        repeatable: bool,
        shows_errors: bool,
    ) -> Result<Self, Failure> {
        let program =
            find(command).map_err(|why| Failure::usage(format!("--command {}: {why}", command.display())))?;
        Ok(Self { program, args: args.to_vec(), can_refresh, repeatable, shows_errors })
    }

    async fn run(&self, fingerprint: Option<String>, refresh: bool) -> Result<Credential, ProviderError> {
        let mut command = Command::new(&self.program);
        command.args(&self.args).args(refresh.then_some("refresh"));
        command
            .env_remove("SATKEEPER_FINGERPRINT")
            .envs(fingerprint.map(|print| ("SATKEEPER_FINGERPRINT", print)));
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(if self.shows_errors { Stdio::piped() } else { Stdio::null() });
        // Where this future is dropped, so is the program.
        command.kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command
            .spawn()
            .map_err(|error| ProviderError::transient(format!("it cannot be started: {error}")))?;
        let _group = Group::of(&child);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut printed = Zeroizing::new(Vec::with_capacity(4096));
        let (ended, read) = {
            let mut output = pin!(async { tokio::join!(read(stdout, &mut printed), pass_on(stderr)).0 });
            let mut read = None;
            let ended = loop {
                tokio::select! {
                    ended = child.wait() => break ended,
                    result = &mut output, if read.is_none() => read = Some(result),
                }
            };
            if read.is_none() {
                read = timeout(DRAIN, output).await.ok();
            }
            (ended, read)
        };
        let ended =
            ended.map_err(|error| ProviderError::transient(format!("how it ended is unknown: {error}")))?;
        match ended.code() {
            Some(0) => read.unwrap_or(Ok(())).and_then(|()| program::credential(&printed)),
            Some(REFUSED) => Err(ProviderError::rejected(format!("the program ended with {REFUSED}"))),
            Some(code) => Err(ProviderError::transient(format!("the program ended with {code}"))),
            None => Err(ProviderError::transient("the program was killed")),
        }
    }
}

impl CredentialProvider for ExecProvider {
    fn authenticate(&self, context: AuthenticateContext) -> BoxFuture<'_, Result<Credential, ProviderError>> {
        Box::pin(self.run(context.fingerprint, false))
    }

    fn refresh(&self) -> Option<Refresh<'_>> {
        self.can_refresh.then(|| Refresh::new(|context| self.run(context.fingerprint, true)))
    }

    fn can_mint_again(&self) -> bool {
        self.repeatable
    }

    /// Another program, or other arguments, may well bring another's tokens. Arguments can be long, and may hold what
    /// nobody should read in an error: a digest tells them apart.
    fn whose(&self) -> Option<String> {
        let program = std::path::absolute(&self.program).unwrap_or_else(|_| self.program.clone());
        let mut digest = Sha256::new();
        for arg in &self.args {
            digest.update(arg.len().to_be_bytes());
            digest.update(arg);
        }
        let digest: String = digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Some(format!("the program {} with arguments of digest {digest}", program.display()))
    }
}

/// A path as it is, a bare name where the system would find it; or why that cannot be run.
fn find(command: &Path) -> Result<PathBuf, &'static str> {
    const NOWHERE: &str = "there is no such program";
    // On Windows what a name stands for is the system's own business.
    if cfg!(windows) && !command.as_os_str().is_empty() {
        return Ok(command.to_owned());
    }
    if command.components().count() > 1 || command.is_absolute() {
        return can_run(command).map(|()| command.to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join(command));
    found.find(|file| can_run(file).is_ok() && !command.as_os_str().is_empty()).ok_or(
        if command.as_os_str().is_empty() || !command.exists() {
            NOWHERE
        } else {
            "it is not in PATH; write ./ before it if the file in this folder is meant"
        },
    )
}

fn can_run(file: &Path) -> Result<(), &'static str> {
    let Ok(found) = std::fs::metadata(file) else { return Err("there is no such program") };
    if !found.is_file() {
        return Err("it is no file that can be run");
    }
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o111 == 0 {
        return Err("it may not be run; chmod +x allows it, or name its interpreter and give it with --arg");
    }
    Ok(())
}

async fn read(stdout: Option<impl AsyncRead + Unpin>, printed: &mut Vec<u8>) -> Result<(), ProviderError> {
    if let Some(stdout) = stdout {
        let failed = |error| ProviderError::transient(format!("what it prints cannot be read: {error}"));
        stdout.take(program::MOST_OUTPUT).read_to_end(printed).await.map_err(failed)?;
    }
    Ok(())
}

/// Shows what the program says for people, up to a limit; the rest is read and dropped, so that it never waits for
/// us. What looks like a token is cut out.
async fn pass_on(stderr: Option<impl AsyncRead + Unpin>) {
    let Some(stderr) = stderr else { return };
    let show = |text: &str| {
        Terminal::stderr().line(&Line::new().with(Tone::Faint, format!("  {text}")).hanging(4));
    };
    let mut stderr = BufReader::new(stderr);
    let mut left = MOST_SHOWN;
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut stderr).take(MOST_LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) if left == 0 => {}
            Ok(read) => {
                show(&Cleaner::default().clean(&String::from_utf8_lossy(&line)));
                left = left.saturating_sub(read);
                if left == 0 {
                    show("(what the program says beyond this is not shown)");
                }
            }
        }
    }
}

/// The programs that run: at the end of ours nobody is left to drop their [`Group`].
#[cfg(unix)]
static RUNNING: Mutex<Vec<rustix::process::Pid>> = Mutex::new(Vec::new());

/// A program and all that it has started and not let go of. Dropping it kills what is left of them.
struct Group {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

impl Group {
    #[cfg(unix)]
    fn of(child: &Child) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok());
        let leader = leader.and_then(rustix::process::Pid::from_raw);
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).extend(leader);
        Self { leader }
    }

    #[cfg(not(unix))]
    fn of(_: &Child) -> Self {
        Self {}
    }
}

#[cfg(unix)]
impl Drop for Group {
    fn drop(&mut self) {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        // One that has been killed at the end already is not looked for again.
        for leader in running.extract_if(.., |leader| Some(*leader) == self.leader) {
            kill(leader);
        }
    }
}

/// The program ends: so do those that it runs.
pub(crate) fn end_all() {
    #[cfg(unix)]
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner).drain(..).for_each(kill);
}

#[cfg(unix)]
fn kill(leader: rustix::process::Pid) {
    // An error: nobody is left.
    let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    #[test]
    fn programs_are_found_where_the_system_finds_them() {
        // survives W19
        use super::find;
        use std::path::Path;
        assert!(find(Path::new("sh")).is_ok_and(|found| found.is_absolute()));
        assert!(find(Path::new("/bin/sh")).is_ok());
        for (nothing, said) in [
            ("", "no such program"),
            ("no-such-program-anywhere", "no such program"),
            ("./no-such-program", "no such program"),
            ("/", "no file"),
            // Tests run in the crate's folder.
            ("Cargo.toml", "./"),
            ("./Cargo.toml", "chmod +x"),
        ] {
            assert!(find(Path::new(nothing)).is_err_and(|why| why.contains(said)), "{nothing}");
        }
    }
}
