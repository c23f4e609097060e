//! [`satkeeper_core::session::Session`] as a client: what it sends is read as what it asks for, and what the world answers
//! is written as SignalWire writes it.
//!
//! | file | what it holds |
//! |---|---|
//! | `numbers`, `keys` | tokens, secrets, proofs and keys as bytes |
//! | `asked`, `answered` | requests and frames read; answers written |
//! | `told` | its events |
//! | `setup`, `application` | the application around it, and its provider |
//! | `host`, `server` | what is remembered on either side |

mod answered;
mod application;
mod asked;
mod host;
mod keys;
mod numbers;
mod server;
mod setup;
mod told;

use std::collections::{BTreeMap, VecDeque};

use satkeeper_core::Now;
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::{self as core_lifecycle, SocketId};
use satkeeper_core::session::{ProviderCall, ProviderError, RequestId, Session, SessionInput, SessionOutput};
use satkeeper_core::wire::http::HttpRequest;
use serde_json::{Value, json};

use super::{Ask, AskId, Client, Clocks, Heard, News, Phase, Reply, Serial, Socket, Tell, drawn};
use crate::timeline::Ms;
use crate::world::{Facts, User};
use application::{Application, Refresh};
use host::Host;
use server::Server;

/// A session and its host.
pub struct SessionClient {
    facts: Facts,
    seed: u64,
    session: Session,
    wake_at: Option<Ms>,
    /// Grows over processes.
    next_ask: AskId,
    open: BTreeMap<AskId, Waits>,
    processes: u64,
    /// A new process counts its sockets anew: what its numbers are ahead by.
    sockets_before: Socket,
    newest_socket: Socket,
    host: Host,
    application: Application,
    server: Server,
}

/// Who waits for an answer.
#[derive(Debug)]
enum Waits {
    /// An HTTP request: about a token; `binds`: to the key of this thumbprint is bound what comes.
    Http { id: RequestId, about: Option<Serial>, binds: Option<String> },
    /// A function of the application's provider.
    Provider { id: RequestId, refresh: bool, binds: Option<String> },
    /// A socket that opens.
    Opening(SocketId),
    /// A request on a socket.
    Frame { socket: SocketId, id: String, ask: Ask },
    /// A record that is written (or erased).
    Store(RequestId),
}

impl SessionClient {
    /// A session that has not started.
    #[must_use]
    pub fn new(facts: &Facts, seed: u64) -> Self {
        Self {
            facts: *facts,
            seed,
            session: Session::new(setup::config(facts, None), drawn(seed, 0)),
            wake_at: None,
            next_ask: 1,
            open: BTreeMap::new(),
            processes: 0,
            sockets_before: 0,
            newest_socket: 0,
            host: Host::default(),
            application: Application::default(),
            server: Server::default(),
        }
    }

    /// A [`Maker`](super::Maker).
    #[must_use]
    pub fn boxed(facts: &Facts, seed: u64) -> Box<dyn Client> {
        Box::new(Self::new(facts, seed))
    }

    /// Another process begins, with what the host has kept.
    fn restart(&mut self, now: Clocks) {
        self.processes += 1;
        self.open.clear();
        self.sockets_before = self.newest_socket;
        self.application.restarts();
        let config = setup::config(&self.facts, self.host.key);
        let seed = drawn(self.seed, self.processes);
        self.session = match self.host.found() {
            Some(record) => Session::restore(config, seed, &record, Now::new(now.tick, now.unix)),
            None => Session::new(config, seed),
        };
    }

    /// One input, and all that can be answered on the spot.
    fn feed(&mut self, now: Clocks, input: SessionInput, heard: &mut Heard) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let step = self.session.step(Now::new(now.tick, now.unix), input);
            self.wake_at = step.wake_at.map(|(tick, _)| tick.0);
            for output in step.outputs {
                if let Some(answer) = self.carry_out(output, heard) {
                    inputs.push_back(answer);
                }
            }
        }
    }

    /// What the session wants. Returns the answer, where that is the host's or the application's own.
    fn carry_out(&mut self, output: SessionOutput, heard: &mut Heard) -> Option<SessionInput> {
        match output {
            SessionOutput::Request { id, request, .. } => self.request(id, &request, heard),
            SessionOutput::AskProvider { id, call, .. } => return self.provider(id, call, heard),
            SessionOutput::Open { socket, .. } => {
                let number = self.number(socket);
                self.ask(Ask::Open(number), Some(Waits::Opening(socket)), heard);
            }
            SessionOutput::Send { socket, text } => {
                let (ask, id) = asked::frame(self.number(socket), text.expose());
                let waits = id.map(|id| Waits::Frame { socket, id, ask });
                self.ask(ask, waits, heard);
            }
            SessionOutput::Close { socket } => {
                let number = self.number(socket);
                self.ask(Ask::Close(number), None, heard);
            }
            SessionOutput::MakeKey { id, algorithm, .. } => {
                if self.facts.durable {
                    self.host.key = Some(algorithm);
                }
                return Some(SessionInput::Key { id, result: keys::key(algorithm) });
            }
            SessionOutput::Persist { id, record, .. } => {
                self.host.writes(self.next_ask, Some(&record));
                self.ask(Ask::Write, Some(Waits::Store(id)), heard);
            }
            SessionOutput::Erase { id, .. } => {
                self.host.writes(self.next_ask, None);
                self.ask(Ask::Write, Some(Waits::Store(id)), heard);
            }
            SessionOutput::Tell(event) => {
                let in_force = self.session.credential();
                let serial = in_force.and_then(|it| numbers::serial(it.token.expose()));
                heard.tells.push(told::tell(&event, serial));
            }
            SessionOutput::Settled { result, .. } => {
                heard.tells.push(if result.is_ok() { Tell::Settled } else { Tell::Failed });
            }
            // No key of these is an external signer's; calls, and what comes of them, no world has.
            _ => {}
        }
        None
    }

    fn ask(&mut self, ask: Ask, waits: Option<Waits>, heard: &mut Heard) {
        let id = self.next_ask();
        heard.asks.push((id, ask));
        if let Some(waits) = waits {
            self.open.insert(id, waits);
        }
    }

    fn next_ask(&mut self) -> AskId {
        let id = self.next_ask;
        self.next_ask += 1;
        id
    }

    fn request(&mut self, id: RequestId, request: &HttpRequest, heard: &mut Heard) {
        let ask = asked::request(request);
        let (about, binds) = match ask {
            Ask::Inspect(token) => (Some(token), None),
            Ask::Activate(token, _) | Ask::Renew(token, _) => (Some(token), asked::signing_key(request)),
            // A token that was asked for with a fingerprint is bound to that key, if it can be bound at all.
            Ask::Mint => (None, asked::fingerprint(request).filter(|_| self.facts.scope)),
            _ => (None, None),
        };
        self.ask(ask, Some(Waits::Http { id, about, binds }), heard);
    }

    fn provider(&mut self, id: RequestId, call: ProviderCall, heard: &mut Heard) -> Option<SessionInput> {
        let (ask, refresh, binds) = match call {
            ProviderCall::Authenticate { fingerprint } => {
                (Ask::Mint, false, fingerprint.filter(|_| self.facts.scope))
            }
            ProviderCall::Refresh { .. } => {
                let ask = match self.application.refresh(id) {
                    Refresh::Asks(secret) => Ask::Refresh { secret },
                    Refresh::Waits => return None,
                    Refresh::InDoubt if self.facts.can_mint_again => {
                        self.ask(Ask::Mint, Some(Waits::Provider { id, refresh: false, binds: None }), heard);
                        return None;
                    }
                    Refresh::InDoubt => {
                        let message = "the refresh token may have been used, and there is no other";
                        let error = ProviderError::Rejected(message.to_owned());
                        return Some(SessionInput::Credential { id, result: Err(error) });
                    }
                };
                (ask, true, None)
            }
            #[cfg(not(november))]
            _ => return None,
        };
        self.ask(ask, Some(Waits::Provider { id, refresh, binds }), heard);
        None
    }

    fn number(&mut self, socket: SocketId) -> Socket {
        let number = self.sockets_before + socket.0 + 1;
        self.newest_socket = self.newest_socket.max(number);
        number
    }

    /// A socket of this process.
    fn socket(&self, number: Socket) -> Option<SocketId> {
        number.checked_sub(self.sockets_before + 1).map(SocketId)
    }

    /// What an answer says to the session: nothing, where nobody waits for it.
    fn answer(&mut self, now: Clocks, ask: AskId, reply: &Reply) -> Vec<SessionInput> {
        let Some(waits) = self.open.remove(&ask) else { return Vec::new() };
        match waits {
            Waits::Http { id, about, binds } => {
                self.server.learns(reply, binds);
                vec![SessionInput::Http { id, result: answered::http(reply, self.server.key_of(about)) }]
            }
            Waits::Provider { id, refresh, binds } => {
                self.server.learns(reply, binds);
                let others = self.application.learns(reply, refresh);
                let answer =
                    |id| SessionInput::Credential { id, result: application::credential(now, reply) };
                others.into_iter().chain([id]).map(answer).collect()
            }
            Waits::Opening(socket) => vec![host::opened(socket, reply)],
            Waits::Frame { socket, id, ask } => {
                let text = self.server.answers(&id, &ask, reply.result);
                text.map(|text| SessionInput::Frame { socket, text }).into_iter().collect()
            }
            Waits::Store(id) => {
                vec![SessionInput::Stored { id, result: self.host.answered(ask, reply) }]
            }
        }
    }

    /// A request of the server's, on a socket of this process.
    fn pushed(&mut self, socket: Socket, method: &str, params: &Value) -> Option<SessionInput> {
        let text = self.server.pushes(method, params);
        self.socket(socket).map(|socket| SessionInput::Frame { socket, text })
    }

    fn inputs(&mut self, now: Clocks, news: &News) -> Vec<SessionInput> {
        let input = match *news {
            News::Start => Some(SessionInput::Start),
            News::Restart => {
                self.restart(now);
                Some(SessionInput::Start)
            }
            News::Tick => Some(SessionInput::Tick),
            News::Answer(ask, ref reply) => return self.answer(now, ask, reply),
            News::SocketLost(socket) => {
                let error = Error::Transport { message: "the connection was reset".to_owned() };
                self.socket(socket).map(|socket| SessionInput::Closed { socket, error: Some(error) })
            }
            News::Disconnect { socket, restart } => {
                self.pushed(socket, "signalwire.disconnect", &json!({"restart": restart}))
            }
            News::State(socket) => {
                let params = self.server.state();
                self.pushed(socket, "signalwire.event", &params)
            }
            News::Ping(socket) => self.pushed(socket, "signalwire.ping", &json!({"payload": "ping"})),
            News::User(user) => self.user(user),
            News::Updates { token, says } => Some(SessionInput::UpdateToken {
                ask: core_lifecycle::AskId(self.next_ask()),
                credential: application::handed_on(now, token, says),
            }),
        };
        input.into_iter().collect()
    }
}

impl SessionClient {
    fn user(&mut self, user: User) -> Option<SessionInput> {
        Some(match user {
            User::Suspends => SessionInput::Suspend,
            User::Resumes => SessionInput::Resume,
            User::Disconnects => SessionInput::Disconnect,
            User::NetworkChanged => SessionInput::NetworkChanged,
            User::Refreshes => SessionInput::RefreshNow { ask: core_lifecycle::AskId(self.next_ask()) },
            User::WasRefused => SessionInput::Rejected {
                ask: core_lifecycle::AskId(self.next_ask()),
                generation: self.session.status().generation,
            },
            // What comes of it, if anything does, is `WasRefused`; the token of an update comes by itself.
            User::Calls | User::Updates { .. } => return None,
        })
    }
}

impl Client for SessionClient {
    fn hear(&mut self, now: Clocks, news: &News) -> Heard {
        let mut heard = Heard::default();
        for input in self.inputs(now, news) {
            self.feed(now, input, &mut heard);
        }
        heard.wake_at = self.wake_at;
        heard
    }

    fn kept(&mut self, write: AskId) {
        self.host.kept(write);
    }

    fn phase(&self) -> Phase {
        match self.session.status().phase {
            core_lifecycle::Phase::Live => Phase::Live,
            core_lifecycle::Phase::Suspended => Phase::Suspended,
            core_lifecycle::Phase::Over(_) => Phase::Over,
            _ => Phase::Away,
        }
    }

    /// Of November it is `std::time::Instant`, which does not on Linux and macOS.
    fn tick_counts_sleep(&self) -> bool {
        cfg!(not(november))
    }

    fn name(&self) -> &'static str {
        "session"
    }
}

#[cfg(test)]
mod tests;
