//! Writes a journal entry for each bill: what the manifest says, as text for beancount or hledger.

mod entry;

use billkeep_plugin::*;
use entry::{Accounts, Format, entry};
use serde_json::Value;

struct Ledger {
    url: String,
    format: Format,
    accounts: Accounts,
    kind: String,
}

fn account(settings: &Settings, name: &str, usual: &str) -> Result<String, Error> {
    let account = settings.maybe_text(name)?.unwrap_or_else(|| usual.to_owned());
    // What both programs take, so that the text cannot become another one.
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    match account.split(':').count() > 1 && account.split(':').all(part) {
        true => Ok(account),
        false => {
            Err(Error::setting(name, format!("`{account}` is no account: write it as `Expenses:Cloud`")))
        }
    }
}

impl Sink for Ledger {
    const ABOUT: About = About {
        name: "ledger",
        version: env!("CARGO_PKG_VERSION"),
        schema: r#"{
            "type": "object",
            "required": ["url"],
            "properties": {
                "url": {"type": "string", "x-host": true},
                "format": {"type": "string", "enum": ["beancount", "hledger"], "default": "beancount"},
                "expense": {"type": "string", "default": "Expenses:Cloud"},
                "liability": {"type": "string", "default": "Liabilities:Cloud-Provider"},
                "kind": {"type": "string", "enum": ["daily", "monthly", "reseller"], "default": "monthly"}
            }
        }"#,
        docs: "plugins/examples/ledger/README.md",
        ..About::DEFAULT
    };

    fn validate(settings: &Settings) -> Vec<Error> {
        // All that is wrong at once, not the first alone.
        let mut problems: Vec<Error> = [
            settings.text("url").err(),
            account(settings, "expense", "Expenses:Cloud").err(),
            account(settings, "liability", "Liabilities:Cloud-Provider").err(),
        ]
        .into_iter()
        .flatten()
        .collect();
        if problems.is_empty() {
            problems.extend(Ledger::open(settings).err());
        }
        problems
    }

    fn open(settings: &Settings) -> Result<Ledger, Error> {
        let url = settings.text("url")?;
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(Error::setting("url", "it has to begin with `https://` or `http://`"));
        }
        let format = match settings.maybe_text("format")?.as_deref() {
            None | Some("beancount") => Format::Beancount,
            Some("hledger") => Format::Hledger,
            Some(other) => {
                return Err(Error::setting(
                    "format",
                    format!("`{other}` is neither `beancount` nor `hledger`"),
                ));
            }
        };
        let kind = settings.maybe_text("kind")?.unwrap_or_else(|| "monthly".to_owned());
        if !["daily", "monthly", "reseller"].contains(&kind.as_str()) {
            return Err(Error::setting(
                "kind",
                format!("`{kind}` is no kind: `daily`, `monthly`, `reseller`"),
            ));
        }
        Ok(Ledger {
            url: url.trim_end_matches('/').to_owned(),
            format,
            accounts: Accounts {
                expense: account(settings, "expense", "Expenses:Cloud")?,
                liability: account(settings, "liability", "Liabilities:Cloud-Provider")?,
            },
            kind,
        })
    }

    fn check(&self) -> Result<(), Error> {
        Request::new("HEAD", &format!("{}/", self.url)).send()?.accepted().map(drop)
    }

    fn put(&self, object: &Object, data: &Blob) -> Result<Receipt, Error> {
        // The manifest says all that is booked, and comes last: then the part is known to be rendered, and tied.
        if tag(object, "object") != Some("manifest") {
            return Ok(Receipt::of(object, format!("{} (not booked: its manifest is)", object.key)));
        }
        let odd = |why: String| Error::new(ErrorKind::Rejected, "LEDGER-MANIFEST", why);
        let manifest: Value = serde_json::from_slice(&read_all(data)?)
            .map_err(|e| odd(format!("the manifest is no JSON: {e}")))?;
        if manifest["kind"] != self.kind.as_str() {
            log(&format!("`{}` is not of the kind that is booked", object.key));
            return Ok(Receipt::of(object, format!("{} (not booked: not {})", object.key, self.kind)));
        }
        let (name, text) = entry(&manifest, self.format, &self.accounts).map_err(odd)?;
        let url = format!("{}/{}", self.url, in_url(&name));
        Request::put(&url)
            .header("content-type", "text/plain; charset=utf-8")
            .header("idempotency-key", &object.idempotency_key)
            .send_bytes(text.into_bytes())?
            .accepted()?;
        Ok(Receipt::of(object, url))
    }
}

billkeep_plugin::export!(Ledger);
