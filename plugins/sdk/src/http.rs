//! Requests that the host sends.

use crate::bindings::billkeep::sink::http::{self, Body, HttpError};
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
        let body = String::from_utf8_lossy(self.body());
        let words: String = body.chars().take(200).collect();
        let error =
            Error::new(kind, &format!("HTTP-{status}"), format!("the server answered {status}: {words}"));
        let retry_after_ms = later.filter(|_| kind == ErrorKind::Throttled);
        Err(Error { http_status: Some(status), retry_after_ms, ..error })
    }
}

/// Reads `Retry-After`: seconds, or a date.
fn retry_after_ms(value: &str) -> Option<u64> {
    match value.trim().parse::<u64>() {
        Ok(s) => Some(s.saturating_mul(1_000)),
        Err(_) => Some(date_ms(value.trim())?.saturating_sub(host::now_ms())),
    }
}

/// Reads a date as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date_ms(text: &str) -> Option<u64> {
    let mut words = text.strip_suffix(" GMT")?.split_once(", ")?.1.split(' ');
    let day: i64 = words.next()?.parse().ok()?;
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let name = words.next()?;
    let month = months.iter().position(|m| *m == name)? as i64 + 1;
    let year: i64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':');
    let mut part = || clock.next()?.parse::<i64>().ok();
    let (hour, minute, second) = (part()?, part()?, part()?);
    // Days since 1970-01-01 of the proleptic Gregorian calendar, with years that begin in March.
    let shifted = if month > 2 { year } else { year - 1 };
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let era = shifted.div_euclid(400);
    let in_era = shifted.rem_euclid(400);
    let days = era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + of_year - 719_468;
    u64::try_from((days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_http_writes_them() {
        assert_eq!(date_ms("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(date_ms("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800_000));
        assert_eq!(date_ms("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(date_ms("yesterday"), None);
        assert_eq!(retry_after_ms("120"), Some(120_000));
    }
}
