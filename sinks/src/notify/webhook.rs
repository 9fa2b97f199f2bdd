//! A webhook: JSON by POST, by the library that object stores are spoken to with.

use ring::hmac;

use super::options::{check_options, is_reference, secret, shortened, timeout};
use crate::http::{Http, HttpSettings};
use crate::options::{Env, Options, UrlError};
use crate::redact::Redactor;
use billkeep_core::deliveries::{NoticeEvent, Notify, NotifyError};
use billkeep_core::values::hex;

const KNOWN: &[(&str, &str)] = &[
    ("token", "env:NAME|file:PATH"),
    ("sign", "env:NAME|file:PATH"),
    ("ca", "FILE"),
    ("proxy", "URL"),
    ("allow_http", "yes|no"),
    ("timeout_s", "N"),
];

pub(super) fn check(url: &str, options: &Options) -> Result<(), UrlError> {
    if !is_reference(url) {
        check_url(url, options).map_err(|known| UrlError::Value {
            name: "webhook".into(),
            // Whatever follows the host may be a secret.
            value: url.split(['?', '@']).next().unwrap_or_default().to_owned(),
            known,
        })?;
    }
    check_options(options, KNOWN)
}

fn check_url(url: &str, options: &Options) -> Result<(), String> {
    let rest = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => rest,
        (_, Some(rest)) if options.get("allow_http").is_some_and(|value| value == "yes") => rest,
        (_, Some(_)) => {
            return Err("an https URL, unless `allow_http=yes` is said: all would go in the open".into());
        }
        _ => return Err("a URL with https, or where one is, `env:NAME` or `file:PATH`".into()),
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() {
        return Err("a URL with a host".into());
    }
    if host.contains('@') {
        return Err("a URL without a password: name it by `token=env:NAME`".into());
    }
    Ok(())
}

pub(super) struct Webhook {
    http: Http,
    url: String,
    /// How it is called in errors: a URL that is a secret is not shown.
    name: String,
    token: Option<String>,
    sign: Option<hmac::Key>,
    redactor: Redactor,
}

impl Webhook {
    pub(super) fn new(url: &str, options: &Options, env: Env<'_>) -> Result<Webhook, NotifyError> {
        let said = |name: &str| options.get(name).map(String::as_str);
        let of = |what: &str, name: &str| said(name).map(|place| secret(what, place, env)).transpose();
        let address = if is_reference(url) { secret("the webhook's URL", url, env)? } else { url.to_owned() };
        check_url(&address, options).map_err(|why| NotifyError::refused(format!("`{url}`: say {why}")))?;
        let settings = HttpSettings {
            timeout: timeout(options),
            allow_http: said("allow_http") == Some("yes"),
            ca: said("ca"),
            proxy: said("proxy"),
        };
        let (token, key) = (of("the token", "token")?, of("the key for signatures", "sign")?);
        // A URL that is named by its place is a secret, the token in it as well.
        let secret_url = is_reference(url).then_some(address.as_str());
        let path = secret_url.and_then(|url| url.split_once("://")?.1.split_once('/')).map(|(_, path)| path);
        let secrets = [secret_url, path, token.as_deref(), key.as_deref()].into_iter().flatten();
        let redactor = Redactor::new(secrets).map_err(NotifyError::refused)?;
        Ok(Webhook {
            http: Http::new(&settings).map_err(NotifyError::refused)?,
            url: address,
            name: url.to_owned(),
            token,
            redactor,
            sign: key.map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes())),
        })
    }
}

impl Notify for Webhook {
    fn notify(&self, event: NoticeEvent, id: &str, body: &str) -> Result<(), NotifyError> {
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("idempotency-key", id.to_owned()),
            ("x-billkeep-event", event.word().to_owned()),
        ];
        if let Some(token) = &self.token {
            headers.push(("authorization", format!("Bearer {token}")));
        }
        if let Some(key) = &self.sign {
            let tag = hmac::sign(key, body.as_bytes());
            headers.push(("x-billkeep-signature", format!("sha256={}", hex(tag.as_ref()))));
        }
        let name = &self.name;
        let (status, said) = self
            .http
            .post(&self.url, &headers, body)
            .map_err(|why| self.redactor.redacted(&why))
            .map_err(|why| NotifyError::passing(format!("`{name}` cannot be reached: {why}")))?;
        let said = self.redactor.redacted(&said);
        let said = if said.trim().is_empty() { String::new() } else { format!(": {}", shortened(&said)) };
        let why = format!("`{name}` answered {status}{said}");
        match status {
            200..=299 => Ok(()),
            408 | 425 | 429 | 500..=599 => Err(NotifyError::passing(why)),
            401 | 403 | 407 => Err(NotifyError::credentials(why)),
            _ => Err(NotifyError::refused(why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use billkeep_core::deliveries::FailureKind;
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    /// A server that answers one request; the thread returns what it was sent: the head's lines, and the body.
    fn server(answer: &'static str) -> (String, JoinHandle<(Vec<String>, String)>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook/secret", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let mut head = Vec::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                match line.trim_end() {
                    "" => break,
                    line => head.push(line.to_owned()),
                }
            }
            let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            let mut body = vec![0; length.parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
            (head, String::from_utf8(body).unwrap())
        });
        (url, thread)
    }

    fn env(name: &str) -> Option<String> {
        (name == "HOOK_SECRET").then(|| "key".to_owned())
    }

    fn options(pairs: &[(&str, &str)]) -> Options {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    fn answered(answer: &'static str) -> NotifyError {
        let (url, server) = server(answer);
        let hook = Webhook::new(&url, &options(&[("allow_http", "yes")]), &env).unwrap();
        let error = hook.notify(NoticeEvent::Delivered, "id", "{}").unwrap_err();
        server.join().unwrap();
        error
    }

    #[test]
    fn a_webhook_gets_json_with_an_id_a_token_and_a_signature() {
        let (url, server) = server("HTTP/1.1 204 No Content\r\n\r\n");
        let said = [("allow_http", "yes"), ("token", "env:HOOK_SECRET"), ("sign", "env:HOOK_SECRET")];
        let hook = Webhook::new(&url, &options(&said), &env).unwrap();
        hook.notify(NoticeEvent::Delivered, "billkeep-1-2", "The quick brown fox jumps over the lazy dog")
            .unwrap();
        let (head, body) = server.join().unwrap();
        assert_eq!(
            (head[0].as_str(), body.as_str()),
            ("POST /hook/secret HTTP/1.1", "The quick brown fox jumps over the lazy dog")
        );
        for line in [
            "content-type: application/json",
            "idempotency-key: billkeep-1-2",
            "x-billkeep-event: delivered",
            "authorization: Bearer key",
            // The published example of HMAC-SHA256 with this key and text.
            "x-billkeep-signature: sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
        ] {
            assert!(head.iter().any(|found| found == line), "{line}: {head:?}");
        }
    }

    #[test]
    fn an_answer_is_of_the_kind_that_decides_what_comes_next() {
        let busy = answered("HTTP/1.1 503 Unavailable\r\ncontent-length: 9\r\n\r\ncome  back");
        assert_eq!(busy.kind, FailureKind::Transient);
        assert!(busy.why.ends_with("answered 503: come bac"), "{busy}");
        assert_eq!(answered("HTTP/1.1 429 Slow\r\n\r\n").kind, FailureKind::Transient);
        assert_eq!(answered("HTTP/1.1 401 Who\r\n\r\n").kind, FailureKind::Credentials);
        assert_eq!(answered("HTTP/1.1 404 Gone\r\n\r\n").kind, FailureKind::Refused);
        // A post that is sent elsewhere did not arrive.
        let moved = answered("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\n\r\n");
        assert_eq!(moved.kind, FailureKind::Refused);
        let none =
            Webhook::new("http://127.0.0.1:1/secret", &options(&[("allow_http", "yes")]), &env).unwrap();
        assert_eq!(none.notify(NoticeEvent::Test, "id", "{}").unwrap_err().kind, FailureKind::Transient);
    }

    #[test]
    fn of_an_answer_without_end_64_kib_are_read_and_the_connection_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while request.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let mut sent_bytes = stream.write(b"HTTP/1.1 404 Gone\r\n\r\n").unwrap();
            // Until whoever asked has closed: without a limit, this would end with the machine's memory.
            while let Ok(bytes) = stream.write(&[b'x'; 1 << 16]) {
                sent_bytes += bytes;
                if sent_bytes > 1 << 28 {
                    break;
                }
            }
            sent_bytes
        });
        let hook = Webhook::new(&url, &options(&[("allow_http", "yes")]), &env).unwrap();
        let error = hook.notify(NoticeEvent::Test, "id", "{}").unwrap_err();
        drop(hook);
        assert_eq!(error.kind, FailureKind::Refused);
        assert!(error.why.contains("answered 404: xxx") && error.why.len() < 400, "{error}");
        // What was sent besides lies in the system's buffers.
        assert!(server.join().unwrap() < 1 << 26);
    }

    #[test]
    fn a_server_that_repeats_a_secret_does_not_bring_it_into_the_log() {
        let (url, server) = server("HTTP/1.1 403 No\r\ncontent-length: 26\r\n\r\nBearer hook-token-3f9a1 no");
        let said = [("allow_http", "yes"), ("token", "env:HOOK_TOKEN")];
        let env = |name: &str| (name == "HOOK_TOKEN").then(|| "hook-token-3f9a1".to_owned());
        let hook = Webhook::new(&url, &options(&said), &env).unwrap();
        let error = hook.notify(NoticeEvent::Test, "id", "{}").unwrap_err();
        server.join().unwrap();
        assert!(error.why.ends_with("answered 403: Bearer *** no"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_url_that_is_a_secret_is_read_where_it_is_and_never_told() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hook");
        std::fs::write(&path, "http://127.0.0.1:1/token-of-the-hook\n").unwrap();
        let place = format!("file:{}", path.display());
        let said = options(&[("allow_http", "yes")]);
        let open = |place: &str| Webhook::new(place, &said, &env);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = open(&place).err().unwrap();
        assert_eq!(error.kind, FailureKind::Credentials);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let error = open(&place).unwrap().notify(NoticeEvent::Test, "id", "{}").unwrap_err();
        assert!(
            error.why.contains("cannot be reached") && !error.why.contains("token-of-the-hook"),
            "{error}"
        );
        assert_eq!(open("env:NOWHERE").err().unwrap().kind, FailureKind::Credentials);
    }

    #[test]
    fn what_is_wrong_is_said_before_anything_is_sent() {
        for (url, said, words) in [
            ("ftp://a/b", &[][..], "https"),
            ("http://example.com/hook", &[], "allow_http=yes"),
            ("https://user:password@example.com/", &[], "without a password"),
            ("https:///hook", &[], "a host"),
            ("https://example.com", &[("token", "swordfish")], "env:NAME"),
            ("https://example.com", &[("sign", "")], "env:NAME"),
            ("https://example.com", &[("timeout_s", "0")], "3600"),
            ("https://example.com", &[("retries", "3")], "`timeout_s=N`"),
        ] {
            let why = check(url, &options(said)).unwrap_err().to_string();
            assert!(
                why.contains(words) && !why.contains("password@") && !why.contains("swordfish"),
                "{url}: {why}"
            );
        }
        assert!(check("env:HOOK", &options(&[("token", "file:/etc/token"), ("ca", "/etc/ca.pem")])).is_ok());
    }
}
