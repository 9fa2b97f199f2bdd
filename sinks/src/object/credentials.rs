//! Where the keys of an object store come from: the surroundings of the program, or a file that only its owner reads.

use std::path::Path;

use crate::files;
use crate::options::Env;
use billkeep_core::exports::SinkError;

/// The names under which keys are looked for, the first that is there counts.
const NAMES: [[&str; 4]; 2] = [
    [
        "TENCENTCLOUD_SECRET_ID",
        "TENCENTCLOUD_SECRET_KEY",
        "TENCENTCLOUD_SECURITY_TOKEN",
        "TENCENTCLOUD_TOKEN",
    ],
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"],
];

/// Keys, and where they came from.
pub(super) struct Credentials {
    pub(super) id: String,
    pub(super) secret: String,
    /// Provider keys that hold for some time only.
    pub(super) token: Option<String>,
    /// In words, for errors.
    pub(super) from: String,
}

/// Which sort of destination asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Provider {
    S3,
    Cos,
}

impl Credentials {
    /// Finds the keys: in the file that was named, or in the surroundings.
    pub(super) fn find(of: Provider, file: Option<&str>, env: Env<'_>) -> Result<Credentials, SinkError> {
        // COS has names of its own; S3 does not know them.
        let names = if of == Provider::Cos { &NAMES[..] } else { &NAMES[1..] };
        if let Some(file) = file {
            let values = files::values(Path::new(file))?;
            let from = format!("the file `{file}`");
            return pick(names, &from, &|name| values.get(name).cloned());
        }
        pick(names, "the environment", env)
    }
}

fn pick(names: &[[&str; 4]], place: &str, look: Env<'_>) -> Result<Credentials, SinkError> {
    let look = |name: &str| look(name).filter(|value| !value.is_empty());
    for [id_name, secret_name, token_name, other_name] in names {
        match (look(id_name), look(secret_name)) {
            (Some(id), Some(secret)) => {
                let token = look(token_name).or_else(|| look(other_name));
                let from = format!("`{id_name}` and `{secret_name}` from {place}");
                return Ok(Credentials { id, secret, token, from });
            }
            (None, None) => {}
            _ => {
                return Err(SinkError::Credentials(
                    format!("{place} has only one of `{id_name}` and `{secret_name}`").into(),
                ));
            }
        }
    }
    let wanted: Vec<String> = names.iter().map(|[id, secret, ..]| format!("`{id}` and `{secret}`")).collect();
    Err(SinkError::Credentials(
        format!(
            "{place} has no credentials: set {}, or name a file with them by the option `credentials=/path`",
            wanted.join(", or ")
        )
        .into(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<'a>(values: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| values.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
    }

    #[test]
    fn cos_has_names_of_its_own_and_takes_the_others_as_well() {
        let aws = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_SESSION_TOKEN", "t")];
        let both = [&aws[..], &[("TENCENTCLOUD_SECRET_ID", "c"), ("TENCENTCLOUD_SECRET_KEY", "d")]].concat();
        let of = |of, values: &[(&str, &str)]| {
            Credentials::find(of, None, &env(values)).map(|c| (c.id, c.secret, c.token))
        };
        let from_aws = Ok(("a".to_owned(), "b".to_owned(), Some("t".to_owned())));
        assert_eq!(of(Provider::Cos, &aws), from_aws);
        assert_eq!(of(Provider::S3, &both), from_aws);
        assert_eq!(of(Provider::Cos, &both), Ok(("c".to_owned(), "d".to_owned(), None)));
        for missing in [&aws[..1], &[]] {
            assert!(matches!(of(Provider::S3, missing), Err(SinkError::Credentials(_))));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused_and_its_text_is_never_told() {
        use std::fs;
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let find = || Credentials::find(Provider::S3, path.to_str(), &|_| None);
        fs::write(&path, "# mine\nAWS_ACCESS_KEY_ID = a\nAWS_SECRET_ACCESS_KEY=\"hush=hush\"\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = find().err().unwrap().to_string();
        assert!(error.contains("mode 640") && !error.contains("hush"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(find().ok().map(|c| c.secret).as_deref(), Some("hush=hush"));
        fs::write(&path, "hush\n").unwrap();
        let error = find().err().unwrap().to_string();
        assert!(error.contains("line 1") && !error.contains("hush"), "{error}");
    }
}
