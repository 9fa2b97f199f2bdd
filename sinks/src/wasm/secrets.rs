//! Secrets that were granted: put into requests, and taken out of everything else.

use std::collections::BTreeMap;
use std::path::Path;

use crate::files;
use crate::options::Env;
use crate::redact::Redactor;

use super::grants::Grants;
use billkeep_core::exports::SinkError;

/// What a secret is written as in a header: `${secret:NAME}`.
const OPENS: &str = "${secret:";

struct Secret {
    value: String,
    /// The one host that it goes to.
    host: Option<String>,
}

/// The secrets of a sink. Neither shown nor stored.
pub(super) struct Secrets {
    by_name: BTreeMap<String, Secret>,
    redactor: Redactor,
}

impl Secrets {
    /// Finds those that were granted: in the file that was named, or in the surroundings.
    ///
    /// # Errors
    /// [`SinkError::Credentials`] when one is missing.
    pub(super) fn find(grants: &Grants, env: Env<'_>) -> Result<Secrets, SinkError> {
        let file = match &grants.credentials {
            Some(file) => Some((file, files::values(Path::new(file))?)),
            None => None,
        };
        let mut by_name = BTreeMap::new();
        for (name, host) in &grants.secrets {
            let value = match &file {
                Some((_, values)) => values.get(name).cloned(),
                None => env(name),
            };
            let place = file.as_ref().map_or("the environment".to_owned(), |(file, _)| format!("`{file}`"));
            let value = value.filter(|value| !value.is_empty()).ok_or_else(|| {
                SinkError::Credentials(format!(
                    "secret `{name}` is not in {place}: set it there, or name a file with it by the option `credentials=/path`"
                ).into())
            })?;
            by_name.insert(name.clone(), Secret { value, host: host.clone() });
        }
        let redactor = Redactor::new(by_name.values().map(|secret| secret.value.as_str()))
            .map_err(|why| SinkError::Credentials(why.into()))?;
        Ok(Secrets { by_name, redactor })
    }

    /// Returns a secret that something is to be signed with, by a plugin that may send to these hosts.
    ///
    /// The host cannot see where a signature goes. So a secret that was granted for one host is only used where a plugin can send
    /// to that host and to no other.
    pub(super) fn to_sign_with<'a>(
        &self,
        name: &str,
        mut hosts: impl Iterator<Item = &'a str>,
    ) -> Result<&str, String> {
        let secret = self.by_name.get(name).ok_or_else(|| not_granted(name))?;
        let elsewhere = |only: &String| hosts.find(|host| host != only);
        match (&secret.host, secret.host.as_ref().and_then(elsewhere)) {
            (Some(only), Some(other)) => Err(format!(
                "secret `{name}` was granted for `{only}` alone, and this plugin may send to `{other}` as well, where its signatures \
                 could go"
            )),
            _ => Ok(&secret.value),
        }
    }

    /// Puts secrets into a header's value that goes to a host.
    pub(super) fn put_in(&self, text: &str, host: &str) -> Result<String, String> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once(OPENS) {
            let (name, after) = after.split_once('}').ok_or("a `${secret:` has no end")?;
            let secret = self.by_name.get(name).ok_or_else(|| not_granted(name))?;
            if secret.host.as_ref().is_some_and(|only| only != host) {
                return Err(format!("secret `{name}` was granted for another host than `{host}`"));
            }
            out.push_str(before);
            out.push_str(&secret.value);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Takes secrets out of a text that people or plugins get to see.
    pub(super) fn redacted(&self, text: &str) -> String {
        self.redactor.redacted(text)
    }

    /// Overwrites secrets in bytes, which keep their length.
    pub(super) fn blot_out(&self, bytes: &mut [u8]) {
        self.redactor.blot_out(bytes);
    }
}

fn not_granted(name: &str) -> String {
    format!("secret `{name}` was not granted")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;

    fn secrets() -> Secrets {
        let options: Options =
            [("allow_secrets".to_owned(), "TOKEN KEY@api.example.com".to_owned())].into_iter().collect();
        let env = |name: &str| Some(format!("value-of-{name}"));
        Secrets::find(&Grants::of(&options).unwrap(), &env).unwrap()
    }

    #[test]
    fn secrets_go_where_they_were_granted_for_and_nowhere_else() {
        let secrets = secrets();
        let put = |text: &str, host: &str| secrets.put_in(text, host);
        assert_eq!(put("Bearer ${secret:TOKEN}", "x.org").unwrap(), "Bearer value-of-TOKEN");
        assert_eq!(
            put("${secret:KEY}:${secret:TOKEN}", "api.example.com").unwrap(),
            "value-of-KEY:value-of-TOKEN"
        );
        assert!(put("${secret:KEY}", "x.org").is_err());
        assert!(put("${secret:OTHER}", "x.org").unwrap_err().contains("secret `OTHER` was not granted"));
        assert!(put("${secret:TOKEN", "x.org").is_err());
        assert_eq!(put("plain $x ${y}", "x.org").unwrap(), "plain $x ${y}");
    }

    #[test]
    fn what_comes_back_with_a_secret_in_it_is_blotted_out() {
        let secrets = secrets();
        assert_eq!(secrets.redacted("a value-of-TOKEN b"), "a *** b");
        let mut body = b"{\"echo\":\"value-of-KEY\"}".to_vec();
        secrets.blot_out(&mut body);
        assert_eq!(body, b"{\"echo\":\"************\"}");
    }

    #[test]
    fn a_secret_for_one_host_signs_where_nothing_can_be_sent_elsewhere() {
        let secrets = secrets();
        let signs = |name: &str, hosts: &[&str]| secrets.to_sign_with(name, hosts.iter().copied());
        assert!(signs("TOKEN", &["x.org", "y.org"]).is_ok());
        assert!(signs("KEY", &["api.example.com", "api.example.com"]).is_ok());
        // A plugin that can send nowhere gives a signature to nobody.
        assert!(signs("KEY", &[]).is_ok());
        let why = signs("KEY", &["api.example.com", "x.org"]).unwrap_err();
        assert!(why.contains("for `api.example.com` alone") && why.contains("`x.org`"), "{why}");
        assert!(signs("OTHER", &[]).unwrap_err().contains("was not granted"));
    }

    #[test]
    fn a_secret_that_is_not_there_is_told_by_its_name() {
        let options: Options = [("allow_secrets".to_owned(), "TOKEN".to_owned())].into_iter().collect();
        let found = Secrets::find(&Grants::of(&options).unwrap(), &|_| None);
        assert!(matches!(found.err(), Some(SinkError::Credentials(why)) if why.contains("`TOKEN`")));
    }
}
