//! HTTP: `client` posts notices, `vetted` sends what plugins ask for. The only folder that may import `reqwest`.

mod client;
pub(crate) mod vetted;

pub(crate) use client::{Http, HttpSettings};
