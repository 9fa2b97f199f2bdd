//! `s3://bucket/prefix` and `cos://bucket-appid/prefix`: what the URL and its options say, and the store made of them.
//!
//! COS is S3 with a host of its own for each bucket, another header for "create, and never replace", and other names for the
//! keys. It was built from COS's documents and tried against servers that answer to its hosts; nobody has tried it against COS.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, Checksum};
use object_store::path::Path;
use object_store::{
    BackoffConfig, Certificate, ClientOptions, HeaderMap, HeaderValue, ObjectStoreExt as _, PutPayload,
    RetryConfig,
};
use percent_encoding::percent_decode_str;

use super::answers::Limited;
use super::bucket::{Bucket, CreateMode};
use super::credentials::{Credentials, Provider};
use super::errors::ErrorContext;
use crate::options::{Env, Options, UrlError, every_sinks};
use crate::redact::Redactor;
use billkeep_core::engine::OutsideFile;
use billkeep_core::engine::SETTINGS_BYTES_MAX;
use billkeep_core::exports::SinkError;

/// The options, and what each is for.
pub(crate) const KNOWN: &[(&str, &str)] = &[
    ("region", "REGION"),
    ("endpoint", "URL"),
    ("path_style", "yes|no"),
    ("credentials", "FILE"),
    ("sse", "AES256|aws:kms"),
    ("sse_kms_key_id", "ID"),
    ("checksum", "sha256|none"),
    ("ca", "FILE"),
    ("proxy", "URL"),
    ("allow_http", "yes|no"),
    ("timeout_s", "N"),
    ("retries", "N"),
];

/// How long a request may take: a part of 64 MiB on a line of 2 Mbit/s.
const TIMEOUT_S: u64 = 300;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a request is sent again, and how long that may go on.
const RETRIES: usize = 5;
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);
const BACKOFF_MIN: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// What a URL and its options say.
struct Address<'a> {
    of: Provider,
    bucket: &'a str,
    prefix: &'a str,
    options: Options,
}

impl<'a> Address<'a> {
    fn parse(url: &'a str, options: &Options) -> Result<Address<'a>, UrlError> {
        let wrong = |why: &str| UrlError::Bucket { url: url.to_owned(), why: why.to_owned() };
        let (of, rest) = match (url.strip_prefix("s3://"), url.strip_prefix("cos://")) {
            (Some(rest), _) => (Provider::S3, rest),
            (_, Some(rest)) => (Provider::Cos, rest),
            _ => return Err(UrlError::Scheme(url.to_owned())),
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let prefix = prefix.trim_end_matches('/');
        if bucket.is_empty() || bucket.contains(['@', ':']) {
            return Err(wrong("it names no bucket; keys do not belong into it"));
        }
        if prefix.split('/').any(|folder| folder.is_empty() && !prefix.is_empty()) || prefix.starts_with('/')
        {
            return Err(wrong("its prefix has an empty folder"));
        }
        let mut options = options.clone();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| wrong("its query is not NAME=VALUE"))?;
            let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
            let (name, value) = (decoded(name), decoded(value));
            if options.insert(name.clone(), value).is_some() {
                return Err(wrong(&format!("`{name}` is said twice")));
            }
        }
        if let Some(name) = options.keys().find(|name| KNOWN.iter().all(|(known, _)| known != name)) {
            let known: Vec<String> = KNOWN.iter().map(|(name, value)| format!("`{name}={value}`")).collect();
            let known = format!("{}, {}", known.join(", "), every_sinks());
            return Err(UrlError::Option { name: name.clone(), known });
        }
        let address = Address { of, bucket, prefix, options };
        address.check_values()?;
        let digits = |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
        if of == Provider::Cos {
            if !bucket.rsplit_once('-').is_some_and(|(name, id)| !name.is_empty() && digits(id)) {
                return Err(wrong("a COS bucket is called NAME-APPID, as `bills-1250000000`"));
            }
            if address.get("region").is_none() && address.get("endpoint").is_none() {
                return Err(wrong("say its region, as `region=ap-guangzhou`"));
            }
        }
        Ok(address)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    fn check_values(&self) -> Result<(), UrlError> {
        for (name, value) in &self.options {
            let fits = match name.as_str() {
                "path_style" | "allow_http" => matches!(value.as_str(), "yes" | "no"),
                "sse" => matches!(value.as_str(), "AES256" | "aws:kms" | "aws:kms:dsse"),
                "checksum" => matches!(value.as_str(), "sha256" | "none"),
                "timeout_s" => value.parse().is_ok_and(|s: u64| (1..=86_400).contains(&s)),
                "retries" => value.parse().is_ok_and(|n: usize| n <= 100),
                "endpoint" => value.starts_with("https://") || value.starts_with("http://"),
                _ => !value.is_empty(),
            };
            if !fits {
                let known = KNOWN.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value);
                return Err(UrlError::Value {
                    name: name.clone(),
                    value: value.clone(),
                    known: known.to_owned(),
                });
            }
        }
        let http = self.get("endpoint").is_some_and(|endpoint| endpoint.starts_with("http://"));
        if http && self.get("allow_http") != Some("yes") {
            return Err(UrlError::Value {
                name: "endpoint".into(),
                value: self.get("endpoint").unwrap_or_default().to_owned(),
                known: "an https URL, unless `allow_http=yes` is said: keys and bills would go in the open"
                    .into(),
            });
        }
        Ok(())
    }

    fn says(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| value == "yes")
    }

    fn number<T: std::str::FromStr>(&self, name: &str, default: T) -> T {
        self.get(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    fn client(&self, env: Env<'_>, headers: HeaderMap) -> Result<ClientOptions, SinkError> {
        let mut client = ClientOptions::new()
            .with_timeout(Duration::from_secs(self.number("timeout_s", TIMEOUT_S)))
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_allow_http(self.says("allow_http") == Some(true))
            .with_default_headers(headers);
        let of_env = env("AWS_CA_BUNDLE").filter(|path| !path.is_empty());
        if let Some(path) = self.get("ca").map(str::to_owned).or(of_env) {
            let wrong = |why: String| SinkError::Setup(format!("the certificates in `{path}`: {why}").into());
            let pem =
                OutsideFile::read(path.as_ref(), SETTINGS_BYTES_MAX).map_err(|e| wrong(e.to_string()))?;
            for certificate in Certificate::from_pem_bundle(&pem).map_err(|e| wrong(e.to_string()))? {
                client = client.with_root_certificate(certificate);
            }
        }
        if let Some(proxy) = self.get("proxy") {
            client = client.with_proxy_url(proxy);
        }
        Ok(client)
    }

    fn store(&self, keys: &Credentials, client: ClientOptions) -> Result<AmazonS3, SinkError> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(self.bucket)
            .with_access_key_id(&keys.id)
            .with_secret_access_key(&keys.secret)
            .with_region(self.get("region").unwrap_or("us-east-1"))
            .with_allow_http(self.says("allow_http") == Some(true))
            // An object at a time is removed, by the request that every server knows.
            .with_disable_bulk_delete(true)
            .with_client_options(client)
            .with_http_connector(Limited)
            .with_retry(RetryConfig {
                backoff: BackoffConfig { init_backoff: BACKOFF_MIN, max_backoff: BACKOFF_MAX, base: 2. },
                max_retries: self.number("retries", RETRIES),
                retry_timeout: RETRY_TIMEOUT,
            });
        if let Some(token) = &keys.token {
            builder = builder.with_token(token);
        }
        let (endpoint, path_style) = match self.of {
            Provider::Cos => {
                let scheme = if self.says("allow_http") == Some(true) { "http" } else { "https" };
                let region = self.get("region").unwrap_or_default();
                let own = format!("{scheme}://{}.cos.{region}.myqcloud.com", self.bucket);
                (Some(self.get("endpoint").map_or(own, str::to_owned)), self.says("path_style") == Some(true))
            }
            Provider::S3 => {
                let endpoint = self.get("endpoint").map(str::to_owned);
                let path_style = self.says("path_style").unwrap_or(endpoint.is_some());
                (endpoint, path_style)
            }
        };
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        builder = builder.with_virtual_hosted_style_request(!path_style);
        // COS has a checksum of its own, and takes no notice of this one.
        let checksum = if self.of == Provider::Cos { "none" } else { "sha256" };
        if self.get("checksum").unwrap_or(checksum) == "sha256" {
            builder = builder.with_checksum_algorithm(Checksum::SHA256);
        }
        for (option, key) in [("sse", "aws_server_side_encryption"), ("sse_kms_key_id", "aws_sse_kms_key_id")]
        {
            if let (Some(value), Ok(key)) = (self.get(option), key.parse::<AmazonS3ConfigKey>()) {
                builder = builder.with_config(key, value);
            }
        }
        builder.build().map_err(|e| SinkError::Setup(format!("`{}`: {e}", self.bucket).into()))
    }
}

/// Checks a URL and options without touching what they name.
pub(crate) fn check(url: &str, options: &Options) -> Result<(), UrlError> {
    Address::parse(url, options).map(drop)
}

/// Returns the server, bucket and prefix that a URL names, in one spelling.
pub(crate) fn place(url: &str, options: &Options) -> Result<String, UrlError> {
    let address = Address::parse(url, options)?;
    let bucket = address.bucket.to_ascii_lowercase();
    let server = match (address.get("endpoint"), &address.of) {
        (None, Provider::S3) => AWS.to_owned(),
        (None, Provider::Cos) => COS.to_owned(),
        (Some(endpoint), _) => server(endpoint, &bucket),
    };
    Ok(format!("{server}/{bucket}/{}", address.prefix).trim_end_matches('/').to_owned())
}

/// The servers of which a bucket's name says enough, wherever they are.
const AWS: &str = "amazonaws.com";
const COS: &str = "myqcloud.com";

/// Returns an endpoint's host and port without what every spelling may leave out: scheme, default port, the bucket before it.
fn server(endpoint: &str, bucket: &str) -> String {
    let Ok(url) = url::Url::parse(endpoint) else { return endpoint.to_ascii_lowercase() };
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let host = host.strip_prefix(bucket).and_then(|rest| rest.strip_prefix('.')).unwrap_or(host);
    for known in [AWS, COS] {
        if host == known || host.strip_suffix(known).is_some_and(|rest| rest.ends_with('.')) {
            return known.to_owned();
        }
    }
    let path = url.path().trim_end_matches('/');
    url.port().map_or_else(|| format!("{host}{path}"), |port| format!("{host}:{port}{path}"))
}

/// Opens a bucket; nothing is sent yet.
pub(crate) fn open(url: &str, options: &Options, env: Env<'_>) -> Result<Bucket, SinkError> {
    let address = Address::parse(url, options).map_err(|e| SinkError::Setup(e.to_string().into()))?;
    // One of several libraries does TLS; that another one was chosen before is no harm.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let keys = Credentials::find(address.of, address.get("credentials"), env)?;
    let store = Arc::new(address.store(&keys, address.client(env, HeaderMap::new())?)?);
    let creates = match address.of {
        Provider::S3 => CreateMode::Condition,
        Provider::Cos => {
            let mut headers = HeaderMap::new();
            headers.insert("x-cos-forbid-overwrite", HeaderValue::from_static("true"));
            CreateMode::Header(Arc::new(address.store(&keys, address.client(env, headers)?)?))
        }
    };
    let secrets = [Some(&keys.id), Some(&keys.secret), keys.token.as_ref()].into_iter().flatten();
    let secrets =
        Redactor::new(secrets.map(String::as_str)).map_err(|why| SinkError::Credentials(why.into()))?;
    let context = ErrorContext { credentials: keys.from, secrets };
    let shown = url.split_once('?').map_or(url, |(place, _)| place);
    Bucket::new(store.clone(), store, creates, address.prefix, shown, context)
}

/// Makes the bucket, where the server lets these keys do it; one that is there already, and is ours, is no error.
pub(crate) fn create_bucket(url: &str, options: &Options, env: Env<'_>) -> Result<(), SinkError> {
    let address = Address::parse(url, options).map_err(|e| SinkError::Setup(e.to_string().into()))?;
    let bucket = open(url, options, env)?;
    // A PUT of nothing but the bucket makes it. Outside of the first region, the body says where.
    let body = match address.get("region") {
        Some(region) if address.of == Provider::S3 && region != "us-east-1" => format!(
            "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        ),
        _ => String::new(),
    };
    match bucket.wait(bucket.store.put(&Path::default(), PutPayload::from(body.into_bytes())))? {
        Ok(_) => Ok(()),
        // The answer has no ETag, as an object's would have: the bucket was made.
        Err(e) if e.to_string().contains("ETag") || format!("{e:?}").contains("MissingEtag") => Ok(()),
        Err(e) if format!("{e:?}").contains("BucketAlreadyOwnedByYou") => Ok(()),
        Err(e) => Err(bucket.error("the bucket cannot be made", &e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str, options: &[(&str, &str)]) -> Result<(), String> {
        let options = options.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        check(url, &options).map_err(|e| e.to_string())
    }

    #[test]
    fn urls_and_options_are_checked_before_anything_is_sent() {
        for (url, options) in [
            ("s3://bucket", &[][..]),
            ("s3://bucket/a/b/", &[("region", "eu-west-1"), ("sse", "AES256")]),
            ("s3://bucket/a?endpoint=http://127.0.0.1:9000&allow_http=yes", &[]),
            ("cos://bills-1250000000/p?region=ap-guangzhou", &[]),
            (
                "cos://bills-1250000000/p?%72egion=ap%2Dguangzhou&endpoint=http%3A%2F%2F127.0.0.1%3A9000&allow_http=yes",
                &[],
            ),
            ("cos://bills-1250000000", &[("region", "ap-guangzhou"), ("timeout_s", "10")]),
        ] {
            assert_eq!(parse(url, options), Ok(()), "{url}");
        }
        for (url, options, words) in [
            ("s3://", &[][..], "names no bucket"),
            ("s3://key:secret@bucket", &[], "names no bucket"),
            ("s3://bucket//a", &[], "empty folder"),
            ("s3://bucket", &[("secret", "x")], "`secret` is not an option"),
            ("s3://bucket?secret=x", &[], "`secret` is not an option"),
            ("s3://bucket?region=a", &[("region", "b")], "said twice"),
            ("s3://bucket?region=a&%72egion=b", &[], "said twice"),
            ("s3://bucket", &[("endpoint", "http://h")], "allow_http=yes"),
            ("s3://bucket", &[("endpoint", "h:80")], "endpoint=h:80"),
            ("s3://bucket", &[("path_style", "maybe")], "yes|no"),
            ("s3://bucket", &[("timeout_s", "0")], "timeout_s"),
            ("cos://bills/p", &[("region", "ap-guangzhou")], "NAME-APPID"),
            ("cos://bills-1250000000/p", &[], "region=ap-guangzhou"),
        ] {
            let error = parse(url, options).unwrap_err();
            assert!(error.contains(words), "{url}: {error}");
        }
    }
}
