//! Secrets from the command line, files and the environment. They are never printed, not even in part.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use satkeeper::Secret;
use zeroize::Zeroizing;

use crate::exit::Failure;

/// Most that is read of a file: no token is longer.
const MOST: u64 = 64 * 1024;

/// The places where one secret may be: `--NAME`, `--NAME-file`, `SATKEEPER_NAME`, `SATKEEPER_NAME_FILE`, in this
/// order.
pub(crate) struct Places<'a> {
    /// As in `--api-token`.
    pub(crate) name: &'static str,
    pub(crate) given: Option<&'a str>,
    pub(crate) file: Option<&'a Path>,
}

impl Places<'_> {
    /// The secret.
    ///
    /// # Errors
    /// It is nowhere, a file cannot be read, or what is there can be no token.
    pub(crate) fn read(&self) -> Result<Secret, Failure> {
        self.read_from(|name| std::env::var_os(name))
    }

    fn read_from(&self, environment: impl Fn(&str) -> Option<OsString>) -> Result<Secret, Failure> {
        let variable = format!("SATKEEPER_{}", self.name.to_ascii_uppercase().replace('-', "_"));
        let file_variable = format!("{variable}_FILE");
        if let Some(given) = self.given {
            return checked(given, &format!("--{}", self.name));
        }
        if let Some(file) = self.file {
            return from_file(file, &format!("--{}-file", self.name));
        }
        if let Some(value) = environment(&variable) {
            let value = value.into_string().map(Zeroizing::new);
            let value = value.map_err(|_| Failure::usage(format!("{variable} is not UTF-8")))?;
            return checked(&value, &variable);
        }
        if let Some(path) = environment(&file_variable) {
            return from_file(&PathBuf::from(path), &file_variable);
        }
        let name = self.name;
        Err(Failure::usage(format!(
            "a secret is missing: give it in {variable}, or in a file with --{name}-file"
        )))
    }
}

fn from_file(path: &Path, from: &str) -> Result<Secret, Failure> {
    let failed = |why: String| Failure::usage(format!("{from} {}: {why}", path.display()));
    let mut text = Zeroizing::new(String::new());
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(MOST + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MOST + 1).read_to_string(&mut text))
    };
    match read {
        Ok(bytes) if bytes as u64 > MOST => Err(failed("it is longer than 64 KiB".to_owned())),
        Ok(_) => checked(&text, &format!("{from} {}", path.display())),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Editors and `echo` leave a line end behind; anything else that is no token is refused without being shown.
fn checked(text: &str, from: &str) -> Result<Secret, Failure> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::usage(format!("{from} is empty")));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::usage(format!("{from} has blanks or characters that no token has (not shown)")));
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::Places;
    use std::path::Path;

    const NOWHERE: Places<'_> = Places { name: "api-token", given: None, file: None };

    #[test]
    fn the_command_line_wins_over_the_environment() {
        let environment = |name: &str| match name {
            "SATKEEPER_API_TOKEN" => Some("from-env\n".into()),
            _ => None,
        };
        assert_eq!(NOWHERE.read_from(environment).unwrap().expose(), "from-env");
        let given = Places { given: Some("given"), ..NOWHERE };
        assert_eq!(given.read_from(environment).unwrap().expose(), "given");
    }

    #[test]
    fn refusals_name_the_place_and_not_the_secret() {
        let missing = NOWHERE.read_from(|_| None).err().unwrap().to_string();
        assert!(missing.contains("SATKEEPER_API_TOKEN") && missing.contains("--api-token-file"), "{missing}");
        for bad in ["canary one", "canary\u{e9}", "canary\u{0}x"] {
            let refused =
                Places { given: Some(bad), ..NOWHERE }.read_from(|_| None).err().unwrap().to_string();
            assert!(refused.contains("--api-token") && !refused.contains("canary"), "{refused}");
        }
        for empty in ["", " \n"] {
            assert!(Places { given: Some(empty), ..NOWHERE }.read_from(|_| None).is_err());
        }
        let gone = Places { file: Some(Path::new("/nowhere/at/all")), ..NOWHERE };
        assert!(gone.read_from(|_| None).err().unwrap().to_string().contains("/nowhere/at/all"));
    }
}
