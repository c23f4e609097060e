//! The provider that the options of `satkeeper run` describe.

use std::path::Path;

use satkeeper::core::session::Provider;
use satkeeper::core::wire::rest::Space;
use satkeeper::core::wire::url::{Plain, SecureUrl};
use satkeeper::{Builder, CreateSubscriberToken, Credential, GuestToken, Secret, SessionError};

use crate::exec_provider::ExecProvider;
use crate::exit::Failure;
use crate::run_args::{ProviderKind, RunArgs};
use crate::secrets::{Found, Kind, Places};

/// Who exchanges embed tokens where nobody else is named.
const EMBED_URL: &str = "embeds.signalwire.com";

/// Who brings tokens, in order and ready for use.
pub(crate) enum Chosen {
    /// One that the session implements itself.
    Builtin {
        provider: Provider,
        /// Its secret, and the file that it came from.
        found: Found,
    },
    /// A program.
    Exec(ExecProvider),
}

impl Chosen {
    /// Adds it to a session that is being set up.
    pub(crate) fn add_to(self, builder: Builder) -> Builder {
        match self {
            Self::Builtin { provider, .. } => builder.builtin_provider(provider),
            Self::Exec(provider) => builder.provider(provider),
        }
    }
}

/// Chooses it; nothing is sent.
///
/// # Errors
/// Options are missing or belong to another provider, a secret or a program cannot be had.
pub(crate) fn choose(args: &RunArgs) -> Result<Chosen, Failure> {
    refuse_strays(args)?;
    let mut missing = missing(args);
    let Some(places) = secret(args) else {
        refuse_missing(args, &missing)?;
        let (can_refresh, shows_errors) = (!args.no_refresh, args.verbose > 0);
        let command = args.command.as_deref().unwrap_or(Path::new(""));
        let program = ExecProvider::new(command, &args.args, can_refresh, args.repeatable, shows_errors)?;
        return Ok(Chosen::Exec(program));
    };
    if !places.is_given() {
        missing.push(places.hint());
    }
    refuse_missing(args, &missing)?;
    let found = places.find()?;
    Ok(Chosen::Builtin { provider: builtin(args, &found.secret)?, found })
}

/// Where the secret of this provider may be, if it has one.
pub(crate) fn secret(args: &RunArgs) -> Option<Places<'_>> {
    let (name, kind, given, file) = match args.provider {
        ProviderKind::Static => ("token", Kind::Sat, &args.token, &args.token_file),
        ProviderKind::Subscriber | ProviderKind::Guest => {
            ("api-token", Kind::Opaque, &args.api_token, &args.api_token_file)
        }
        ProviderKind::Embed => ("embed-token", Kind::Opaque, &args.embed_token, &args.embed_token_file),
        ProviderKind::Exec => return None,
    };
    Some(Places { name, kind, given: given.as_deref(), file: file.as_deref() })
}

/// The provider with this secret; for one that has none, what a static one would be.
///
/// # Errors
/// An option is no good.
pub(crate) fn builtin(args: &RunArgs, secret: &Secret) -> Result<Provider, Failure> {
    Ok(match args.provider {
        ProviderKind::Static | ProviderKind::Exec => Provider::Static(Credential::new(secret.clone())),
        ProviderKind::Subscriber => {
            let (space, reference) = (space(args, secret)?, args.reference.clone().unwrap_or_default());
            let request = Box::new(CreateSubscriberToken { reference, ..CreateSubscriberToken::default() });
            request.request(&space).map_err(|error| refused(&error))?;
            Provider::Subscriber { space, request }
        }
        ProviderKind::Guest => {
            let space = space(args, secret)?;
            let request = GuestToken { allowed_addresses: args.addresses.clone(), ..GuestToken::default() };
            request.request(&space).map_err(|error| refused(&error))?;
            Provider::Guest { space, request }
        }
        ProviderKind::Embed => {
            let host = args.embed_url.as_deref().unwrap_or(EMBED_URL);
            Provider::Embed { token: secret.clone(), host: url("embed-url", host, Scheme::Http, args)? }
        }
    })
}

fn space(args: &RunArgs, api_token: &Secret) -> Result<Space, Failure> {
    let url = url("space-url", args.space_url.as_deref().unwrap_or_default(), Scheme::Http, args)?;
    Space::new(url, args.project.as_deref().unwrap_or_default(), api_token).map_err(|error| refused(&error))
}

/// Names the option in place of the field on the wire.
fn refused(error: &SessionError) -> Failure {
    let SessionError::InvalidField { field, reason } = error else {
        return Failure::usage(error.to_string());
    };
    let option = match *field {
        "project_id" => "--project",
        "api_token" => "the API token",
        "reference" => "--reference",
        "allowed_addresses" => "--address",
        other => other,
    };
    Failure::usage(format!("{option}: {reason}"))
}

/// What a URL is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    WebSocket,
}

/// Judges a URL. Spaces and embed hosts may be bare names.
///
/// # Errors
/// Says what is wrong with it, and with which option.
pub(crate) fn url(option: &str, text: &str, scheme: Scheme, args: &RunArgs) -> Result<SecureUrl, Failure> {
    let refused = |why: &str| Failure::usage(format!("--{option}: {why}"));
    let is_bare = !text.contains("://") && matches!(option, "space-url" | "embed-url");
    let whole = if is_bare { format!("https://{text}") } else { text.to_owned() };
    let plain = if args.allow_plain { Plain::Loopback } else { Plain::Never };
    let url =
        SecureUrl::parse(&whole, plain).map_err(|error| refused(&told(option, &whole, args, &error)))?;
    match (scheme, url.is_websocket()) {
        (Scheme::Http, true) => Err(refused("the URL is refused: it is not https (or http)")),
        (Scheme::WebSocket, false) => Err(refused("the URL is refused: it is not wss (or ws)")),
        _ => Ok(url),
    }
}

/// What is wrong with a URL, and what to do about it where something can be done.
fn told(option: &str, url: &str, args: &RunArgs, error: &SessionError) -> String {
    let is_plain = |url: &str| SecureUrl::parse(url, Plain::Loopback).is_ok_and(|url| !url.is_encrypted());
    let told = error.to_string();
    if !args.allow_plain && is_plain(url) {
        return format!("{told}. On a loopback address, as here, --allow-plain accepts it as it is");
    }
    if !url.contains("://") {
        let scheme = if option == "relay-url" { "wss" } else { "https" };
        return format!("{told}; write it as {scheme}://{url}");
    }
    if is_plain(&url.replacen("://localhost", "://127.0.0.1", 1)) {
        let and = if args.allow_plain { "" } else { " and give --allow-plain" };
        return format!("{told}. For a server on this machine write 127.0.0.1 in place of localhost{and}");
    }
    told
}

/// The options that this provider needs and that were not given, as they are to be written. Its secret is not
/// among them.
fn missing(args: &RunArgs) -> Vec<String> {
    let text = |value: &Option<String>| value.as_ref().is_some_and(|value| !value.is_empty());
    let project = [
        ("--space-url NAME (such as example.signalwire.com)", text(&args.space_url)),
        ("--project ID", text(&args.project)),
    ];
    let wanted = match args.provider {
        ProviderKind::Static | ProviderKind::Embed => Vec::new(),
        ProviderKind::Subscriber => [&project[..], &[("--reference NAME", text(&args.reference))]].concat(),
        ProviderKind::Guest => [&project[..], &[("--address ID", !args.addresses.is_empty())]].concat(),
        ProviderKind::Exec => {
            let command = args.command.as_ref().is_some_and(|command| !command.as_os_str().is_empty());
            vec![("--command PROGRAM", command)]
        }
    };
    wanted.into_iter().filter(|(_, is_there)| !is_there).map(|(option, _)| option.to_owned()).collect()
}

/// All at once: nobody wants to be told of them one by one.
fn refuse_missing(args: &RunArgs, missing: &[String]) -> Result<(), Failure> {
    if missing.is_empty() {
        return Ok(());
    }
    let provider = args.provider.name();
    Err(Failure::usage(format!("--provider {provider} also needs {}", listed(missing, "and"))))
}

/// `a, b and c`.
fn listed(words: &[String], last: &str) -> String {
    match words {
        [] => String::new(),
        [word] => word.clone(),
        [words @ .., word] => format!("{} {last} {word}", words.join(", ")),
    }
}

/// An option of another provider is a mistake that would otherwise be found out much later. What comes from the
/// environment is not judged: it may be there for another day.
fn refuse_strays(args: &RunArgs) -> Result<(), Failure> {
    use ProviderKind::{Embed, Exec, Guest, Static, Subscriber};
    let mut strays = Vec::new();
    for (option, owners) in [
        ("token", &[Static][..]),
        ("token-file", &[Static]),
        ("space-url", &[Subscriber, Guest]),
        ("project", &[Subscriber, Guest]),
        ("api-token", &[Subscriber, Guest]),
        ("api-token-file", &[Subscriber, Guest]),
        ("reference", &[Subscriber]),
        ("address", &[Guest]),
        ("embed-token", &[Embed]),
        ("embed-token-file", &[Embed]),
        ("embed-url", &[Embed]),
        ("command", &[Exec]),
        ("arg", &[Exec]),
        ("no-refresh", &[Exec]),
        ("repeatable", &[Exec]),
    ] {
        if args.given.contains(option) && !owners.contains(&args.provider) {
            let owners: Vec<String> = owners.iter().map(|owner| owner.name().to_owned()).collect();
            strays.push(format!("--{option} is for --provider {}", listed(&owners, "or")));
        }
    }
    if strays.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(format!("{}, not for {}", strays.join("; "), args.provider.name())))
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn a_list_in_words() {
        let words = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(listed(&words, "and"), "a, b and c");
        assert_eq!(listed(&words[..1], "and"), "a");
        assert_eq!(listed(&[], "and"), "");
    }
}
