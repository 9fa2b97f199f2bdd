//! The console as a browser and a program meet it: the real program, and requests that say exactly what is wanted.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{Home, program};

/// A console that runs; it is ended when this is dropped.
pub struct Served {
    child: Child,
    pub host: String,
    /// What was printed at the start: signs in once.
    pub link: String,
    pub clock: PathBuf,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.text()))
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}

/// A signed-in browser: its cookie, and the token of its forms.
#[derive(Clone)]
pub struct Browser {
    pub cookie: String,
    pub csrf: String,
}

impl Served {
    /// Starts a console over a store, by a clock that stands at a time.
    pub fn start(home: &Home, now: &str) -> Served {
        Served::start_as(home, now, "tester", &[])
    }

    pub fn start_as(home: &Home, now: &str, actor: &str, more: &[&str]) -> Served {
        Served::start_listening(home, now, actor, &[&["--listen", "127.0.0.1:0"], more].concat())
    }

    /// Starts one that listens where it is told to.
    pub fn start_listening(home: &Home, now: &str, actor: &str, more: &[&str]) -> Served {
        let clock = home.path("clock");
        std::fs::write(&clock, now).unwrap();
        let mut child = program()
            .arg("--store")
            .arg(home.store())
            .args(["--as", actor, "serve", "--clock"])
            .arg(&clock)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut link = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut link).unwrap();
        let link = link.trim().to_owned();
        let host = link.split('/').nth(2).unwrap_or_default().to_owned();
        assert!(link.contains("/sign-in?link="), "`{link}`");
        Served { child, host, link, clock }
    }

    /// Sends a request that is nothing but what is said here.
    pub fn raw(&self, head: &str, body: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        // A server that has refused does not read the rest.
        let _ = stream.write_all(body);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        reply(&bytes)
    }

    pub fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str(&format!("Host: {}\r\n", self.host));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if method == "POST" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        self.raw(&format!("{head}\r\n"), body)
    }

    /// Follows the link of the start, or another one.
    pub fn sign_in(&self, link: &str) -> Browser {
        let secret = link.split("link=").nth(1).unwrap();
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let signed = self.ask("POST", "/sign-in", &form, format!("link={secret}").as_bytes()).is(303);
        assert_eq!(signed.header("location"), Some("/"));
        let cookie = signed.header("set-cookie").unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let page = self.ask("GET", "/", &[("Cookie", &cookie)], b"").is(200);
        let csrf = page.text().split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        Browser { csrf: csrf.to_owned(), cookie }
    }

    /// Sends files as the form of the import page does, each with its name.
    pub fn files(&self, browser: &Browser, fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Reply {
        let mut body = Vec::new();
        let asks = "file back mode month basis accept_unterminated strict dry_run";
        let own = [("csrf", browser.csrf.as_str()), ("asks", asks), ("back", "/import")];
        let texts = ["mode", "month", "basis"].iter().filter(|name| !fields.iter().any(|(n, _)| n == *name));
        let texts: Vec<(&str, &str)> = texts.map(|name| (*name, "")).collect();
        for (name, value) in own.iter().chain(&texts).chain(fields) {
            body.extend(
                format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
            );
        }
        for (name, bytes) in files {
            body.extend(
                format!("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n")
                    .bytes(),
            );
            body.extend_from_slice(bytes);
            body.extend(b"\r\n");
        }
        body.extend(b"--b--\r\n");
        let headers =
            [("Cookie", browser.cookie.as_str()), ("Content-Type", "multipart/form-data; boundary=b")];
        self.ask("POST", "/imports", &headers, &body)
    }

    /// Shows a page.
    pub fn get(&self, browser: &Browser, target: &str) -> Reply {
        self.ask("GET", target, &[("Cookie", &browser.cookie)], b"")
    }

    /// Sends a page's form: it names its fields, as every page's form does.
    pub fn form(&self, browser: &Browser, target: &str, fields: &[(&str, &str)]) -> Reply {
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        self.form_of(browser, target, &names, fields)
    }

    /// Sends a page's form of which a browser leaves fields out, as it does with boxes that are not ticked.
    pub fn form_of(&self, browser: &Browser, target: &str, names: &[&str], fields: &[(&str, &str)]) -> Reply {
        let mut body = format!("csrf={}&asks={}", browser.csrf, names.join("+"));
        for (name, value) in fields {
            body.push_str(&format!("&{name}={}", encoded(value)));
        }
        let headers =
            [("Cookie", browser.cookie.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
        self.ask("POST", target, &headers, body.as_bytes())
    }

    /// Sends JSON, as a program with a token does.
    pub fn post(&self, token: &str, target: &str, body: &Value, more: &[(&str, &str)]) -> Reply {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        headers.extend(more);
        self.ask("POST", target, &headers, body.to_string().as_bytes())
    }

    pub fn look(&self, token: &str, target: &str) -> Reply {
        self.ask("GET", target, &[("Authorization", &format!("Bearer {token}"))], b"")
    }

    /// Sets the clock, and waits until something has come of it.
    pub fn until(&self, now: &str, mut has: impl FnMut() -> bool) -> bool {
        std::fs::write(&self.clock, now).unwrap();
        (0..300).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            has()
        })
    }

    /// What the console leaves beside its store.
    pub fn word(&self) -> Value {
        let path = self.clock.with_file_name("store.redb.console");
        // While it is being written, it may be read in part.
        (0..100)
            .find_map(|_| {
                let text = std::fs::read(&path).unwrap_or_default();
                std::thread::sleep(Duration::from_millis(if text.is_empty() { 100 } else { 10 }));
                serde_json::from_slice(&text).ok()
            })
            .expect("a console leaves word")
    }

    /// Waits until the scheduler has looked twice more: the first of them may have begun before.
    #[track_caller]
    pub fn looks_again(&self) {
        let looks = || self.word()["looks"].as_u64().unwrap();
        let before = looks();
        let looked = (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            looks() >= before + 2
        });
        assert!(looked, "the scheduler has not looked for a minute");
    }

    /// Asks it to stop, as Ctrl-C does, and returns how it ended.
    pub fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn reply(bytes: &[u8]) -> Reply {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|s| s.parse().ok()).unwrap_or(0);
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let rest = bytes.get(end + 4..).unwrap_or_default();
    let is_chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if is_chunked { chunks(rest) } else { rest.to_vec() };
    Reply { status, headers, body }
}

fn chunks(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
    body
}

/// All operations of the OpenAPI document: method, path with sample values, and the operation.
pub fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let samples: BTreeMap<&str, &str> =
        [("{month}", "2021-03"), ("{number}", "1"), ("{uin}", super::PAYER), ("{name}", "bucket")].into();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let filled = samples.iter().fold(path.clone(), |path, (name, value)| path.replace(name, value));
        assert!(!filled.contains('{'), "{path}");
        for (method, operation) in methods.as_object().unwrap() {
            all.push((method.to_ascii_uppercase(), filled.clone(), operation.clone()));
        }
    }
    all
}
