//! A guest for the host's own tests. `mode` says what it does; without one, it is an honest sink that keeps objects in its state,
//! or at a server if there is a `url`.

use std::hint::black_box;

use billkeep_plugin::*;

struct Tester {
    mode: String,
    url: Option<String>,
}

fn stored(key: &str) -> String {
    format!("object/{key}")
}

/// The keys of all objects in its state, but for one that is put or removed.
fn names_without(key: &str) -> Vec<String> {
    let all = host::get("names").unwrap_or_default();
    let mut names = Vec::new();
    for name in all.split(|byte| *byte == b'\n') {
        if !name.is_empty() && name != key.as_bytes() {
            names.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    names
}

fn keep_names(names: &[String]) -> Result<(), Error> {
    host::set("names", names.join("\n").as_bytes()).map_err(fatal)
}

fn add_name(key: &str) -> Result<(), Error> {
    let mut names = names_without(key);
    names.push(key.to_owned());
    keep_names(&names)
}

fn fatal(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Fatal, "TESTER", message)
}

impl Tester {
    fn url(&self, key: &str) -> String {
        format!("{}/{}", self.url.as_deref().unwrap_or_default(), in_url(key))
    }

    /// Does something bad, if that was asked for.
    fn misbehave(&self, at: &str) -> Result<(), Error> {
        let Some(what) = self.mode.strip_suffix(at).and_then(|mode| mode.strip_suffix('@')) else {
            return Ok(());
        };
        match what {
            "trap" => core::arch::wasm32::unreachable(),
            "panic" => panic!("asked to panic in {at}"),
            "loop" => loop {
                black_box(0);
            },
            "recurse" => {
                black_box(recurse(black_box(1)));
            }
            "memory" => {
                let mut all = Vec::new();
                loop {
                    all.push(black_box(vec![1_u8; 1 << 20]));
                }
            }
            "stray" => {
                // SAFETY: none; that is what it is for.
                black_box(unsafe { core::ptr::read_volatile(0xffff_fff0 as *const u8) });
            }
            "log-flood" => {
                let line = "x".repeat(10_000);
                for _ in 0..2_000 {
                    host::log(host::Level::Info, &line, &[]);
                }
            }
            "log-control" => {
                host::log(host::Level::Warn, "\u{1b}[2Jred\r\nnext", &[("a".into(), "\u{7}".into())])
            }
            "random" => drop(host::random(u32::MAX)),
            "state" => {
                for n in 0..100_000 {
                    if let Err(why) = host::set(&format!("k{n}"), &[0; 1_000]) {
                        return Err(fatal(why));
                    }
                }
            }
            "secret" => {
                let signed = host::hmac("OTHER", "sha256", b"x");
                return Err(signed
                    .err()
                    .unwrap_or_else(|| fatal("signed with a secret that was not granted")));
            }
            _ => {}
        }
        Ok(())
    }

    /// An honest receipt, unless another one was asked for.
    fn receipt(&self, object: &Object) -> Receipt {
        let mut receipt = Receipt::of(object, format!("tester:{}", object.key));
        match self.mode.as_str() {
            "short-receipt" => receipt.bytes_written = object.size.saturating_sub(1),
            "long-receipt" => receipt.bytes_written = u64::MAX,
            "wrong-checksum" => receipt.remote_checksum = Some(format!("sha256:{}", "0".repeat(64))),
            "right-checksum" => receipt.remote_checksum = Some(format!("sha256:{}", object.sha256)),
            "long-location" => receipt.location = "x".repeat(5_000_000),
            "rude-location" => receipt.location = "\u{1b}]0;owned\u{7}".into(),
            "many-tags" => receipt.tags = vec![("t".repeat(1_000), "v".repeat(1_000)); 20_000],
            _ => {}
        }
        receipt
    }
}

#[inline(never)]
fn recurse(n: u64) -> u64 {
    let place = black_box([n; 64]);
    if n == 0 { 0 } else { recurse(black_box(n + 1)) + place[3] }
}

impl Sink for Tester {
    const ABOUT: About = About {
        name: "tester",
        version: "0.1.0",
        schema: r#"{"type":"object","properties":{"mode":{"type":"string"},"url":{"type":"string"},"n":{"type":"integer"}}}"#,
        write_modes: &[WriteMode::CreateOnly, WriteMode::IdempotentPut],
        at_once: 4,
        ..About::DEFAULT
    };

    fn validate(settings: &Settings) -> Vec<Error> {
        let mut problems = Vec::new();
        for name in ["mode", "url"] {
            problems.extend(settings.maybe_text(name).err());
        }
        problems.extend(settings.number("n", 0).err());
        if let Ok(tester) = Tester::open(settings) {
            problems.extend(tester.misbehave("validate").err());
            if tester.mode == "refused" {
                problems.push(Error::setting("mode", "it may not be `refused`"));
                problems.push(Error::setting("url", "nor may this be"));
            }
        }
        problems
    }

    fn open(settings: &Settings) -> Result<Tester, Error> {
        let mode = settings.maybe_text("mode")?.unwrap_or_default();
        Ok(Tester { mode, url: settings.maybe_text("url")? })
    }

    fn check(&self) -> Result<(), Error> {
        self.misbehave("check")?;
        if self.url.is_some() {
            Request::get(&self.url("")).send()?.accepted()?;
        }
        Ok(())
    }

    fn put(&self, object: &Object, data: &Blob) -> Result<Receipt, Error> {
        self.misbehave("put")?;
        let kind = match self.mode.as_str() {
            "transient" => Some(ErrorKind::Transient),
            "throttled" => Some(ErrorKind::Throttled),
            "corrupt" => Some(ErrorKind::Corrupt),
            "rejected" => Some(ErrorKind::Rejected),
            "conflict" => Some(ErrorKind::Conflict),
            "auth" => Some(ErrorKind::Auth),
            "config" => Some(ErrorKind::Config),
            "fatal" => Some(ErrorKind::Fatal),
            _ => None,
        };
        if let Some(kind) = kind {
            let mut error = Error::new(kind, "TESTER-1", format!("asked to say so of {}", object.key));
            error.retry_after_ms = Some(90_000);
            error.field = Some("/mode".into());
            error.http_status = Some(418);
            return Err(error);
        }
        match self.mode.as_str() {
            "nothing-read" => return Ok(self.receipt(object)),
            "half-read" => {
                data.read(0, (object.size / 2) as u32)?;
                return Ok(self.receipt(object));
            }
            "digests" => {
                let all = ["sha256", "sha512", "sha1", "md5", "crc32", "none"];
                let told = all.map(|name| data.digest(name).map_or_else(|e| e.code, |d| hex(&d)));
                return Err(fatal(told.join(" ")));
            }
            "slices" => {
                let mut held = Vec::new();
                loop {
                    match data.slice(0, 1) {
                        Ok(slice) => held.push(slice),
                        Err(error) => return Err(fatal(format!("{} after {}", error.code, held.len()))),
                    }
                }
            }
            "slice-beyond" => {
                return Err(data.slice(object.size, 1).map(drop).err().unwrap_or_else(|| fatal("granted")));
            }
            "read-beyond" => {
                let n = data.read(u64::MAX - 1, u32::MAX)?.len() + data.read(object.size, 10)?.len();
                return Err(fatal(format!("{n} bytes beyond its end")));
            }
            "reads-every-byte" => {
                let mut sum = 0_u64;
                for bytes in Reader::new(data) {
                    // Eight at a time, as a checksum would.
                    let bytes = bytes?;
                    let (words, rest) = bytes.as_chunks::<8>();
                    sum = words.iter().fold(sum, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)));
                    sum = rest.iter().fold(sum, |sum, byte| sum.wrapping_add(u64::from(*byte)));
                }
                return Ok(Receipt { location: format!("sum:{sum}"), ..self.receipt(object) });
            }
            "waits" => {
                while !host::cancelled() {
                    black_box(host::now_ms());
                }
                return Err(Error::new(ErrorKind::Transient, "TESTER-STOP", "stopped as asked"));
            }
            "resume" => {
                // The first attempt takes one half, and the second the other.
                let half = object.size / 2;
                let done = host::get("half").is_some();
                let (from, len) = if done { (half, object.size - half) } else { (0, half) };
                data.slice(from, len)?.digest("sha256")?;
                let slice = data.slice(from, len)?;
                read_all(&slice)?;
                host::set("half", b"1").map_err(fatal)?;
                if !done {
                    return Err(Error::new(ErrorKind::Transient, "TESTER-HALF", "one half is there"));
                }
                host::delete("half");
                return Ok(self.receipt(object));
            }
            _ => {}
        }
        if self.url.is_some() {
            let mut request =
                Request::put(&self.url(&object.key)).header("idempotency-key", &object.idempotency_key);
            if self.mode == "with-secret" {
                let signature = host::hmac("TOKEN", "sha256", object.sha256.as_bytes())?;
                request = request
                    .header("authorization", "Bearer ${secret:TOKEN}")
                    .header("x-signature", &hex(&signature));
            }
            if let Some(header) = self.mode.strip_prefix("header:") {
                request = request.header(header, "1");
            }
            let response = request.send_blob(data)?.accepted()?;
            // Without a grant it cannot list what is there; it can do all else.
            let _ = add_name(&object.key);
            log(&format!("the server said: {}", String::from_utf8_lossy(response.body())));
            return Ok(self.receipt(object));
        }
        if let Some(there) = host::get(&stored(&object.key))
            && object.mode == WriteMode::CreateOnly
        {
            // The same content is a success.
            return match there == read_all(data)? {
                true => Ok(self.receipt(object)),
                false => Err(Error::new(ErrorKind::Conflict, "TESTER-2", "something else is there")),
            };
        }
        host::set(&stored(&object.key), &read_all(data)?).map_err(fatal)?;
        add_name(&object.key)?;
        Ok(self.receipt(object))
    }

    fn commit(&self, run: &str, receipts: &[Receipt]) -> Result<(), Error> {
        self.misbehave("commit")?;
        host::log(
            host::Level::Info,
            "committed",
            &[("run".into(), run.into()), ("n".into(), receipts.len().to_string())],
        );
        Ok(())
    }

    fn abort(&self, run: &str) -> Result<(), Error> {
        self.misbehave("abort")?;
        host::log(host::Level::Info, "aborted", &[("run".into(), run.into())]);
        Ok(())
    }
}

impl Look for Tester {
    fn stat(&self, key: &str) -> Result<Option<(u64, Option<String>)>, Error> {
        self.misbehave("stat")?;
        if self.url.is_some() {
            let response = Request::new("HEAD", &self.url(key)).send()?;
            if response.status() == 404 {
                return Ok(None);
            }
            let response = response.accepted()?;
            let bytes = response.content_length().unwrap_or(0);
            return Ok(Some((bytes, response.header("etag").map(str::to_owned))));
        }
        Ok(host::get(&stored(key)).map(|bytes| (bytes.len() as u64, None)))
    }

    fn read(&self, key: &str, offset: u64, len: u32) -> Result<Vec<u8>, Error> {
        self.misbehave("read")?;
        let there = match &self.url {
            Some(_) => Some(Request::get(&self.url(key)).send()?.accepted()?.body().to_vec()),
            None => host::get(&stored(key)),
        };
        let bytes = there.ok_or_else(|| fatal("it is not there"))?;
        let from = (offset as usize).min(bytes.len());
        let to = (from + len as usize).min(bytes.len());
        if self.mode == "reads-too-much" {
            return Ok(vec![0; len as usize + 1]);
        }
        Ok(bytes[from..to].to_vec())
    }

    fn list(&self) -> Result<Vec<String>, Error> {
        self.misbehave("list")?;
        Ok(names_without(""))
    }

    fn delete(&self, key: &str) -> Result<(), Error> {
        self.misbehave("delete")?;
        if self.url.is_some() {
            Request::delete(&self.url(key)).send()?.accepted()?;
        }
        host::delete(&stored(key));
        let left = names_without(key);
        if self.url.is_some() && left.is_empty() {
            return Ok(());
        }
        keep_names(&left)
    }
}

billkeep_plugin::export!(Tester);
