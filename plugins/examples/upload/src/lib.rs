//! Uploads bills to a server: `PUT {url}/{key}`, each request signed with HMAC-SHA256. Large objects go in pieces, by
//! `Content-Range`; what has arrived is remembered, so that an upload goes on where it broke off.

use billkeep_plugin::*;

/// What is sent in one request.
const PIECE_BYTES: u64 = 8 << 20;

struct Upload {
    url: String,
    piece_bytes: u64,
}

impl Upload {
    /// A request to a URL, signed: the server makes the same signature of method, URL, date and the digest of the body.
    fn request(&self, method: &str, key: &str, object: Option<(&Object, &str)>) -> Result<Request, Error> {
        let url = format!("{}/{}", self.url, in_url(key));
        let at = (host::now_ms() / 1_000).to_string();
        let digest = object.map_or("", |(_, digest)| digest);
        let message = [method, &url, &at, digest].join("\n");
        let signature = hex(&host::hmac("UPLOAD_KEY", "sha256", message.as_bytes())?);
        let mut request = Request::new(method, &url).header("x-date", &at).header("x-signature", &signature);
        if let Some((object, digest)) = object {
            request = request
                .header("content-type", &object.content_type)
                .header("idempotency-key", &object.idempotency_key)
                .header("x-body-sha256", digest);
        }
        Ok(request)
    }

    /// Sends what is left of an object, piece by piece.
    fn in_pieces(&self, object: &Object, data: &Blob) -> Result<(), Error> {
        let state = format!("sent/{}", object.idempotency_key);
        let sent = host::get(&state).and_then(|bytes| Some(u64::from_le_bytes(bytes.try_into().ok()?)));
        let mut at = sent.unwrap_or(0);
        while at < object.size {
            if host::cancelled() {
                return Err(Error::new(
                    ErrorKind::Transient,
                    "UPLOAD-STOPPED",
                    "stopped as asked; it goes on from here",
                ));
            }
            let len = self.piece_bytes.min(object.size - at);
            let piece = data.slice(at, len)?;
            let digest = hex(&piece.digest("sha256")?);
            let range = format!("bytes {at}-{}/{}", at + len - 1, object.size);
            let request =
                self.request("PUT", &object.key, Some((object, &digest)))?.header("content-range", &range);
            request.send_blob(&piece)?.accepted()?;
            at += len;
            host::set(&state, &at.to_le_bytes())
                .map_err(|why| Error::new(ErrorKind::Config, "UPLOAD-STATE", why))?;
        }
        host::delete(&state);
        Ok(())
    }
}

impl Sink for Upload {
    const ABOUT: About = About {
        name: "upload",
        version: env!("CARGO_PKG_VERSION"),
        schema: r#"{
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "required": ["url"],
            "properties": {
                "url": {"type": "string", "description": "where objects go, without the slash at the end", "x-host": true},
                "piece_mib": {"type": "integer", "minimum": 1, "maximum": 1024, "default": 8}
            }
        }"#,
        at_once: 4,
        docs: "plugins/examples/upload/README.md",
        ..About::DEFAULT
    };

    fn validate(settings: &Settings) -> Vec<Error> {
        let mut problems = Vec::new();
        match settings.text("url") {
            Ok(url) if !url.starts_with("https://") && !url.starts_with("http://") => {
                problems.push(Error::setting("url", "it has to begin with `https://` or `http://`"));
            }
            Ok(url) if url.ends_with('/') => {
                problems.push(Error::setting("url", "without the slash at its end"))
            }
            Ok(_) => {}
            Err(problem) => problems.push(problem),
        }
        match settings.number("piece_mib", 8) {
            Ok(1..=1024) => {}
            Ok(_) => problems.push(Error::setting("piece_mib", "it has to be 1 to 1024")),
            Err(problem) => problems.push(problem),
        }
        problems
    }

    fn open(settings: &Settings) -> Result<Upload, Error> {
        let piece_bytes = settings.number("piece_mib", PIECE_BYTES >> 20)? << 20;
        Ok(Upload { url: settings.text("url")?, piece_bytes })
    }

    fn check(&self) -> Result<(), Error> {
        self.request("HEAD", "", None)?.send()?.accepted().map(drop)
    }

    fn put(&self, object: &Object, data: &Blob) -> Result<Receipt, Error> {
        if object.size > self.piece_bytes {
            self.in_pieces(object, data)?;
        } else {
            let request = self.request("PUT", &object.key, Some((object, &object.sha256)))?;
            let request = match object.mode {
                WriteMode::CreateOnly => request.header("if-none-match", "*"),
                _ => request,
            };
            request.send_blob(data)?.accepted()?;
        }
        Ok(Receipt::of(object, format!("{}/{}", self.url, in_url(&object.key))))
    }
}

billkeep_plugin::export!(Upload);
