//! A plugin with a test server.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::declared::Takes;
use super::super::file::PluginFile;
use super::super::grants::Grants;
use super::super::host::Listener;
use super::super::plugin::Plugin;
use super::super::sink::WasmSink;
use super::server::TestServer;
use crate::suite::{Destination, words};
use billkeep_core::exports::SinkError;

/// What stands in for a secret: it must be nowhere but in headers.
pub(super) const CANARY: &str = "canary-c0ffee-5ec2e7";

/// A plugin with a server.
pub(super) struct PluginUnderTest<'a> {
    pub(super) file: &'a PluginFile,
    pub(super) stage: &'a Path,
    pub(super) server: TestServer,
    pub(super) grants: Grants,
    pub(super) said: Arc<Mutex<String>>,
}

impl Destination for PluginUnderTest<'_> {
    fn objects(&self) -> Option<BTreeMap<String, Vec<u8>>> {
        self.sends().then(|| self.server.objects())
    }

    fn clear(&self) {
        self.server.clear();
    }
}

impl PluginUnderTest<'_> {
    pub(super) fn sink(&self) -> Result<WasmSink, String> {
        self.sink_with(&self.grants)
    }

    pub(super) fn sink_with(&self, grants: &Grants) -> Result<WasmSink, String> {
        self.opened(grants).map_err(words)
    }

    pub(super) fn opened(&self, grants: &Grants) -> Result<WasmSink, SinkError> {
        let said = self.said.clone();
        let listener: Listener = Arc::new(move |line| {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.push_str(&line.text);
            said.push('\n');
        });
        WasmSink::of(self.file, grants, "", Some(listener), &self.env())
    }

    pub(super) fn plugin(&self) -> Result<Plugin, String> {
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
    pub(super) fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn sends(&self) -> bool {
        self.file.wants("http")
    }

    pub(super) fn is_whole(&self) -> bool {
        self.file.declared.as_ref().is_none_or(|declared| declared.takes == Takes::Whole)
    }
}
