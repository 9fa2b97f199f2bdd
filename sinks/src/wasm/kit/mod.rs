//! The author's kit: what a plugin must do, tried at a server of its own, and what it does when everything goes wrong there.
//!
//! Each check has a name, says what is asked, and why. Settings name the server by `{target}`. What is asked of every sink is in
//! [`crate::kit`]; here is what is asked of a plugin besides.

mod faults;
mod file;
mod safety;
mod settings;
mod target;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use billkeep_core::sink::{Sink, SinkError};

pub use crate::kit::{Checked, Outcome};

use super::declared::Takes;
use super::file::PluginFile;
use super::grants::Grants;
use super::host::{Listener, STATE};
use super::plugin::Plugin;
use super::sink::WasmSink;
use crate::conformance;
use crate::kit::{self, Destination, Kit, words};
use target::Target;

/// A plugin, and what it is tried with.
pub struct Subject<'a> {
    /// The plugin's file.
    pub file: &'a PluginFile,
    /// What is granted, without the server; settings with `{target}` where the server is meant.
    pub grants: &'a Grants,
    /// Runs this check alone.
    pub only: Option<&'a str>,
    /// A folder for objects.
    pub stage: &'a Path,
}

/// What stands in for a secret: it must be nowhere but in headers.
const CANARY: &str = "canary-c0ffee-5ec2e7";

/// A plugin with a server.
struct Tried<'a> {
    file: &'a PluginFile,
    stage: &'a Path,
    target: Target,
    grants: Grants,
    said: Arc<Mutex<String>>,
}

/// Makes all checks.
///
/// # Errors
/// Why none can be made.
pub fn run(subject: &Subject<'_>) -> Result<Vec<Checked>, String> {
    let target = Target::start().map_err(|e| format!("no server can be started: {e}"))?;
    let place = format!("http://{}", target.address);
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
    let tried = Tried { file: subject.file, stage: subject.stage, target, grants, said: Arc::default() };
    let described = tried.sink().ok().map(|sink| sink.described().clone());
    let plugin = tried.plugin();
    let look_at = |some: &[(String, &str)]| settings::look_at(plugin.as_ref().map_err(String::clone)?, some);
    let open = || tried.opened(&tried.grants).map(|sink| Box::new(sink) as Box<dyn Sink>);
    let of_kit = kit::Subject {
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
        settings: Some(kit::Settings {
            names: described.map(|described| settings::names(&described.schema)).unwrap_or_default(),
            look_at: &look_at,
        }),
        only: subject.only,
    };
    let mut kit = Kit::new(&of_kit);
    file::file(&mut kit, &tried);
    settings::settings(&mut kit, &tried);
    kit.sink();
    faults::faults(&mut kit, &tried);
    safety::safety(&mut kit, &tried);
    Ok(kit.checked())
}

impl Destination for Tried<'_> {
    fn objects(&self) -> Option<BTreeMap<String, Vec<u8>>> {
        self.sends().then(|| self.target.objects())
    }

    fn clear(&self) {
        self.target.clear();
    }
}

impl Tried<'_> {
    fn sink(&self) -> Result<WasmSink, String> {
        self.sink_with(&self.grants)
    }

    fn sink_with(&self, grants: &Grants) -> Result<WasmSink, String> {
        self.opened(grants).map_err(words)
    }

    fn opened(&self, grants: &Grants) -> Result<WasmSink, SinkError> {
        let said = self.said.clone();
        let listener: Listener = Arc::new(move |line| {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.push_str(&line.text);
            said.push('\n');
        });
        WasmSink::of(self.file, grants, "", Some(listener), &self.env())
    }

    fn plugin(&self) -> Result<Plugin, String> {
        Plugin::load(self.file, &self.grants, None, &self.env()).map_err(words)
    }

    /// Secrets are canaries; what is compiled is kept where the surroundings say, so that this is quick.
    fn env(&self) -> impl Fn(&str) -> Option<String> {
        let names: Vec<String> = self.grants.secrets.keys().cloned().collect();
        let cache = self.stage.join("compiled").to_string_lossy().into_owned();
        move |name| match name {
            "BILLKEEP_PLUGIN_CACHE" => Some(cache.clone()),
            name if names.iter().any(|n| n == name) => Some(CANARY.to_owned()),
            _ => None,
        }
    }

    /// Returns what it has said to the log so far.
    fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn sends(&self) -> bool {
        self.file.wants("http")
    }

    fn is_whole(&self) -> bool {
        self.file.declared.as_ref().is_none_or(|declared| declared.takes == Takes::Whole)
    }
}
