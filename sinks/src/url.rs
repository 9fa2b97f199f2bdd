//! Sinks by their URL.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use crate::options::{Env, Options, UrlError, every_sinks, without_seal};
use crate::wasm::{Grants, PluginFile, WasmSink};
use crate::{Folder, object, seal_and_sign, wasm};
use billkeep_core::exports::{Sink, SinkError};

/// Checks a URL and options without touching what they name.
///
/// # Errors
/// [`UrlError`] when no sink can be made of them.
pub fn check(url: &str, options: &Options) -> Result<(), UrlError> {
    seal_and_sign::check(options)?;
    let options = without_seal(options);
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
    open_with_listener(url, options, None, env)
}

/// Opens the sink that a URL names; somebody hears what it says, if it is a plugin.
///
/// # Errors
/// As [`open`].
pub fn open_with_listener(
    url: &str,
    options: &Options,
    listener: Option<wasm::Listener>,
    env: Env<'_>,
) -> Result<Box<dyn Sink>, SinkError> {
    if is_bucket(url) {
        return Ok(Box::new(object::open(url, &without_seal(options), env)?));
    }
    if is_plugin(url) {
        return Ok(Box::new(WasmSink::open_with_listener(url, &without_seal(options), listener, env)?));
    }
    check(url, options).map_err(|e| SinkError::Setup(e.to_string().into()))?;
    let path = folder_of(url).map_err(|e| SinkError::Setup(e.to_string().into()))?;
    let folder = Folder::open(&path)?;
    Ok(match mode(options).map_err(|e| SinkError::Setup(e.to_string().into()))? {
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
    let grants = Grants::of(options).map_err(|e| SinkError::Setup(e.to_string().into()))?;
    Ok(Box::new(WasmSink::of(file, &grants, "", listener, env)?))
}

/// Makes the bucket or the folder that a URL names, where the server lets us.
///
/// # Errors
/// [`SinkError`] when it cannot be made.
pub fn create_bucket(url: &str, options: &Options, env: Env<'_>) -> Result<(), SinkError> {
    if is_bucket(url) {
        object::create_bucket(url, &without_seal(options), env)
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
    let path = PathBuf::from(&*percent_decode_str(path).decode_utf8_lossy());
    if path.is_absolute() { Ok(path) } else { Err(UrlError::Path(url.to_owned())) }
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
