//! A plugin's file: what it is, what it says of itself, and what it asks for, without running any of it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wasmparser::{ComponentType, ComponentTypeDeclaration, InstanceTypeDeclaration, Parser, Payload};
use wit_component::ComponentEncoder;

use super::declared::{Declared, SECTION};
use super::isolated::isolated;
use super::scan::{self, TYPES_SECTION};
use super::text::plain;
use billkeep_core::engine::OutsideFile;
use billkeep_core::exports::SinkError;
use billkeep_core::values::hex;

/// The largest file that is read. One with an interpreter has 20 MB.
pub(super) const FILE_BYTES_MAX: u64 = 64 << 20;
/// The stack of the thread that looks at a file: some kilobytes for each level that `scan` lets through.
const STACK_BYTES: usize = 64 << 20;
/// What the interface's package is called.
const PACKAGE: &str = "billkeep:sink/";
/// The versions of the interface that this host speaks: each has an adapter in it.
pub const INTERFACES: [&str; 1] = ["0.1"];

/// Which of the two sorts of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A component.
    Component,
    /// A module, which the host makes a component of.
    Module,
}

/// A plugin's file.
#[derive(Clone, Debug)]
pub struct PluginFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// Which sort it is.
    pub form: Form,
    /// What it says of itself, if it does.
    pub declared: Option<Declared>,
    /// Which version of the interface it was built for: `0.1.0`.
    pub interface: String,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
    pub(super) component: Vec<u8>,
}

/// A plugin's file as it was read. Nothing of it was looked at, so that a file that is not the trusted one never is.
#[derive(Clone, Debug)]
pub struct UnreadPlugin {
    path: PathBuf,
    bytes: Vec<u8>,
    /// Its SHA-256.
    pub sha256: [u8; 32],
}

impl UnreadPlugin {
    /// Reads a file.
    ///
    /// # Errors
    /// [`SinkError::Setup`] when there is none, or it is no regular file of at most 64 MiB.
    pub fn read(path: &Path) -> Result<UnreadPlugin, SinkError> {
        let bytes = OutsideFile::read(path, FILE_BYTES_MAX).map_err(|e| failed(path, &e.to_string()))?;
        let sha256 = Sha256::digest(&bytes).into();
        Ok(UnreadPlugin { path: path.to_owned(), bytes, sha256 })
    }

    /// Refuses another file than the one that is trusted.
    ///
    /// # Errors
    /// [`SinkError::Setup`] with both hashes.
    pub fn must_be(&self, trusted: &[u8; 32]) -> Result<(), SinkError> {
        must_be(&self.path, trusted, &self.sha256)
    }

    /// Looks at it.
    ///
    /// # Errors
    /// [`SinkError::Setup`] when it is no plugin.
    pub fn look(self) -> Result<PluginFile, SinkError> {
        PluginFile::of(&self.path, self.bytes).map_err(|why| failed(&self.path, &why))
    }
}

fn failed(path: &Path, why: &str) -> SinkError {
    SinkError::Setup(format!("plugin `{}`: {why}", path.display()).into())
}

/// Refuses another file than the one that is trusted.
pub(super) fn must_be(path: &Path, trusted: &[u8; 32], sha256: &[u8; 32]) -> Result<(), SinkError> {
    if trusted == sha256 {
        return Ok(());
    }
    Err(SinkError::Setup(
        format!(
            "plugin `{}` is another file than the one that was trusted (sha256 {}, now {})",
            path.display(),
            hex(trusted),
            hex(sha256)
        )
        .into(),
    ))
}

impl PluginFile {
    /// Reads a file and looks at it.
    ///
    /// # Errors
    /// [`SinkError::Setup`] when there is none, or it is no plugin.
    pub fn read(path: &Path) -> Result<PluginFile, SinkError> {
        UnreadPlugin::read(path)?.look()
    }

    /// Looks at the bytes of a file, on a thread whose stack is large enough for whatever is let through.
    ///
    /// # Errors
    /// Why it is no plugin.
    pub fn of<'a>(path: &Path, bytes: impl Into<Cow<'a, [u8]>>) -> Result<PluginFile, String> {
        let bytes = bytes.into();
        isolated("its types are damaged", STACK_BYTES, || PluginFile::looked_at(path, bytes))
    }

    fn looked_at(path: &Path, bytes: Cow<'_, [u8]>) -> Result<PluginFile, String> {
        let form = match bytes.get(..8) {
            Some([0, b'a', b's', b'm', 0x0d, 0, 1, 0]) => Form::Component,
            Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => Form::Module,
            Some([0, b'a', b's', b'm', ..]) => {
                return Err("it is WebAssembly of a version that this program does not know".into());
            }
            _ => return Err("it is not WebAssembly: build the plugin first, and name the `.wasm`".into()),
        };
        scan::scan(&bytes)?;
        let (length, sha256) = (bytes.len() as u64, Sha256::digest(&bytes).into());
        let mut found = top(&bytes)?;
        let component = match form {
            // Some have 20 MB: they are not copied.
            Form::Component => bytes,
            Form::Module => {
                of_this_host(&bytes)?;
                let component = encode(&bytes)?;
                found = Top { declared: found.declared, ..top(&component)? };
                Cow::Owned(component)
            }
        };
        let Top { declared, imports, exports } = found;
        let interface = exports.iter().find_map(|name| name.strip_prefix(PACKAGE)?.strip_prefix("sink@"));
        let interface =
            interface.ok_or_else(|| format!("it does not export `{PACKAGE}sink`, so it is no sink"))?;
        if !INTERFACES.iter().any(|known| speaks(known, interface)) {
            return Err(format!(
                "it was built for version {} of the interface; this program speaks {}",
                plain(interface),
                INTERFACES.join(", ")
            ));
        }
        let foreign = |name: &&String| !name.starts_with(PACKAGE) && !name.starts_with("wasi:");
        if let Some(name) = imports.iter().find(foreign) {
            return Err(foreign_words(name));
        }
        Ok(PluginFile {
            path: path.to_owned(),
            bytes: length,
            sha256,
            form,
            declared,
            interface: interface.to_owned(),
            imports,
            exports,
            component: component.into_owned(),
        })
    }

    /// Returns what people call it.
    pub fn name(&self) -> String {
        match &self.declared {
            Some(declared) if !declared.id.is_empty() => declared.id.clone(),
            _ => plain(&self.path.file_stem().unwrap_or_default().to_string_lossy()),
        }
    }

    /// Says whether the host's interface of this name is asked for.
    pub fn wants(&self, interface: &str) -> bool {
        self.imports
            .iter()
            .any(|name| name.strip_prefix(PACKAGE).and_then(|name| name.split('@').next()) == Some(interface))
    }

    /// Returns whether its objects can be listed and read.
    pub fn is_readable(&self) -> bool {
        self.exports.iter().any(|name| name.strip_prefix(PACKAGE).is_some_and(|n| n.starts_with("verify@")))
    }
}

/// Says whether a host that speaks `0.1` speaks `0.1.7`.
fn speaks(known: &str, version: &str) -> bool {
    version.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Makes a component of a module. Its file has to carry the types of the interface, as bindings put them there.
fn encode(module: &[u8]) -> Result<Vec<u8>, String> {
    let encoded = || -> Result<Vec<u8>, String> {
        let mut encoder = ComponentEncoder::default().validate(true);
        encoder = encoder
            .adapter(
                wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            )
            .map_err(|e| e.to_string())?;
        let mut encoder = encoder.module(module).map_err(|e| format!("{e:#}"))?;
        encoder.encode().map_err(|e| format!("{e:#}"))
    };
    of_one_package(module).and_then(|()| encoded()).map_err(|why| {
        let foreign =
            ["import interface named", "failed to decode world"].iter().any(|words| why.contains(words));
        let hint =
            if foreign { "; it is made for another program, or without billkeep's interface" } else { "" };
        format!("no component can be made of this module: {}{hint}", plain(&why))
    })
}

/// Names programs that have plugins as well, by what their plugins import.
const OTHERS: [(&str, &str); 8] = [
    ("extism:", "Extism"),
    ("spin:", "Spin"),
    ("fermyon:", "Spin"),
    ("wasmcloud:", "wasmCloud"),
    ("zed:", "Zed"),
    ("envoy", "Envoy"),
    ("fastly", "Fastly"),
    ("wasi:http/", "a server of the wasi:http interface"),
];

fn foreign_words(name: &str) -> String {
    let shown = plain(name);
    match OTHERS.iter().find(|(beginning, _)| name.starts_with(beginning)) {
        Some((_, program)) => {
            format!("it imports `{shown}`: it is a plugin for {program}, and not for billkeep")
        }
        None => format!("it imports `{shown}`, which no plugin is given"),
    }
}

/// Refuses a module that asks another host for something: what makes a component of it would say so in the words of its types.
fn of_this_host(module: &[u8]) -> Result<(), String> {
    for payload in Parser::new(0).parse_all(module) {
        let Payload::ImportSection(section) = payload.map_err(|e| format!("it is damaged: {e}"))? else {
            continue;
        };
        for import in section.into_imports() {
            let name = import.map_err(|e| format!("it is damaged: {e}"))?.module;
            let ours = ["billkeep:", "[export]billkeep:", "wasi:", "wasi_", "cm32p2"];
            if name.contains(':') && !ours.iter().any(|beginning| name.starts_with(beginning)) {
                return Err(foreign_words(name));
            }
        }
    }
    Ok(())
}

/// Refuses a module whose types name more than one package. What makes a component of it goes from package to package without
/// an end, until the stack is used up, where two depend on each other; of one alone it cannot.
fn of_one_package(module: &[u8]) -> Result<(), String> {
    let mut packages = BTreeSet::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|e| format!("it is damaged: {e}"))?;
        if let Payload::CustomSection(section) = payload
            && section.name().starts_with(TYPES_SECTION)
        {
            packages_of(section.data(), &mut packages).map_err(|e| format!("its types are damaged: {e}"))?;
        }
    }
    match packages.into_iter().collect::<Vec<_>>().as_slice() {
        [one, other, ..] => Err(format!(
            "its types are of packages `{one}` and `{other}`; make a component of it with the tools of its language"
        )),
        _ => Ok(()),
    }
}

/// Collects the packages that types name.
fn packages_of(types: &[u8], packages: &mut BTreeSet<String>) -> Result<(), wasmparser::BinaryReaderError> {
    for payload in Parser::new(0).parse_all(types) {
        match payload? {
            Payload::ComponentTypeSection(section) => {
                for ty in section {
                    packages_in(&ty?, packages);
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    note_package(import?.name.name, packages);
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    note_package(export?.name.name, packages);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Collects the packages that a type names. Types within types are as deep as `scan` lets them be.
fn packages_in(ty: &ComponentType<'_>, packages: &mut BTreeSet<String>) {
    match ty {
        ComponentType::Component(declared) => {
            for one in declared {
                match one {
                    ComponentTypeDeclaration::Type(ty) => packages_in(ty, packages),
                    ComponentTypeDeclaration::Import(import) => note_package(import.name.name, packages),
                    ComponentTypeDeclaration::Export { name, .. } => note_package(name.name, packages),
                    ComponentTypeDeclaration::CoreType(_) | ComponentTypeDeclaration::Alias(_) => {}
                }
            }
        }
        ComponentType::Instance(declared) => {
            for one in declared {
                match one {
                    InstanceTypeDeclaration::Type(ty) => packages_in(ty, packages),
                    InstanceTypeDeclaration::Export { name, .. } => note_package(name.name, packages),
                    InstanceTypeDeclaration::CoreType(_) | InstanceTypeDeclaration::Alias(_) => {}
                }
            }
        }
        _ => {}
    }
}

/// Notes the package of `ns:package/interface@version`, with its version; other names have none.
fn note_package(name: &str, packages: &mut BTreeSet<String>) {
    if let Some((package, rest)) = name.split_once('/') {
        let version = rest.split_once('@').map_or("", |(_, version)| version);
        packages.insert(format!("{package}@{version}"));
    }
}

/// The outermost level of a file.
#[derive(Default)]
struct Top {
    declared: Option<Declared>,
    imports: Vec<String>,
    exports: Vec<String>,
}

fn top(bytes: &[u8]) -> Result<Top, String> {
    let damaged = |e: wasmparser::BinaryReaderError| format!("it is damaged: {e}");
    let mut top = Top::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(damaged)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if depth == 0 && section.name() == SECTION => {
                top.declared = Some(Declared::read(section.data())?);
            }
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    top.imports.push(import.map_err(damaged)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    top.exports.push(export.map_err(damaged)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(top)
}
