//! What a session is resumed with, and what a reauthenticate must name.

use alloc::string::String;

use crate::secret::Secret;
use crate::session::record::{Contents, Text};
use crate::wire::connect::{Authorization, ResumeState};

/// Most bytes of each field that the session is resumed with, and so of what a server can make the record hold. What is
/// larger is no state: no server needs more, and a record must never outgrow its store.
const MOST: usize = 16 * 1024;

/// All of it stands in the record.
#[derive(Default)]
pub(crate) struct Resume {
    state: Option<Secret>,
    protocol: Option<String>,
    project: String,
}

/// A field is too large to be kept.
pub(crate) struct TooLarge;

impl Resume {
    pub(crate) fn restored(written: &Contents) -> Self {
        Self {
            state: written.state.clone().map(|Text(state)| state),
            protocol: written.protocol.clone(),
            project: written.project.clone(),
        }
    }

    pub(crate) fn write(&self, contents: &mut Contents) {
        contents.state = self.state.clone().map(Text);
        contents.protocol.clone_from(&self.protocol);
        contents.project.clone_from(&self.project);
    }

    pub(crate) fn parts(&self) -> Option<ResumeState> {
        let (state, protocol) = (self.state.clone()?, self.protocol.clone()?);
        Some(ResumeState { authorization_state: state, protocol })
    }

    pub(crate) fn project(&self) -> &str {
        &self.project
    }

    pub(crate) const fn state(&self) -> Option<&Secret> {
        self.state.as_ref()
    }

    pub(crate) fn is_channel(&self, protocol: Option<&String>) -> bool {
        self.protocol.as_ref() == protocol
    }

    pub(crate) fn fits(state: &Secret) -> bool {
        state.len() <= MOST
    }

    /// The newest state wins. Whether the session can be resumed with it.
    pub(crate) fn keep_state(&mut self, state: Secret) -> bool {
        self.state = Some(state);
        self.protocol.is_some()
    }

    /// The name of the channel that a connect has told.
    pub(crate) fn keep_protocol(&mut self, protocol: Option<&String>) -> Result<(), TooLarge> {
        if protocol.is_some_and(|protocol| protocol.len() > MOST) {
            return Err(TooLarge);
        }
        self.protocol = protocol.cloned();
        Ok(())
    }

    pub(crate) fn learn_project(&mut self, authorization: Option<&Authorization>) {
        let named = authorization.and_then(|it| it.project_id.as_ref());
        if let Some(project) = named.filter(|project| project.len() <= MOST) {
            self.project.clone_from(project);
        }
    }

    /// The next connect begins anew. The project stays what it was.
    pub(crate) fn forget(&mut self) {
        self.state = None;
        self.protocol = None;
    }
}
