//! A web server that answers as it is told, and remembers what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// How long the body was, where it is not kept.
    pub bytes: u64,
}

/// What the server does with one.
pub enum Reply {
    Answer(u16, Vec<(String, String)>, Vec<u8>),
    /// These bytes, whatever they are.
    Raw(Vec<u8>),
    /// A byte now and then, without an end.
    Drip,
    /// Nothing, and the line stays open.
    Silence,
    /// The line is cut.
    Reset,
}

impl Reply {
    pub fn status(status: u16) -> Reply {
        Reply::Answer(status, Vec::new(), Vec::new())
    }

    pub fn with(status: u16, header: &str, value: &str) -> Reply {
        Reply::Answer(status, vec![(header.to_owned(), value.to_owned())], Vec::new())
    }
}

type Answer = dyn Fn(&Asked) -> Reply + Send + Sync;

/// A running server.
pub struct Script {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Script {
    pub fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Script {
        Script::start_with(answer, true)
    }

    /// A server that keeps no bodies.
    pub fn start_forgetful(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Script {
        Script::start_with(answer, false)
    }

    fn start_with(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static, keeps: bool) -> Script {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, noted): (Arc<Answer>, _) = (Arc::new(answer), asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, noted) = (answer.clone(), noted.clone());
                std::thread::spawn(move || serve(stream, &*answer, &noted, keeps));
            }
        });
        Script { address, asked }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, answer: &Answer, noted: &Mutex<Vec<Asked>>, keeps: bool) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    let mut body = Vec::new();
    let bytes = if keeps {
        (&mut reader).take(length).read_to_end(&mut body).ok()? as u64
    } else {
        std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink()).ok()?
    };
    // A line that was cut before the end was no request.
    (bytes == length).then_some(())?;
    let asked = Asked { method, path, headers, body, bytes };
    noted.lock().unwrap().push(asked.clone());
    let mut stream = stream;
    match answer(&asked) {
        Reply::Answer(status, headers, body) => {
            let mut text =
                format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
            headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
            text.push_str("\r\n");
            stream.write_all(text.as_bytes()).ok()?;
            if asked.method != "HEAD" {
                stream.write_all(&body).ok()?;
            }
        }
        Reply::Raw(bytes) => stream.write_all(&bytes).ok()?,
        Reply::Drip => {
            stream.write_all(b"HTTP/1.1 200 X\r\n\r\n").ok()?;
            while stream.write_all(b".").is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Reply::Silence => {
            let _ = reader.read(&mut [0; 1]);
        }
        Reply::Reset => {}
    }
    Some(())
}
