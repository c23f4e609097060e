//! The provider that the options of `satkeeper run` describe.

use satkeeper::Builder;

use crate::exec_provider::ExecProvider;
use crate::exit::Failure;
use crate::run_args::{ProviderKind, RunArgs};
use crate::secrets::Places;

/// Who exchanges embed tokens where nobody else is named.
const EMBED_URL: &str = "embeds.signalwire.com";

/// Adds the provider to a session that is being set up.
///
/// # Errors
/// An option is missing or belongs to another provider, a secret cannot be had.
pub(crate) fn choose(builder: Builder, args: &RunArgs) -> Result<Builder, Failure> {
    refuse_strays(args)?;
    Ok(match args.provider {
        ProviderKind::Static => {
            let token =
                Places { name: "token", given: args.token.as_deref(), file: args.token_file.as_deref() };
            builder.static_token(token.read()?.expose())
        }
        ProviderKind::Subscriber => {
            let api_token = Places {
                name: "api-token",
                given: args.api_token.as_deref(),
                file: args.api_token_file.as_deref(),
            };
            let space = needed("space-url", args.space_url.as_deref())?;
            let project = needed("project", args.project.as_deref())?;
            let reference = needed("reference", args.reference.as_deref())?;
            builder.subscriber(space, project, api_token.read()?.expose(), reference)
        }
        ProviderKind::Embed => {
            let token = Places {
                name: "embed-token",
                given: args.embed_token.as_deref(),
                file: args.embed_token_file.as_deref(),
            };
            builder.embed(token.read()?.expose(), args.embed_url.as_deref().unwrap_or(EMBED_URL))
        }
        ProviderKind::Exec => {
            let Some(command) = &args.command else { return Err(missing("command")) };
            let shows_errors = args.verbose > 0;
            builder.provider(ExecProvider::new(
                command,
                &args.args,
                !args.no_refresh,
                args.repeatable,
                shows_errors,
            )?)
        }
    })
}

fn needed<'a>(option: &str, value: Option<&'a str>) -> Result<&'a str, Failure> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| missing(option))
}

fn missing(option: &str) -> Failure {
    Failure::usage(format!("--{option} is missing: this provider needs it (see `satkeeper run --help`)"))
}

/// An option of another provider is a mistake that would otherwise be found out much later. What may come from
/// the environment is not judged: it may be there for another day.
fn refuse_strays(args: &RunArgs) -> Result<(), Failure> {
    use ProviderKind::{Embed, Exec, Static, Subscriber};
    for (option, owner, is_given) in [
        ("token", Static, args.token.is_some()),
        ("token-file", Static, args.token_file.is_some()),
        ("api-token", Subscriber, args.api_token.is_some()),
        ("api-token-file", Subscriber, args.api_token_file.is_some()),
        ("embed-token", Embed, args.embed_token.is_some()),
        ("embed-token-file", Embed, args.embed_token_file.is_some()),
        ("command", Exec, args.command.is_some()),
        ("arg", Exec, !args.args.is_empty()),
        ("no-refresh", Exec, args.no_refresh),
        ("repeatable", Exec, args.repeatable),
    ] {
        if is_given && owner != args.provider {
            return Err(Failure::usage(format!("--{option} does not belong to this --provider")));
        }
    }
    Ok(())
}
