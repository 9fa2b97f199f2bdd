//! Encrypts what goes to a sink, and signs its manifests. The only file that may import `age`.

use std::io::{Read, Write};
use std::path::Path;

use ring::signature::Ed25519KeyPair;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;

use crate::files::only_ours;
use crate::options::{Options, UrlError};
use billkeep_core::deliveries::{Seal, SignManifest};
use billkeep_core::engine::OutsideFile;
use billkeep_core::engine::SETTINGS_BYTES_MAX;
use billkeep_core::exports::SinkError;

/// Encryption and signature, as a sink's options say.
pub struct SealAndSign {
    /// Encrypts, if that was said.
    pub seal: Option<Box<dyn Seal>>,
    /// Signs, if that was said.
    pub sign: Option<Box<dyn SignManifest>>,
}

/// Checks the options without reading what they name.
pub(crate) fn check(options: &Options) -> Result<(), UrlError> {
    let wrong = |name: &str, value: &str, known: &str| UrlError::Value {
        name: name.to_owned(),
        value: value.to_owned(),
        known: known.to_owned(),
    };
    if let Some(value) = options.get("encrypt") {
        recipients(value).map_err(|why| wrong("encrypt", value, &why))?;
    }
    match (options.get("encrypt_manifest").map(String::as_str), options.get("encrypt")) {
        (None | Some("no"), _) | (Some("yes"), Some(_)) => Ok(()),
        (Some("yes"), None) => Err(wrong("encrypt_manifest", "yes", "for whom, by `encrypt=age1…`, too")),
        (Some(value), _) => Err(wrong("encrypt_manifest", value, "yes or no")),
    }
}

/// Makes what the options say.
///
/// # Errors
/// [`SinkError::Setup`] when an option makes no sense; [`SinkError::Credentials`] when the key cannot be used.
pub fn seal_and_sign(options: &Options) -> Result<SealAndSign, SinkError> {
    check(options).map_err(|e| SinkError::Setup(e.to_string().into()))?;
    let seal = match options.get("encrypt") {
        None => None,
        Some(value) => {
            let recipients = recipients(value).map_err(|why| SinkError::Setup(why.into()))?;
            let manifests = options.get("encrypt_manifest").is_some_and(|value| value == "yes");
            Some(Box::new(Age { recipients, manifests }) as Box<dyn Seal>)
        }
    };
    let sign = match options.get("sign_key") {
        None => None,
        Some(path) => Some(Box::new(Ed25519::read(Path::new(path))?) as Box<dyn SignManifest>),
    };
    Ok(SealAndSign { seal, sign })
}

/// Reads public keys, separated by commas.
fn recipients(value: &str) -> Result<Vec<age::x25519::Recipient>, String> {
    let read = |key: &str| {
        let key = key.trim();
        // A secret key is not shown, and does not belong here.
        if key.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
            return Err("a public key, `age1…`: this is a secret one, and was not kept".to_owned());
        }
        key.parse().map_err(|why: &str| format!("public keys of age, `age1…`, with commas: `{key}`: {why}"))
    };
    value.split(',').map(read).collect()
}

struct Age {
    recipients: Vec<age::x25519::Recipient>,
    manifests: bool,
}

impl Seal for Age {
    fn format(&self) -> &'static str {
        "age"
    }

    fn suffix(&self) -> &'static str {
        ".age"
    }

    fn seals_manifests(&self) -> bool {
        self.manifests
    }

    fn seal(&self, from: &mut dyn Read, to: &mut dyn Write) -> std::io::Result<()> {
        let recipients = self.recipients.iter().map(|recipient| recipient as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(recipients).map_err(std::io::Error::other)?;
        let mut sealed = encryptor.wrap_output(to)?;
        std::io::copy(from, &mut sealed)?;
        sealed.finish().map(drop)
    }
}

struct Ed25519(Ed25519KeyPair);

impl Ed25519 {
    /// Reads a key as `openssl genpkey -algorithm ed25519` writes it.
    fn read(path: &Path) -> Result<Ed25519, SinkError> {
        let failed =
            |why: &str| SinkError::Credentials(format!("signing key `{}`: {why}", path.display()).into());
        only_ours(path).map_err(|why| failed(&why))?;
        let pem = OutsideFile::read(path, SETTINGS_BYTES_MAX).map_err(|e| failed(&e.to_string()))?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem)
            .map_err(|_| failed("it is not a private key in PEM (PKCS #8)"))?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        pair.map(Ed25519).map_err(|_| failed("it is not an Ed25519 key"))
    }
}

impl SignManifest for Ed25519 {
    fn suffix(&self) -> &'static str {
        ".sig"
    }

    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.0.sign(bytes).as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Options {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn what_was_encrypted_is_read_with_the_secret_key_alone() {
        let identity = age::x25519::Identity::generate();
        let public = identity.to_public().to_string();
        let both = seal_and_sign(&options(&[("encrypt", &public), ("encrypt_manifest", "yes")])).unwrap();
        let seal = both.seal.unwrap();
        let text: Vec<u8> = (0..=255).cycle().take(200_000).collect();
        let seal_text = || {
            let mut sealed = Vec::new();
            seal.seal(&mut text.as_slice(), &mut sealed).unwrap();
            sealed
        };
        let sealed = seal_text();
        assert_ne!(sealed, seal_text());
        let open = |identity: &age::x25519::Identity| {
            let decryptor = age::Decryptor::new(sealed.as_slice()).unwrap();
            let mut reader = decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)).ok()?;
            let mut opened = Vec::new();
            reader.read_to_end(&mut opened).unwrap();
            Some(opened)
        };
        assert_eq!(open(&identity), Some(text.clone()));
        assert_eq!(open(&age::x25519::Identity::generate()), None);
    }

    #[test]
    fn options_that_make_no_sense_are_told_and_secret_keys_are_not() {
        let secret = "AGE-SECRET-KEY-1QQPQQQ";
        for (pairs, words) in [
            (&[("encrypt", "bob")][..], "`bob`"),
            (&[("encrypt", secret)], "secret one"),
            (&[("encrypt_manifest", "yes")], "for whom"),
            (&[("encrypt_manifest", "perhaps")], "yes or no"),
        ] {
            let error = check(&options(pairs)).unwrap_err();
            let words_of_kind = match &error {
                UrlError::Value { known, .. } => known.clone(),
                other => other.to_string(),
            };
            assert!(words_of_kind.contains(words), "{error}");
        }
    }
}
