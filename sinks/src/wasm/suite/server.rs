//! A server that a plugin is tried at: it keeps what it is sent, or does what goes wrong elsewhere.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the server does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// It keeps objects under their paths.
    #[default]
    Keeps,
    /// It keeps them, and cuts the line instead of answering.
    KeepsAndCuts,
    /// It answers with a status, and perhaps a header.
    Answers(u16, Option<(&'static str, String)>),
    /// It cuts the line.
    Cuts,
    /// It takes the request and never answers.
    Stalls,
    /// It answers with more than anybody wants.
    Floods,
    /// It answers with something that is not HTTP.
    Babbles,
    /// It announces more than it sends.
    BreaksOff,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct RecordedRequest {
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    /// What of the body is looked at.
    pub(super) body: Vec<u8>,
}

#[derive(Default)]
struct ServerState {
    does: Behaviour,
    objects: BTreeMap<String, Vec<u8>>,
    asked: Vec<RecordedRequest>,
}

/// A running server; it ends with the value.
pub(super) struct TestServer {
    pub(super) address: SocketAddr,
    state: Arc<Mutex<ServerState>>,
    ends: Arc<AtomicBool>,
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // The one that waits for a line is woken by one.
        let _ = TcpStream::connect(self.address);
    }
}

fn locked(state: &Mutex<ServerState>) -> MutexGuard<'_, ServerState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TestServer {
    pub(super) fn start() -> io::Result<TestServer> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(ServerState::default()));
        let ends = Arc::new(AtomicBool::new(false));
        let (theirs, over) = (state.clone(), ends.clone());
        std::thread::Builder::new().name("billkeep-target".into()).spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (state, over) = (theirs.clone(), over.clone());
                std::thread::spawn(move || serve(&stream, &state, &over));
            }
        })?;
        Ok(TestServer { address, state, ends })
    }

    pub(super) fn does(&self, does: Behaviour) {
        locked(&self.state).does = does;
    }

    /// Forgets everything, and keeps objects from now on.
    pub(super) fn clear(&self) {
        *locked(&self.state) = ServerState::default();
    }

    pub(super) fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        locked(&self.state).objects.clone()
    }

    pub(super) fn asked(&self) -> Vec<RecordedRequest> {
        locked(&self.state).asked.clone()
    }
}

/// Bodies up to this length are kept with their requests.
const BODY_BYTES_KEPT: usize = 1 << 20;

fn serve(stream: &TcpStream, state: &Mutex<ServerState>, ends: &AtomicBool) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let mut reader = BufReader::new(stream);
    let line = line_of(&mut reader)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    while let Some((name, value)) = line_of(&mut reader)?.split_once(':') {
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let header =
        |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let length = header("content-length").and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    let mut body = Vec::new();
    (&mut reader).take(length).read_to_end(&mut body).ok()?;
    let does = {
        let mut state = locked(state);
        let kept = body.get(..BODY_BYTES_KEPT).unwrap_or(&body).to_vec();
        state.asked.push(RecordedRequest { line: line.clone(), headers: headers.clone(), body: kept });
        state.does.clone()
    };
    let mut out = stream;
    match does {
        Behaviour::Keeps | Behaviour::KeepsAndCuts => {
            let (status, answer, etag) = keep(state, &method, &path, body, &header);
            if does == Behaviour::Keeps {
                let length = answer.len();
                let etag = etag.map_or(String::new(), |etag| format!("etag: {etag}\r\n"));
                write!(
                    out,
                    "HTTP/1.1 {status} X\r\nconnection: close\r\n{etag}content-length: {length}\r\n\r\n"
                )
                .ok()?;
                if method != "HEAD" {
                    out.write_all(&answer).ok()?;
                }
            }
        }
        Behaviour::Answers(status, header) => {
            let header = header.map_or(String::new(), |(name, value)| format!("{name}: {value}\r\n"));
            write!(out, "HTTP/1.1 {status} X\r\nconnection: close\r\n{header}content-length: 0\r\n\r\n")
                .ok()?;
        }
        Behaviour::Cuts => {}
        Behaviour::Stalls => {
            while !ends.load(Ordering::Relaxed) && stream.peek(&mut [0]).is_ok_and(|n| n > 0) {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Behaviour::Floods => {
            write!(out, "HTTP/1.1 200 X\r\nconnection: close\r\n\r\n").ok()?;
            for _ in 0..64 {
                out.write_all(&[b'x'; 1 << 20]).ok()?;
            }
        }
        Behaviour::Babbles => out.write_all(&[0xff; 2_000]).ok()?,
        Behaviour::BreaksOff => write!(out, "HTTP/1.1 200 X\r\ncontent-length: 1000\r\n\r\nabc").ok()?,
    }
    Some(())
}

fn line_of(reader: &mut impl io::BufRead) -> Option<String> {
    let mut line = String::new();
    reader.take(64 << 10).read_line(&mut line).ok().filter(|n| *n > 0)?;
    Some(line.trim_end().to_owned())
}

/// Keeps, gives back or removes an object; returns status, body and mark.
fn keep(
    state: &Mutex<ServerState>,
    method: &str,
    path: &str,
    body: Vec<u8>,
    header: &dyn Fn(&str) -> Option<String>,
) -> (u16, Vec<u8>, Option<String>) {
    let objects = &mut locked(state).objects;
    let mark = |bytes: &[u8]| Some(format!("\"{:08x}\"", crc32fast::hash(bytes)));
    match method {
        "PUT" | "POST" => {
            if let Some(range) = header("content-range") {
                let first =
                    range.strip_prefix("bytes ").and_then(|r| r.split('-').next()?.parse::<usize>().ok());
                let held = objects.entry(path.to_owned()).or_default();
                let Some(first) = first.filter(|first| *first <= held.len()) else {
                    return (416, Vec::new(), None);
                };
                held.truncate(first);
                held.extend(body);
                return (200, Vec::new(), mark(held));
            }
            let is_new = header("if-none-match").is_some_and(|value| value == "*");
            if is_new && objects.get(path).is_some_and(|held| *held != body) {
                return (412, Vec::new(), None);
            }
            let mark = mark(&body);
            objects.insert(path.to_owned(), body);
            (200, b"{\"ok\":true}".to_vec(), mark)
        }
        "GET" | "HEAD" => match objects.get(path) {
            Some(held) => (200, held.clone(), mark(held)),
            None if path.ends_with('/') => (200, Vec::new(), None),
            None => (404, Vec::new(), None),
        },
        "DELETE" => {
            objects.remove(path);
            (204, Vec::new(), None)
        }
        _ => (405, Vec::new(), None),
    }
}
