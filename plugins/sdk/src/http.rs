//! Requests that the host sends.

use crate::bindings::billkeep::sink::http::{self, Body, HttpError};
use crate::json::number;
use crate::{Blob, Error, ErrorKind, host};

/// What of an answer is read, at most.
const ANSWER_BYTES: u32 = 1 << 20;

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    request: http::Request,
}

impl Request {
    /// A request with a method of one's own.
    pub fn new(method: &str, url: &str) -> Request {
        Request {
            request: http::Request {
                method: method.to_owned(),
                url: url.to_owned(),
                headers: Vec::new(),
                timeout_ms: None,
                max_response_bytes: ANSWER_BYTES,
            },
        }
    }

    /// `GET`.
    pub fn get(url: &str) -> Request {
        Request::new("GET", url)
    }

    /// `PUT`.
    pub fn put(url: &str) -> Request {
        Request::new("PUT", url)
    }

    /// `POST`.
    pub fn post(url: &str) -> Request {
        Request::new("POST", url)
    }

    /// `DELETE`.
    pub fn delete(url: &str) -> Request {
        Request::new("DELETE", url)
    }

    /// Adds a header; `${secret:NAME}` in it becomes that secret on its way.
    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.request.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Says how long it may take.
    pub fn timeout_ms(mut self, ms: u32) -> Request {
        self.request.timeout_ms = Some(ms);
        self
    }

    /// Sends it without a body.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn send(self) -> Result<Response, Error> {
        answered(http::send(&self.request, &Body::None))
    }

    /// Sends it with bytes.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn send_bytes(self, bytes: Vec<u8>) -> Result<Response, Error> {
        answered(http::send(&self.request, &Body::Bytes(bytes)))
    }

    /// Sends it with an object, or a slice of one, which goes from the host's disk to the network.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn send_blob(self, blob: &Blob) -> Result<Response, Error> {
        answered(http::send(&self.request, &Body::Blob(blob)))
    }
}

fn answered(answer: Result<http::Response, HttpError>) -> Result<Response, Error> {
    answer.map(|response| Response { response }).map_err(|error| {
        let (kind, code, why) = match error {
            HttpError::Denied(why) => (ErrorKind::Config, "HTTP-DENIED", why),
            HttpError::Dns(why) => (ErrorKind::Transient, "HTTP-DNS", why),
            HttpError::Connect(why) => (ErrorKind::Transient, "HTTP-CONNECT", why),
            HttpError::Tls(why) => (ErrorKind::Config, "HTTP-TLS", why),
            HttpError::Timeout => (ErrorKind::Transient, "HTTP-TIMEOUT", "no answer in time".to_owned()),
            HttpError::ResponseTooLarge(bytes) => {
                (ErrorKind::Fatal, "HTTP-TOO-LARGE", format!("the answer has {bytes} bytes"))
            }
            HttpError::Other(why) => (ErrorKind::Transient, "HTTP", why),
        };
        Error::new(kind, code, why)
    })
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Response {
    response: http::Response,
}

impl Response {
    /// The status.
    pub fn status(&self) -> u16 {
        self.response.status
    }

    /// A header's value, the first of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.response.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The length that the server says an object has, as in an answer to `HEAD`.
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length").and_then(number)
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.response.body
    }

    /// The answer, if its status says that all is well; or else an error whose kind follows from the status.
    ///
    /// # Errors
    /// 401 and 403 are `auth`; 409 and 412 `conflict`; 408, 425 and 5xx `transient`; 429 and a 503 that says when `throttled`;
    /// a redirect and 404 `config`; any other `rejected`.
    pub fn accepted(self) -> Result<Response, Error> {
        let status = self.status();
        let later = self.header("retry-after").and_then(retry_after_ms);
        let kind = match status {
            200..=299 => return Ok(self),
            401 | 403 | 407 => ErrorKind::Auth,
            409 | 412 => ErrorKind::Conflict,
            429 => ErrorKind::Throttled,
            503 if later.is_some() => ErrorKind::Throttled,
            408 | 425 | 500..=599 => ErrorKind::Transient,
            300..=399 | 404 | 405 | 410 => ErrorKind::Config,
            _ => ErrorKind::Rejected,
        };
        let words = String::from_utf8_lossy(self.body().get(..200).unwrap_or(self.body()));
        let error =
            Error::new(kind, &format!("HTTP-{status}"), format!("the server answered {status}: {words}"));
        let retry_after_ms = later.filter(|_| kind == ErrorKind::Throttled);
        Err(Error { http_status: Some(status), retry_after_ms, ..error })
    }
}

/// Reads `Retry-After`: seconds, or a date.
fn retry_after_ms(value: &str) -> Option<u64> {
    let value = value.trim_ascii();
    match number(value) {
        Some(s) => Some(s.saturating_mul(1_000)),
        None => Some(date_ms(value)?.saturating_sub(host::now_ms())),
    }
}

/// Reads a date as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`, where each part has its place.
fn date_ms(text: &str) -> Option<u64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let part = |from: usize, len: usize| number(text.get(from..from + len)?);
    (text.len() == 29 && text.ends_with(" GMT")).then_some(())?;
    let (day, year) = (part(5, 2)?, part(12, 4)?);
    let (hour, minute, second) = (part(17, 2)?, part(20, 2)?, part(23, 2)?);
    let name = text.get(8..11)?;
    let month = (0..12).find(|n| MONTHS.get(n * 3..n * 3 + 3) == Some(name))? as u64;
    // Days since 1970-01-01 of the Gregorian calendar, with years that begin in March: so a leap day is a year's last.
    let (year, month) = if month < 2 { (year.checked_sub(1)?, month + 10) } else { (year, month - 2) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    let s = days.checked_sub(719_469)? * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(s * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_http_writes_them() {
        assert_eq!(date_ms("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(date_ms("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800_000));
        assert_eq!(date_ms("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(date_ms("Fri, 01 Mar 2024 12:00:01 GMT"), Some(1_709_294_401_000));
        assert_eq!(date_ms("Wed, 31 Dec 1969 23:59:59 GMT"), None);
        assert_eq!(date_ms("Sun, 06 Nov 1994 08:49:37 CET"), None);
        assert_eq!(date_ms("Sun, 06 Nov 1994 08:49:+7 GMT"), None);
        assert_eq!(date_ms("yesterday"), None);
        assert_eq!(retry_after_ms(" 120 "), Some(120_000));
    }
}
