//! The conformance suite of plugins: what a plugin must do, tried at a test server, and what it does when that server fails.
//!
//! Each check has a name and says what it asks. Settings name the server by `{target}`. The checks of every sink are in
//! [`crate::suite`]; the checks here are for plugins alone.

mod faults;
mod file;
mod safety;
mod server;
mod settings;
mod under_test;

use std::path::Path;
use std::sync::Arc;

pub use crate::suite::{Check, Outcome};

use super::file::PluginFile;
use super::grants::Grants;
use super::host::STATE;
use crate::conformance;
use crate::suite::{Suite, SuiteSettings, SuiteSubject, check_sink};
use billkeep_core::exports::Sink;
use server::TestServer;
use under_test::{CANARY, PluginUnderTest};

/// A plugin, and what it is tried with.
pub struct PluginSubject<'a> {
    /// The plugin's file.
    pub file: &'a PluginFile,
    /// What is granted, without the server; settings with `{target}` where the server is meant.
    pub grants: &'a Grants,
    /// Runs this check alone.
    pub only: Option<&'a str>,
    /// A folder for objects.
    pub stage: &'a Path,
}

/// Runs all checks.
///
/// # Errors
/// Why none can be run.
pub fn run(subject: &PluginSubject<'_>) -> Result<Vec<Check>, String> {
    let server = TestServer::start().map_err(|e| format!("no server can be started: {e}"))?;
    let place = format!("http://{}", server.address);
    let mut grants = subject.grants.clone();
    grants.hosts.push(place.parse().map_err(|why| format!("{place}: {why}"))?);
    grants.sha256 = None;
    for value in grants.settings.values_mut() {
        *value = value.replace("{target}", &place);
    }
    if let Some(declared) = &subject.file.declared {
        for name in &declared.secrets {
            grants.secrets.entry(name.clone()).or_insert(None);
        }
        grants.state_bytes = grants.state_bytes.max(declared.state_bytes);
        grants.memory_bytes = grants.memory_bytes.max(declared.memory_bytes);
    }
    let tried =
        PluginUnderTest { file: subject.file, stage: subject.stage, server, grants, said: Arc::default() };
    let described = tried.sink().ok().map(|sink| sink.described().clone());
    let plugin = tried.plugin();
    let look_at = |some: &[(String, &str)]| settings::look_at(plugin.as_ref().map_err(String::clone)?, some);
    let open = || tried.opened(&tried.grants).map(|sink| Box::new(sink) as Box<dyn Sink>);
    let of_sink = SuiteSubject {
        sink: conformance::Subject {
            open: &open,
            wrong_credentials: None,
            missing: None,
            full: None,
            stage: subject.stage,
            large_bytes: 0,
            many: 0,
        },
        destination: &tried,
        is_whole: tried.is_whole(),
        // It may as well send all of them when their run is committed.
        is_at_once: false,
        object_bytes_max: described.as_ref().and_then(|described| described.object_bytes_max),
        shared_memory: STATE,
        secrets: if tried.grants.secrets.is_empty() { Vec::new() } else { vec![CANARY.to_owned()] },
        settings: Some(SuiteSettings {
            names: described.map(|described| settings::names(&described.schema)).unwrap_or_default(),
            look_at: &look_at,
        }),
        only: subject.only,
    };
    let mut suite = Suite::new(&of_sink);
    file::file(&mut suite, &tried);
    settings::settings(&mut suite, &tried);
    check_sink(&mut suite);
    faults::faults(&mut suite, &tried);
    safety::safety(&mut suite, &tried);
    Ok(suite.checked())
}
