//! What the place of a sink is called, in one spelling.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::options::Options;
use crate::url::{folder_of, is_bucket, is_plugin};
use crate::{object, wasm};

/// Returns a text that is the same for URLs and options that name the same place, and no others: folders without `.`, `..`, links
/// and slashes at the end; buckets with their server. What cannot be read is its own place.
pub fn place(url: &str, options: &Options) -> String {
    if is_bucket(url) {
        return object::place(url, options).unwrap_or_else(|_| url.to_owned());
    }
    if is_plugin(url) {
        let Ok((path, prefix)) = wasm::place(url) else { return url.to_owned() };
        // Only the plugin knows what its settings and secrets say: others may be another place.
        let counts =
            |name: &str| name.starts_with("set.") || name == "allow_secrets" || name == "credentials";
        let options = options.iter().filter(|(name, _)| counts(name));
        let options: Vec<String> = options.map(|(name, value)| format!("{name}={value}")).collect();
        let place = format!("wasm:{}?{}/{prefix}", resolved(&path).display(), options.join("&"));
        return place.trim_end_matches('/').to_owned();
    }
    match folder_of(url) {
        Ok(path) => format!("file://{}", resolved(&path).display()).trim_end_matches('/').to_owned(),
        Err(_) => url.to_owned(),
    }
}

/// Follows links as far as there is something; the rest is taken as it is written.
fn resolved(path: &Path) -> PathBuf {
    let mut at = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => {
                at.push(name);
                if let Ok(found) = fs::canonicalize(&at) {
                    at = found;
                }
            }
            // The path so far has no links, so that what stands above it is its parent.
            Component::ParentDir => drop(at.pop()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str, options: &[(&str, &str)]) -> String {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        place(url, &options)
    }

    #[test]
    fn spellings_of_a_folder_are_one_place() {
        let home = tempfile::tempdir().unwrap();
        let top = home.path().canonicalize().unwrap();
        fs::create_dir_all(top.join("out/below")).unwrap();
        std::os::unix::fs::symlink(top.join("out"), top.join("link")).unwrap();
        let at = |path: &str| of(&format!("file://{}/{path}", top.display()), &[]);
        let out = format!("file://{}/out", top.display());
        for spelling in
            ["out", "out/", "out//", "./out/.", "out/below/..", "link", "link/", "link/below/..", "%6fut"]
        {
            assert_eq!(at(spelling), out, "{spelling}");
        }
        // A place that is not there yet has one spelling as well.
        assert_eq!(at("link/new/../newer/"), format!("{out}/newer"));
        for other in ["outer", "Out", "out/below"] {
            assert_ne!(at(other), out, "{other}");
        }
    }

    #[test]
    fn spellings_of_a_bucket_are_one_place() {
        let endpoint = |url| [("endpoint", url)];
        let one = of("s3://bills/customer", &[]);
        assert_eq!(of("s3://bills/customer/?region=eu-west-1", &[]), one);
        assert_eq!(of("s3://bills/customer", &endpoint("https://s3.eu-west-1.amazonaws.com")), one);
        assert_ne!(of("s3://bills/customer2", &[]), one);
        assert_ne!(of("s3://bills", &[]), one);
        let own = of("s3://bills/customer", &endpoint("https://store.example.com"));
        assert_ne!(own, one);
        for spelling in [
            "https://Store.Example.com:443/",
            "https://store.example.com:443",
            "https://bills.store.example.com",
        ] {
            assert_eq!(of("s3://bills/customer/", &endpoint(spelling)), own, "{spelling}");
        }
        assert_ne!(of("s3://bills/customer", &endpoint("https://store.example.com:8443")), own);
        let cos = of("cos://bills-1250000000/c?region=ap-guangzhou", &[]);
        assert_eq!(of("cos://bills-1250000000/c/", &[("region", "ap-guangzhou")]), cos);
        let as_s3 = endpoint("https://cos.ap-guangzhou.myqcloud.com");
        assert_eq!(of("s3://bills-1250000000/c", &as_s3), cos);
    }
}
