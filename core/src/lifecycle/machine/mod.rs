//! What changes. It asks the parts for facts and hands those on; what touches three parts or more stands here, in one file for
//! each kind of input, answer and act. Every file calls only those below it: effects and closing last.

mod acceptance;
mod act;
mod announcing;
mod answers;
mod arrivals;
mod asks;
mod closing;
mod connecting;
mod effects;
mod ending;
mod failures;
mod inputs;
mod losing;
mod own_token;
mod pushing;
mod refusals;
mod requests;
mod restart;
mod spreading;
mod statements;
mod step;
