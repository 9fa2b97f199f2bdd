//! Sinks by their URL.

use std::collections::BTreeMap;
use std::path::PathBuf;

use billkeep_core::sink::{Sink, SinkError};

use crate::wasm::{Grants, PluginFile, WasmSink};
use crate::{Folder, means, object, wasm};

/// Looks a name up in the surroundings of the program. Credentials come from there: a sink's URL and options hold none.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The options of a sink that core leaves to it, by name.
pub type Options = BTreeMap<String, String>;

/// A URL, or an option, that no sink can be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// The scheme is none that there is.
    Scheme(String),
    /// The scheme is planned and not built yet.
    NotYet(String),
    /// A `file:` URL without an absolute path.
    Path(String),
    /// An `s3:` or `cos:` URL that names no place.
    Bucket {
        /// The URL.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// An option whose value makes no sense.
    Value {
        /// The option.
        name: String,
        /// What was said.
        value: String,
        /// What can be said.
        known: String,
    },
    /// An option that sinks of this kind have not.
    Option {
        /// The option.
        name: String,
        /// What there is instead.
        known: String,
    },
}

impl std::fmt::Display for UrlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            UrlError::Scheme(url) => {
                write!(
                    f,
                    "`{url}` is not a sink's URL; write a folder as `file:///path/to/folder`, an object store as \
                     `s3://bucket/prefix` or `cos://bucket-appid/prefix?region=REGION`, a plugin as `wasm:/path/to/plugin.wasm`"
                )
            }
            UrlError::NotYet(url) => {
                write!(
                    f,
                    "`{url}`: this version delivers to folders (`file:`), `s3:`, `cos:` and plugins (`wasm:`) only"
                )
            }
            UrlError::Path(url) => {
                write!(
                    f,
                    "`{url}` has no absolute path; write it as `file:///path/to/folder` or `wasm:/path/to/plugin.wasm`"
                )
            }
            UrlError::Bucket { url, why } => write!(f, "`{url}`: {why}"),
            UrlError::Value { name, value, known } => write!(f, "`{name}={value}`: say {known}"),
            UrlError::Option { name, known } => {
                write!(f, "`{name}` is not an option of such a sink: there is {known}")
            }
        }
    }
}

impl std::error::Error for UrlError {}

/// Checks a URL and options without touching what they name.
///
/// # Errors
/// [`UrlError`] when no sink can be made of them.
pub fn check(url: &str, options: &Options) -> Result<(), UrlError> {
    means::check(options)?;
    let options = means::without(options);
    if is_bucket(url) {
        return object::check(url, &options);
    }
    if is_plugin(url) {
        wasm::place(url)?;
        return Grants::of(&options).map(drop);
    }
    folder_of(url)?;
    mode(&options)?;
    match options.keys().find(|name| *name != MODE) {
        None => Ok(()),
        Some(name) => {
            let known = format!("`{MODE}=0644`, {}", every_sinks());
            Err(UrlError::Option { name: name.clone(), known })
        }
    }
}

/// A folder's option: who may read its files.
const MODE: &str = "mode";

/// Reads the mode that a folder's files are to have.
fn mode(options: &Options) -> Result<Option<u32>, UrlError> {
    let Some(text) = options.get(MODE) else { return Ok(None) };
    let mode = u32::from_str_radix(text, 8).ok();
    // Its owner has to read and write; nobody runs a bill.
    let mode = mode.filter(|mode| mode & 0o600 == 0o600 && mode & !0o666 == 0);
    let known = "three octal digits from 600 to 666, such as 640 or 644".to_owned();
    mode.map(Some).ok_or(UrlError::Value { name: MODE.to_owned(), value: text.clone(), known })
}

/// Opens the sink that a URL names.
///
/// # Errors
/// [`SinkError::Setup`] when the URL or what it names is not right.
pub fn open(url: &str, options: &Options, env: Env<'_>) -> Result<Box<dyn Sink>, SinkError> {
    open_heard(url, options, None, env)
}

/// Opens the sink that a URL names; somebody hears what it says, if it is a plugin.
///
/// # Errors
/// As [`open`].
pub fn open_heard(
    url: &str,
    options: &Options,
    listener: Option<wasm::Listener>,
    env: Env<'_>,
) -> Result<Box<dyn Sink>, SinkError> {
    if is_bucket(url) {
        return Ok(Box::new(object::open(url, &means::without(options), env)?));
    }
    if is_plugin(url) {
        return Ok(Box::new(WasmSink::open_heard(url, &means::without(options), listener, env)?));
    }
    check(url, options).map_err(|e| SinkError::Setup(e.to_string()))?;
    let path = folder_of(url).map_err(|e| SinkError::Setup(e.to_string()))?;
    let folder = Folder::open(&path)?;
    Ok(match mode(options).map_err(|e| SinkError::Setup(e.to_string()))? {
        Some(mode) => Box::new(folder.with_mode(mode)),
        None => Box::new(folder),
    })
}

/// Makes the folder that a URL names, if it names one that is not there. Returns it, if it was made.
///
/// # Errors
/// [`SinkError::Setup`] when it cannot be made.
pub fn create_folder(url: &str) -> Result<Option<PathBuf>, SinkError> {
    let Ok(path) = folder_of(url) else { return Ok(None) };
    let is_new = std::fs::metadata(&path).is_err();
    Folder::create(&path)?;
    Ok(is_new.then_some(path))
}

/// Opens a sink of a plugin's file that was read already.
///
/// # Errors
/// As [`open`].
pub fn open_plugin(
    file: &PluginFile,
    options: &Options,
    listener: Option<wasm::Listener>,
    env: Env<'_>,
) -> Result<Box<dyn Sink>, SinkError> {
    let grants = Grants::of(options).map_err(|e| SinkError::Setup(e.to_string()))?;
    Ok(Box::new(WasmSink::of(file, &grants, "", listener, env)?))
}

/// Makes the bucket or the folder that a URL names, where the server lets us.
///
/// # Errors
/// [`SinkError`] when it cannot be made.
pub fn create_bucket(url: &str, options: &Options, env: Env<'_>) -> Result<(), SinkError> {
    if is_bucket(url) {
        object::create_bucket(url, &means::without(options), env)
    } else {
        create_folder(url)?;
        open(url, options, env).map(drop)
    }
}

/// Returns the URL of a folder below the place that a URL names.
pub fn below(url: &str, folder: &str) -> String {
    if is_plugin(url) {
        return format!("{url}#{folder}");
    }
    let (place, query) = url.split_once('?').map_or((url, String::new()), |(p, q)| (p, format!("?{q}")));
    format!("{}/{folder}{query}", place.trim_end_matches('/'))
}

/// Takes away the folder that opening a URL has made, if nothing is in it; object stores have none.
pub fn remove_empty(url: &str) {
    if let Ok(path) = folder_of(url) {
        Folder::remove_empty(&path);
    }
}

/// Names the options that sinks of every sort have.
pub(crate) fn every_sinks() -> String {
    let means: Vec<String> = means::KNOWN.iter().map(|(name, value)| format!("`{name}={value}`")).collect();
    format!("{}, {}", billkeep_core::storage::SINK_OPTIONS, means.join(", "))
}

/// Returns the options that sinks have, as `NAME=VALUE`: those of every sink, then those of buckets.
pub fn option_lists() -> [Vec<String>; 2] {
    let every = every_sinks().split(", ").map(|option| option.replace('`', "")).collect();
    [every, object::OPTIONS.iter().map(|(name, value)| format!("{name}={value}")).collect()]
}

pub(crate) fn is_plugin(url: &str) -> bool {
    url.starts_with("wasm:")
}

pub(crate) fn is_bucket(url: &str) -> bool {
    url.starts_with("s3://") || url.starts_with("cos://")
}

/// Returns the folder that a URL names, if it names one.
pub fn folder(url: &str) -> Option<PathBuf> {
    folder_of(url).ok()
}

/// Returns the folder that a `file:` URL names.
pub(crate) fn folder_of(url: &str) -> Result<PathBuf, UrlError> {
    let Some(path) = url.strip_prefix("file://") else {
        let later = ["gs://", "az://"].iter().any(|scheme| url.starts_with(scheme));
        let error = if later { UrlError::NotYet } else { UrlError::Scheme };
        return Err(error(url.to_owned()));
    };
    let path = PathBuf::from(percent_decoded(path));
    if path.is_absolute() { Ok(path) } else { Err(UrlError::Path(url.to_owned())) }
}

/// Undoes `%20` and the like; a `%` that begins none is itself.
pub(crate) fn percent_decode(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rest.len());
    while let Some((byte, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|h| std::str::from_utf8(h).ok());
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(decoded) if *byte == b'%' => {
                out.push(decoded);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    out
}

/// Does the same for a text.
pub(crate) fn percent_decoded(text: &str) -> String {
    String::from_utf8_lossy(&percent_decode(text.as_bytes())).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_by_an_absolute_file_url() {
        assert_eq!(folder_of("file:///srv/bills"), Ok(PathBuf::from("/srv/bills")));
        assert_eq!(folder_of("file:///srv/my%20bills"), Ok(PathBuf::from("/srv/my bills")));
        assert_eq!(folder_of("file:///srv/100%"), Ok(PathBuf::from("/srv/100%")));
        assert!(matches!(folder_of("file://srv"), Err(UrlError::Path(_))));
        assert!(matches!(folder_of("gs://x"), Err(UrlError::NotYet(_))));
        assert!(matches!(folder_of("/srv/bills"), Err(UrlError::Scheme(_))));
    }

    #[test]
    fn a_folder_has_one_option_of_its_own() {
        let options = Options::from([("region".to_owned(), "x".to_owned())]);
        assert_eq!(check("file:///srv/bills", &Options::new()), Ok(()));
        let of_mode = |mode: &str| check("file:///srv/bills", &Options::from([("mode".into(), mode.into())]));
        assert_eq!(of_mode("0644"), Ok(()));
        assert!(["", "9", "0777", "0444", "-640", "rw"].iter().all(|mode| of_mode(mode).is_err()));
        let error = check("file:///srv/bills", &options).unwrap_err();
        assert!(error.to_string().contains("`region` is not an option"), "{error}");
    }
}
