//! Where a plugin may send to: rules, and addresses that no rule means by a name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use percent_encoding::percent_decode;
use url::{Host, Url};

/// A host that was granted: `api.example.com:443`, `https://api.example.com/v2/`, `http://127.0.0.1:8080`,
/// `erp.local:443=10.0.0.5`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRule {
    /// Whether it has to be TLS.
    tls: bool,
    host: String,
    port: u16,
    /// What paths begin with.
    path: String,
    /// The one address that the name may stand for, though it be private.
    address: Option<IpAddr>,
}

impl FromStr for HostRule {
    type Err = String;

    fn from_str(text: &str) -> Result<HostRule, String> {
        let wrong = || {
            "a host and a port as `api.example.com:443`, with `http://` before it if it is to go in the open, a path after it, \
             or `=10.0.0.5` if the name stands for a private address"
                .to_owned()
        };
        let (place, address) = match text.split_once('=') {
            Some((place, address)) => (place, Some(address.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let whole = if place.contains("://") { place.to_owned() } else { format!("https://{place}") };
        let url = Url::parse(&whole).map_err(|_| wrong())?;
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong()),
        };
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        match (url.host(), url.port_or_known_default()) {
            (Some(host), Some(port)) if plain && url.fragment().is_none() && !whole.contains('*') => {
                Ok(HostRule {
                    tls,
                    host: name(&host),
                    port,
                    path: url.path().to_owned(),
                    address: address.or_else(|| address_of(&host)),
                })
            }
            _ => Err(wrong()),
        }
    }
}

impl std::fmt::Display for HostRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let HostRule { tls, host, port, path, address } = self;
        write!(f, "{}{host}:{port}", if *tls { "" } else { "http://" })?;
        if path != "/" {
            write!(f, "{path}")?;
        }
        match address {
            Some(address) if address.to_string() != host.trim_matches(['[', ']']) => write!(f, "={address}"),
            _ => Ok(()),
        }
    }
}

fn name(host: &Host<&str>) -> String {
    host.to_string().trim_end_matches('.').to_ascii_lowercase()
}

fn address_of(host: &Host<&str>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(IpAddr::V4(*address)),
        Host::Ipv6(address) => Some(IpAddr::V6(*address)),
    }
}

impl HostRule {
    /// Returns the host's name.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Says whether this rule lets a URL in, as it was parsed.
    fn lets(&self, url: &Url) -> bool {
        let host = url.host().map(|host| name(&host));
        let path = url.path();
        // A rule for `/v2` is none for `/v20`.
        let below = path
            .strip_prefix(self.path.as_str())
            .is_some_and(|rest| self.path.ends_with('/') || rest.is_empty() || rest.starts_with('/'));
        url.scheme() == if self.tls { "https" } else { "http" }
            && host.as_deref() == Some(self.host.as_str())
            && url.port_or_known_default() == Some(self.port)
            && below
    }

    /// Picks the addresses that may be connected to, of those that the name stands for.
    pub(super) fn vetted(&self, addresses: &[IpAddr]) -> Result<Vec<IpAddr>, String> {
        if let Some(granted) = self.address {
            return match addresses.contains(&granted) {
                true => Ok(vec![granted]),
                false => {
                    Err(format!("`{}` does not stand for {granted}, the address that was granted", self.host))
                }
            };
        }
        let public: Vec<IpAddr> = addresses.iter().copied().filter(|a| is_public(*a)).collect();
        match (public.is_empty(), addresses.first()) {
            (false, _) => Ok(public),
            (true, Some(address)) => Err(format!(
                "`{host}` stands for {address}, which is not a public address; grant it as `{host}:{port}={address}` if that is \
                 meant",
                host = self.host,
                port = self.port
            )),
            (true, None) => Err(format!("`{}` stands for no address", self.host)),
        }
    }
}

/// Finds the rule that lets a URL in.
pub(super) fn allowed<'a>(rules: &'a [HostRule], url: &Url) -> Result<&'a HostRule, String> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL with a user's name or password is not sent".into());
    }
    let Some(rule) = rules.iter().find(|rule| rule.lets(url)) else {
        let place = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        let scheme = if url.scheme() == "http" { "http://" } else { "" };
        return Err(format!("`{scheme}{place}:{port}{}` was not granted", url.path()));
    };
    match ambiguous(url.path()).filter(|_| rule.path != "/") {
        Some(why) => Err(format!(
            "`{}` has {why}, so some servers may read another path than one below `{}`, which was granted",
            url.path(),
            rule.path
        )),
        None => Ok(rule),
    }
}

/// Says what in a path servers and proxies read in different ways: some decode `%2f`, take a backslash for a slash, unite slashes,
/// or drop what follows a `;`, before they resolve `..`, and some decode twice.
fn ambiguous(path: &str) -> Option<&'static str> {
    let slashes = path.matches('/').count();
    let mut bytes = path.as_bytes().to_vec();
    for _ in 0..DECODED_MAX {
        if bytes.iter().any(|byte| byte.is_ascii_control()) {
            return Some("a control character");
        }
        if bytes.contains(&b'\\') || OVERLONG.iter().any(|odd| bytes.windows(2).any(|pair| pair == odd)) {
            return Some("a backslash, or an odd form of a slash or dot");
        }
        if bytes.iter().filter(|byte| **byte == b'/').count() > slashes {
            return Some("an encoded slash");
        }
        if bytes.windows(2).any(|pair| pair == b"//") {
            return Some("an empty segment (`//`)");
        }
        let is_dots = |segment: &[u8]| {
            let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
            matches!(name, b"." | b"..")
        };
        if bytes.split(|byte| *byte == b'/').any(is_dots) {
            return Some("a segment of dots");
        }
        let decoded = percent_decode(&bytes).collect::<Vec<u8>>();
        if decoded == bytes {
            return None;
        }
        bytes = decoded;
    }
    Some("characters that are encoded again and again")
}

/// How often a path is decoded.
const DECODED_MAX: usize = 4;
/// Forms of `.`, `/` and `\` that UTF-8 forbids, and that some decoders take.
const OVERLONG: [[u8; 2]; 3] = [[0xc0, 0xae], [0xc0, 0xaf], [0xc1, 0x9c]];

/// Says whether an address is one of the Internet's, and not of this machine, its network, or a cloud's inside.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
        },
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let special = match (a, b, c) {
        // This network; shared between a provider and its customers; tests of equipment; assigned for protocols; examples.
        (0, ..)
        | (100, 64..=127, _)
        | (198, 18..=19, _)
        | (192, 0, 0 | 2)
        | (198, 51, 100)
        | (203, 0, 113) => true,
        // Anycast relays; reserved.
        (192, 88, 99) | (240..=255, ..) => true,
        _ => false,
    };
    !(special || v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast())
}

/// Returns the IPv4 address that an IPv6 address is written around.
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match (a, b, c, d, e, f) {
        // Mapped; translated; compatible (but for `::` and `::1`).
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) | (0, 0, 0, 0, 0xffff, 0) => Some(of(g, h)),
        (0, 0, 0, 0, 0, 0) if g != 0 => Some(of(g, h)),
        // 6to4.
        (0x2002, high, low, ..) => Some(of(high, low)),
        _ => None,
    }
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    // Only what is handed out at all, without Teredo and other protocols' own, and without the examples.
    match v6.segments() {
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [a, ..] => (0x2000..=0x3fff).contains(&a),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(words: &[&str]) -> Vec<HostRule> {
        words.iter().map(|word| word.parse().unwrap()).collect()
    }

    #[test]
    fn a_rule_means_scheme_host_port_and_path_as_they_are_parsed() {
        let rules =
            rules(&["api.example.com:443", "https://Up.Example.com:8443/v2", "http://127.0.0.1:8080"]);
        let lets = |url: &str| allowed(&rules, &Url::parse(url).unwrap()).is_ok();
        for url in [
            "https://api.example.com/",
            "https://API.example.com:443/any?x#y",
            "https://up.example.com:8443/v2",
            "https://up.example.com:8443/v2/parts",
            "http://127.0.0.1:8080/x",
            "http://2130706433:8080/x",
        ] {
            assert!(lets(url), "{url}");
        }
        for url in [
            "http://api.example.com/",
            "https://api.example.com:444/",
            "https://api.example.com.evil.org/",
            "https://evil.org/api.example.com",
            "https://api.example.com@evil.org/",
            "https://user:pass@api.example.com/",
            "https://up.example.com:8443/v20",
            "https://up.example.com:8443/v2/../v1",
            "https://up.example.com:8443/",
            "http://127.0.0.1:8081/",
            "http://localhost:8080/",
            "https://xapi.example.com/",
        ] {
            assert!(!lets(url), "{url}");
        }
        assert!(
            allowed(&rules, &Url::parse("https://evil.org/").unwrap())
                .unwrap_err()
                .contains("`evil.org:443/` was not granted")
        );
    }

    #[test]
    fn a_name_that_stands_for_something_private_is_refused_unless_the_address_was_granted() {
        for address in [
            "127.0.0.1",
            "10.0.0.5",
            "172.16.1.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:5",
            "2002:7f00:1::",
            "::7f00:1",
            "2001:db8::1",
            "2001:0:53aa:64c::1",
            "::ffff:0:127.0.0.1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
            let rule: HostRule = "api.example.com:443".parse().unwrap();
            let error = rule.vetted(&[address.parse().unwrap()]).unwrap_err();
            assert!(error.contains(address) || error.contains("not a public"), "{error}");
        }
        for address in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "2002:101:101::", "::ffff:1.1.1.1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        let [private, public]: [IpAddr; 2] = ["10.0.0.5", "1.1.1.1"].map(|a| a.parse().unwrap());
        let rule: HostRule = "api.example.com:443".parse().unwrap();
        assert_eq!(rule.vetted(&[private, public]), Ok(vec![public]));
        let rule: HostRule = "erp.local:443=10.0.0.5".parse().unwrap();
        assert_eq!(rule.vetted(&[public, private]), Ok(vec![private]));
        assert!(rule.vetted(&[public]).is_err());
        assert_eq!(rule.to_string(), "erp.local:443=10.0.0.5");
        let rule: HostRule = "http://127.0.0.1:8080".parse().unwrap();
        assert!(rule.vetted(&["127.0.0.1".parse().unwrap()]).is_ok());
        assert_eq!(rule.to_string(), "http://127.0.0.1:8080");
    }

    #[test]
    fn a_path_that_was_granted_is_not_left_by_what_servers_read_differently() {
        let rules = rules(&["http://127.0.0.1:9911/v2/", "https://whole.example.com"]);
        let asked = |url: &str| allowed(&rules, &Url::parse(url).unwrap()).map(drop);
        for rest in [
            "..%2fv1/ok",
            "..%2Fv1",
            "%2e%2e%2fv1",
            "..;/v1",
            ".;x=y/v1",
            "..%3b/v1",
            "..%5cv1",
            "%2e%2e%5cv1",
            "a/..%252fv1",
            "%252e%252e/v1",
            "%c0%ae%c0%ae/v1",
            "..%c0%afv1",
            "a//b",
            "a%2f",
            "a%00",
            "a%0d%0ab",
            "%25252525252e",
        ] {
            let why = asked(&format!("http://127.0.0.1:9911/v2/{rest}")).expect_err(rest);
            assert!(why.contains("another path than one below `/v2/`"), "{rest}: {why}");
            // Where a whole host was granted, there is no path to leave.
            assert_eq!(asked(&format!("https://whole.example.com/v2/{rest}")), Ok(()), "{rest}");
        }
        for rest in
            ["", "a/b.zip", "a%20b", "100%25", "...", "a..b", "..a/b", "a;b", "%E8%B4%A6", "a?x=..%2f"]
        {
            assert_eq!(asked(&format!("http://127.0.0.1:9911/v2/{rest}")), Ok(()), "{rest}");
        }
        // These never were below it: URLs are resolved before they are compared.
        for rest in ["../v1", "%2e%2e/v1", "..\\v1"] {
            assert!(
                asked(&format!("http://127.0.0.1:9911/v2/{rest}")).unwrap_err().contains("was not granted")
            );
        }
    }

    #[test]
    fn what_is_no_rule_is_told() {
        for word in [
            "",
            "*",
            "*.example.com",
            "ftp://example.com",
            "https://a:b@example.com",
            "x.org:443=y",
            "x.org/?q",
        ] {
            assert!(word.parse::<HostRule>().is_err(), "{word}");
        }
    }
}
