//! A connection's bytes: no line of a head ends with a bare LF, and a client that takes nothing is let go.
//!
//! The HTTP library takes a bare LF for the end of a line, and another server before this one may not: what is one request to one
//! of them is two to the other. Such an LF is made a character that no head has, so that the library refuses the request.
//! A body is skipped by its length. After a request in chunks the connection ends, so its bytes need not be followed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// How much of a head's line is looked at: names and values that matter are short.
const LINE_BYTES_MAX: usize = 64;

/// A stream whose heads are looked at and whose writes have a limit of time.
pub(super) struct Wire<S> {
    stream: S,
    head: Head,
    wait: Duration,
    /// Until when a write and a flush have to get on.
    waits: [Option<Pin<Box<Sleep>>>; 2],
}

impl<S> Wire<S> {
    pub(super) fn new(stream: S, wait: Duration) -> Wire<S> {
        Wire { stream, head: Head::default(), wait, waits: [None, None] }
    }

    /// Ends what gets on no more.
    fn in_time<T>(
        &mut self,
        of: usize,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let Some(slot) = self.waits.get_mut(of) else { return polled };
        if polled.is_ready() {
            *slot = None;
            return polled;
        }
        let wait = slot.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.wait)));
        match wait.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Some(new) = buf.filled_mut().get_mut(before..) {
            self.head.query(new);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.in_time(0, cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.in_time(0, cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.in_time(1, cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.in_time(1, cx, polled)
    }
}

/// Where among a connection's bytes we are.
#[derive(Debug, Default)]
enum Part {
    #[default]
    Head,
    /// So many bytes of a body are left.
    Body(u64),
    /// A body whose end is not known here.
    Rest,
}

/// A head as far as it has come.
#[derive(Debug, Default)]
struct Head {
    part: Part,
    line: Vec<u8>,
    is_begun: bool,
    length: u64,
    is_chunked: bool,
    after_cr: bool,
}

impl Head {
    /// Looks at bytes that came, and makes an LF without its CR a character that no head has.
    fn query(&mut self, bytes: &mut [u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.part {
                Part::Rest => return,
                Part::Body(0) => self.part = Part::Head,
                Part::Body(left) => {
                    let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    self.part = Part::Body(left.saturating_sub(skipped as u64));
                    rest = rest.get_mut(skipped..).unwrap_or_default();
                }
                Part::Head => {
                    let Some((byte, tail)) = rest.split_first_mut() else { return };
                    self.byte(byte);
                    rest = tail;
                }
            }
        }
    }

    fn byte(&mut self, byte: &mut u8) {
        if *byte != b'\n' {
            self.after_cr = *byte == b'\r';
            if !self.after_cr && self.line.len() < LINE_BYTES_MAX {
                self.line.push(byte.to_ascii_lowercase());
            }
            return;
        }
        if !std::mem::take(&mut self.after_cr) {
            *byte = 0;
            return;
        }
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.is_begun = true;
            self.header(&line);
        } else if self.is_begun {
            let part = if self.is_chunked { Part::Rest } else { Part::Body(self.length) };
            *self = Head { part, ..Head::default() };
        }
    }

    fn header(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return };
        let (name, value) = line.split_at(colon);
        match name {
            b"transfer-encoding" => self.is_chunked = true,
            b"content-length" => {
                // A length that is none is refused by the library.
                let text = value.get(1..).and_then(|value| std::str::from_utf8(value).ok());
                self.length = text.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    fn looked(text: &str) -> Vec<String> {
        // Whole, and byte by byte.
        [text.len().max(1), 1]
            .map(|size| {
                let (mut head, mut bytes) = (Head::default(), text.as_bytes().to_vec());
                bytes.chunks_mut(size).for_each(|piece| head.query(piece));
                String::from_utf8(bytes).unwrap()
            })
            .to_vec()
    }

    #[test]
    fn a_bare_lf_in_a_head_is_spoiled_and_one_in_a_body_is_not() {
        for (text, spoiled) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\0Host: a\r\n\r\n"),
            ("GET / HTTP/1.1\r\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\0\0"),
            (
                "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n\n\n\nGET / HTTP/1.1\r\nX: a\n\r\n\r\n",
                "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n\n\n\nGET / HTTP/1.1\r\nX: a\0\r\n\r\n",
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n",
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n",
            ),
        ] {
            assert_eq!(looked(text), [spoiled, spoiled]);
        }
    }

    #[test]
    fn a_client_that_takes_nothing_is_let_go() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (near, far) = tokio::io::duplex(16);
            let mut wire = Wire::new(near, Duration::from_millis(50));
            let failed = wire.write_all(&[b'a'; 64]).await.unwrap_err();
            assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
            drop(far);
        });
    }
}
