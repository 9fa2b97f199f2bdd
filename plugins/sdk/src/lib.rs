//! Writes a sink of one's own for billkeep: a struct, a trait, a macro.
//!
//! ```no_run
//! use billkeep_plugin::*;
//!
//! /// Sends every object to a server.
//! struct Upload {
//!     url: String,
//! }
//!
//! impl Sink for Upload {
//!     const ABOUT: About = About { name: "upload", version: "0.1.0", ..About::DEFAULT };
//!
//!     fn open(settings: &Settings) -> Result<Upload, Error> {
//!         Ok(Upload { url: settings.text("url")? })
//!     }
//!
//!     fn put(&self, object: &Object, data: &Blob) -> Result<Receipt, Error> {
//!         let url = format!("{}/{}", self.url, in_url(&object.key));
//!         // The host sends it from its disk: it never passes through here.
//!         Request::put(&url).header("authorization", "Bearer ${secret:UPLOAD_TOKEN}").send_blob(data)?.accepted()?;
//!         Ok(Receipt::of(object, url))
//!     }
//! }
//!
//! billkeep_plugin::export!(Upload);
//! ```
//!
//! Build it with `cargo build --release --target wasm32-unknown-unknown`, or with `billkeep plugin build`.

mod error;
mod http;
mod json;
mod settings;

#[doc(hidden)]
pub mod rt;

#[cfg_attr(feature = "verify", path = "bindings/verified.rs")]
#[cfg_attr(not(feature = "verify"), path = "bindings/plain.rs")]
#[allow(missing_docs, unsafe_op_in_unsafe_fn, clippy::all, reason = "generated from the interface")]
#[rustfmt::skip]
#[doc(hidden)]
pub mod bindings;

use std::marker::PhantomData;
use std::sync::Once;

use bindings::exports::billkeep::sink::sink as exported;

pub use bindings::billkeep::sink::data::Blob;
pub use bindings::billkeep::sink::types::{Error, ErrorKind, Object, Receipt, WriteMode};
pub use http::{Request, Response};
pub use json::Value;
pub use settings::Settings;

/// What the host does for a plugin.
pub mod host {
    pub use crate::bindings::billkeep::sink::host::{Level, cancelled, log, now_ms, progress, random};
    pub use crate::bindings::billkeep::sink::secrets::hmac;
    pub use crate::bindings::billkeep::sink::state::{delete, get, set};
}

/// Says something, for whoever looks at the log.
pub fn log(message: &str) {
    host::log(host::Level::Info, message, &[]);
}

/// Writes bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(digit(byte >> 4, b'a'));
        out.push(digit(byte & 15, b'a'));
    }
    out
}

fn digit(half: u8, ten: u8) -> char {
    char::from(if half < 10 { b'0' + half } else { ten + half - 10 })
}

/// Writes a key so that it is one part of a URL's path, whatever is in it.
pub fn in_url(key: &str) -> String {
    let mut out = String::new();
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                out.push('%');
                out.push(digit(byte >> 4, b'A'));
                out.push(digit(byte & 15, b'A'));
            }
        }
    }
    out
}

/// What a sink says of itself.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// JSON Schema of its settings.
    pub schema: &'static str,
    /// How it writes.
    pub write_modes: &'static [WriteMode],
    /// The largest object that it takes, in bytes.
    pub object_bytes_max: Option<u64>,
    /// How many objects may be put at the same time.
    pub at_once: u32,
    /// Where its documentation is.
    pub docs: &'static str,
}

impl About {
    /// For `..About::DEFAULT`.
    pub const DEFAULT: About = About {
        name: "",
        version: "",
        schema: "{}",
        write_modes: &[WriteMode::IdempotentPut],
        object_bytes_max: None,
        at_once: 1,
        docs: "",
    };
}

/// A destination.
pub trait Sink: Sized + 'static {
    /// What it says of itself.
    const ABOUT: About;

    /// Finds all that is wrong with settings. Without a word of its own: what [`Sink::open`] says, and no request is sent there.
    fn validate(settings: &Settings) -> Vec<Error> {
        Self::open(settings).err().into_iter().collect()
    }

    /// Opens it with settings; nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with them.
    fn open(settings: &Settings) -> Result<Self, Error>;

    /// Tries whether the target is there and lets us in; leaves nothing behind.
    ///
    /// # Errors
    /// Why not.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Puts an object. The same bytes under the same key twice have the effect of once.
    ///
    /// # Errors
    /// Why not; its kind says what the host does.
    fn put(&self, object: &Object, data: &Blob) -> Result<Receipt, Error>;

    /// All objects of a run are there.
    ///
    /// # Errors
    /// Why that cannot be said.
    fn commit(&self, run: &str, receipts: &[Receipt]) -> Result<(), Error> {
        let _ = (run, receipts);
        Ok(())
    }

    /// A run is not going to be finished: clears away what it left.
    ///
    /// # Errors
    /// Why not.
    fn abort(&self, run: &str) -> Result<(), Error> {
        let _ = run;
        Ok(())
    }
}

/// A sink that can look at what it holds (feature `verify`).
#[cfg(feature = "verify")]
pub trait Look: Sink {
    /// Tells an object's length, and a mark of its content if there is one.
    ///
    /// # Errors
    /// Why not.
    fn stat(&self, key: &str) -> Result<Option<(u64, Option<String>)>, Error>;

    /// Reads at most `len` bytes from `offset` on.
    ///
    /// # Errors
    /// Why not.
    fn read(&self, key: &str, offset: u64, len: u32) -> Result<Vec<u8>, Error>;

    /// Lists the keys of all objects.
    ///
    /// # Errors
    /// Why not.
    fn list(&self) -> Result<Vec<String>, Error>;

    /// Removes an object; nothing there is a success.
    ///
    /// # Errors
    /// Why not.
    fn delete(&self, key: &str) -> Result<(), Error>;
}

/// Exports a [`Sink`]; with the feature `verify`, one that is [`Look`] as well.
#[macro_export]
macro_rules! export {
    ($sink:ty) => {
        #[doc(hidden)]
        #[allow(dead_code, reason = "on another machine than WebAssembly's, for tests, nothing is exported")]
        type BillkeepExported = $crate::Exported<$sink>;
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::export_sink!(BillkeepExported with_types_in $crate::bindings);
    };
}

/// A sink as the interface wants it.
#[doc(hidden)]
pub struct Exported<S>(PhantomData<S>);

/// A session with a sink.
#[doc(hidden)]
pub struct Session<S>(S);

/// A panic's words go to the log: without them nobody knows why a plugin broke off.
fn tell_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| host::log(host::Level::Error, &panic.to_string(), &[])));
    });
}

fn opened<S: Sink>(config: &str) -> Result<S, Error> {
    tell_panics();
    S::open(&Settings::read(config)?)
}

impl<S: Sink> exported::Guest for Exported<S> {
    type Session = Session<S>;

    fn describe() -> exported::Descriptor {
        tell_panics();
        let about = S::ABOUT;
        exported::Descriptor {
            name: about.name.to_owned(),
            version: about.version.to_owned(),
            config_schema: about.schema.to_owned(),
            write_modes: about.write_modes.to_vec(),
            max_object_size: about.object_bytes_max,
            max_concurrency: about.at_once,
            docs_url: about.docs.to_owned(),
        }
    }

    fn validate(config: String) -> Vec<Error> {
        tell_panics();
        match Settings::read(&config) {
            Ok(settings) => S::validate(&settings),
            Err(error) => vec![error],
        }
    }

    fn open(config: String) -> Result<exported::Session, Error> {
        Ok(exported::Session::new(Session(opened::<S>(&config)?)))
    }
}

impl<S: Sink> exported::GuestSession for Session<S> {
    fn check(&self) -> Result<(), Error> {
        self.0.check()
    }

    fn put(&self, object: Object, data: &Blob) -> Result<Receipt, Error> {
        self.0.put(&object, data)
    }

    fn commit(&self, run: String, receipts: Vec<Receipt>) -> Result<(), Error> {
        self.0.commit(&run, &receipts)
    }

    fn abort(&self, run: String) -> Result<(), Error> {
        self.0.abort(&run)
    }
}

#[cfg(feature = "verify")]
impl<S: Look> bindings::exports::billkeep::sink::verify::Guest for Exported<S> {
    fn stat(
        config: String,
        key: String,
    ) -> Result<Option<bindings::exports::billkeep::sink::verify::RemoteObject>, Error> {
        let found = opened::<S>(&config)?.stat(&key)?;
        Ok(found.map(|(size, mark)| bindings::exports::billkeep::sink::verify::RemoteObject { size, mark }))
    }

    fn read(config: String, key: String, offset: u64, len: u32) -> Result<Vec<u8>, Error> {
        opened::<S>(&config)?.read(&key, offset, len)
    }

    fn list(config: String) -> Result<Vec<String>, Error> {
        opened::<S>(&config)?.list()
    }

    fn delete(config: String, key: String) -> Result<(), Error> {
        opened::<S>(&config)?.delete(&key)
    }
}

/// Reads an object from its first byte to its last.
pub struct Reader<'a> {
    blob: &'a Blob,
    at: u64,
}

/// How much is read at a time.
const READ_BYTES: u32 = 256 << 10;

impl<'a> Reader<'a> {
    /// Begins at the first byte.
    pub fn new(blob: &'a Blob) -> Reader<'a> {
        Reader { blob, at: 0 }
    }
}

impl Iterator for Reader<'_> {
    type Item = Result<Vec<u8>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.blob.read(self.at, READ_BYTES) {
            Ok(bytes) if bytes.is_empty() => None,
            Ok(bytes) => {
                self.at += bytes.len() as u64;
                Some(Ok(bytes))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// Reads all of a small object.
///
/// # Errors
/// What the host says.
pub fn read_all(blob: &Blob) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    for bytes in Reader::new(blob) {
        all.extend(bytes?);
    }
    Ok(all)
}

/// Finds a tag of an object.
pub fn tag<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.tags.iter().find(|(tag, _)| tag == name).map(|(_, value)| value.as_str())
}
