//! Secrets from the command line, files and the environment. They are never printed, not even in part.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use satkeeper::Secret;
use satkeeper::core::wire::sat::SatHeader;
use zeroize::Zeroizing;

use crate::causes::cause;
use crate::exit::Failure;
use crate::terminal::{Line, Terminal, Tone};

/// Most that is read of a file: no token is longer.
const MOST: u64 = 64 * 1024;

/// The places where one secret may be: `--NAME`, `--NAME-file`, `SATKEEPER_NAME`, `SATKEEPER_NAME_FILE`, in this
/// order. An empty variable is as good as none: a template may have left it so.
pub(crate) struct Places<'a> {
    /// As in `--api-token`.
    pub(crate) name: &'static str,
    /// What has to be there.
    pub(crate) kind: Kind,
    pub(crate) given: Option<&'a str>,
    pub(crate) file: Option<&'a Path>,
}

/// The one that counts.
enum Place<'a> {
    /// `--NAME`.
    Given(&'a str),
    /// A file, and what names it.
    File(Cow<'a, Path>, String),
    /// A variable, and its name.
    Variable(OsString, String),
    Nowhere,
}

/// What a secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A token of a subscriber, whose header can be read.
    Sat,
    /// Anything that a server may have made up.
    Opaque,
}

/// A secret, and the file that it came from: what is there may change.
pub(crate) struct Found {
    pub(crate) secret: Secret,
    pub(crate) file: Option<PathBuf>,
}

impl<'a> Places<'a> {
    /// Whether there is anything in any of them. Nothing is read.
    pub(crate) fn is_given(&self) -> bool {
        !matches!(self.place(in_environment), Place::Nowhere)
    }

    /// Whether standard input is waited for.
    pub(crate) fn is_standard_input(&self) -> bool {
        matches!(self.place(in_environment), Place::File(path, _) if *path == *Path::new("-"))
    }

    /// The secret.
    ///
    /// # Errors
    /// It is nowhere, a file cannot be read, or what is there can be no such secret.
    pub(crate) fn find(&self) -> Result<Found, Failure> {
        self.find_in(in_environment)
    }

    /// Where to put it, for who has given it nowhere.
    pub(crate) fn hint(&self) -> String {
        let [variable, _] = self.variables();
        format!("{variable} in the environment (or a file with it: --{}-file FILE)", self.name)
    }

    /// Those of the secret itself and of a file with it.
    fn variables(&self) -> [String; 2] {
        let variable = format!("SATKEEPER_{}", self.name.to_ascii_uppercase().replace('-', "_"));
        let file_variable = format!("{variable}_FILE");
        [variable, file_variable]
    }

    fn find_in(&self, environment: impl Fn(&str) -> Option<OsString>) -> Result<Found, Failure> {
        match self.place(environment) {
            Place::Given(given) => self.checked(given, &format!("--{}", self.name)).map(fixed),
            Place::File(path, from) => self.in_file(&path, &from),
            Place::Variable(value, from) => {
                let value = value.into_string().map(Zeroizing::new);
                let value = value.map_err(|_| Failure::usage(format!("{from} is not UTF-8")))?;
                self.checked(&value, &from).map(fixed)
            }
            Place::Nowhere => Err(Failure::usage(format!("a secret is missing: {}", self.hint()))),
        }
    }

    fn place(&self, environment: impl Fn(&str) -> Option<OsString>) -> Place<'a> {
        let [variable, file_variable] = self.variables();
        let set = |name: &str| environment(name).filter(|value| !value.is_empty());
        if let Some(given) = self.given {
            return Place::Given(given);
        }
        if let Some(file) = self.file {
            return Place::File(Cow::Borrowed(file), format!("--{}-file", self.name));
        }
        if let Some(value) = set(&variable) {
            return Place::Variable(value, variable);
        }
        if let Some(path) = set(&file_variable) {
            return Place::File(Cow::Owned(path.into()), file_variable);
        }
        Place::Nowhere
    }

    fn in_file(&self, path: &Path, from: &str) -> Result<Found, Failure> {
        let is_stdin = path == Path::new("-");
        let text = if is_stdin { read_stdin(self.name) } else { read(path) };
        let text = text.map_err(|why| Failure::usage(format!("{from} {}: {why}", path.display())))?;
        let secret = self.checked(&text, &format!("{from} {}", path.display()))?;
        Ok(Found { secret, file: (!is_stdin).then(|| path.to_owned()) })
    }

    /// The secret that is in a file now.
    ///
    /// # Errors
    /// It cannot be read, or what is there can be no such secret.
    pub(crate) fn read_again(&self, path: &Path) -> Result<Secret, Failure> {
        self.in_file(path, "").map(|found| found.secret)
    }

    /// Editors and `echo` leave a line end behind; anything else that cannot be meant is refused without being
    /// shown.
    fn checked(&self, text: &str, from: &str) -> Result<Secret, Failure> {
        let text = text.trim();
        let refused = |why: &str| Err(Failure::usage(format!("{from} {why}").trim_start().to_owned()));
        if text.is_empty() {
            return refused("is empty");
        }
        if text.starts_with(['{', '"', '[']) {
            return refused("holds JSON; the token alone is wanted, without quotes (jq -r .token)");
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refused("has blanks or characters that no token has (not shown)");
        }
        let secret = Secret::new(text);
        if self.kind == Kind::Sat
            && let Err(error) = SatHeader::decode(&secret)
        {
            let why = match text.get(..4) {
                Some("c2c_" | "c2t_") => "is a click-to-call token: use --provider embed".to_owned(),
                _ if text.starts_with("PT") => {
                    "looks like an API token: it mints tokens with --provider subscriber".to_owned()
                }
                _ => format!("holds no subscriber access token: {}", cause(&error)),
            };
            return refused(&why);
        }
        Ok(secret)
    }
}

fn in_environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

const fn fixed(secret: Secret) -> Found {
    Found { secret, file: None }
}

fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    std::fs::File::open(path).map_err(|error| error.to_string()).and_then(drain)
}

fn read_stdin(name: &str) -> Result<Zeroizing<String>, String> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let text = format!("type or paste the {}, then Enter and Ctrl-D:", name.replace('-', " "));
        Terminal::stderr().line(&Line::new().with(Tone::Faint, text));
    }
    drain(stdin.lock())
}

fn drain(from: impl std::io::Read) -> Result<Zeroizing<String>, String> {
    let mut text = Zeroizing::new(String::new());
    match from.take(MOST + 1).read_to_string(&mut text) {
        Ok(bytes) if bytes as u64 > MOST => Err("it is longer than 64 KiB".to_owned()),
        Ok(_) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err("it is no text".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Places};
    use crate::exit::Failure;
    use std::ffi::OsString;
    use std::path::Path;

    const NOWHERE: Places<'_> = Places { name: "api-token", kind: Kind::Opaque, given: None, file: None };

    fn found(places: &Places<'_>, environment: impl Fn(&str) -> Option<OsString>) -> String {
        places.find_in(environment).ok().map(|found| found.secret.expose().to_owned()).unwrap_or_default()
    }

    fn refusal(places: &Places<'_>) -> String {
        places.find_in(|_| None).err().as_ref().map(Failure::to_string).unwrap_or_default()
    }

    #[test]
    fn the_command_line_wins_over_the_environment() {
        let environment = |name: &str| match name {
            "SATKEEPER_API_TOKEN" => Some("from-env\n".into()),
            _ => None,
        };
        assert_eq!(found(&NOWHERE, environment), "from-env");
        let given = Places { given: Some("given"), ..NOWHERE };
        assert_eq!(found(&given, environment), "given");
        assert!(NOWHERE.find_in(|_| None).is_err());
    }

    // survives W21
    #[test]
    fn an_empty_variable_is_as_good_as_none() {
        let file = std::env::temp_dir().join(format!("satkeeper-secret-{}", std::process::id()));
        std::fs::write(&file, "from-file").unwrap();
        let environment = |name: &str| match name {
            "SATKEEPER_API_TOKEN" => Some("".into()),
            "SATKEEPER_API_TOKEN_FILE" => Some(file.clone().into()),
            _ => None,
        };
        assert_eq!(found(&NOWHERE, environment), "from-file");
        std::fs::remove_file(&file).unwrap();
        let refused = NOWHERE.find_in(|_| Some("".into())).err().as_ref().map(Failure::to_string);
        assert!(refused.is_some_and(|refused| refused.contains("missing")));
    }

    #[test]
    fn refusals_name_the_place_and_not_the_secret() {
        let hint = NOWHERE.hint();
        assert!(hint.contains("SATKEEPER_API_TOKEN") && hint.contains("--api-token-file"), "{hint}");
        for bad in ["canary one", "canary\u{e9}", "canary\u{0}x", "{\"token\": \"canary\"}", "\"canary\""] {
            let refused = refusal(&Places { given: Some(bad), ..NOWHERE });
            assert!(refused.contains("--api-token") && !refused.contains("canary"), "{refused}");
        }
        for empty in ["", " \n"] {
            assert_eq!(refusal(&Places { given: Some(empty), ..NOWHERE }), "--api-token is empty");
        }
        let gone = Places { file: Some(Path::new("/nowhere/at/all")), ..NOWHERE };
        assert!(refusal(&gone).contains("/nowhere/at/all"));
    }

    #[test]
    fn what_is_no_subscriber_access_token_is_told_apart() {
        let token = Places { name: "token", kind: Kind::Sat, ..NOWHERE };
        for (bad, said) in [
            ("c2c_canary", "--provider embed"),
            ("canary", "neither a compact JWE"),
            ("PT0canary", "--provider subscriber"),
            ("c.a.n.a.ry", "header"),
            ("{\"token\": \"canary\"}", "jq -r .token"),
        ] {
            let refused = refusal(&Places { given: Some(bad), ..token });
            assert!(refused.starts_with("--token ") && refused.contains(said), "{refused}");
            assert!(!refused.contains("canary"), "{refused}");
        }
        assert_eq!(found(&Places { given: Some("e30.a.b.c.d"), ..token }, |_| None), "e30.a.b.c.d");
    }
}
