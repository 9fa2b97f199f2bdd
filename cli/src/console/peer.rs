//! Which user of this machine is at the other end of a connection, where the system tells.
//!
//! A browser sends a cookie to every port of a host, so a program of another user can come to know one. It cannot connect as
//! somebody else: Linux lists each connection with the user who made it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use billkeep_core::engine::OutsideFile;

/// The system's lists of connections. One has 150 bytes.
const LISTS: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];
const LIST_BYTES_MAX: u64 = 64 << 20;
/// The system writes a list piece by piece while connections come and go, so one may be left out.
const LOOKS: usize = 3;

/// The user at the other end of a connection; none where it comes from another machine, or the system does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PeerUser(Option<u32>);

impl PeerUser {
    /// Looks up who has made a connection to `local`.
    pub(super) fn of(peer: SocketAddr, local: SocketAddr) -> PeerUser {
        let [peer, local] = [peer, local].map(|at| SocketAddr::new(at.ip().to_canonical(), at.port()));
        if !cfg!(target_os = "linux") || !peer.ip().is_loopback() || !local.ip().is_loopback() {
            return PeerUser(None);
        }
        let look = || {
            LISTS.iter().find_map(|list| {
                let list = std::fs::File::open(list).ok()?;
                let list = OutsideFile::read_from(list, LIST_BYTES_MAX).ok()?;
                listed(std::str::from_utf8(&list).ok()?, peer, local)
            })
        };
        PeerUser((0..LOOKS).find_map(|_| look()))
    }

    /// Says whether what this user was given is for a connection of that one.
    pub(super) fn may_be(self, other: PeerUser) -> bool {
        self.0.is_none() || self == other
    }
}

/// Finds a connection in a list, from the side of the one who made it; returns its user.
fn listed(list: &str, peer: SocketAddr, local: SocketAddr) -> Option<u32> {
    list.lines().skip(1).find_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let ends = [address(words.next()?)?, address(words.next()?)?];
        (ends == [peer, local]).then_some(())?;
        // Its state, its queues, its timer, and how often something was sent again.
        words.nth(4)?.parse().ok()
    })
}

/// Reads `0100007F:2081`: the address in numbers of 32 bits as they lie in memory, and the port.
fn address(word: &str) -> Option<SocketAddr> {
    let (ip, port) = word.split_once(':')?;
    let numbers: Option<Vec<u8>> = (0..ip.len() / 8)
        .map(|at| u32::from_str_radix(ip.get(8 * at..8 * at + 8)?, 16).ok())
        .collect::<Option<Vec<u32>>>()
        .map(|numbers| numbers.into_iter().flat_map(u32::to_ne_bytes).collect());
    let numbers = numbers?;
    let ip = match (<[u8; 4]>::try_from(&*numbers), <[u8; 16]>::try_from(&*numbers)) {
        (Ok(bytes), _) => IpAddr::V4(Ipv4Addr::from(bytes)),
        (_, Ok(bytes)) => IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
impl PeerUser {
    pub(super) const NOBODY: PeerUser = PeerUser(None);

    pub(super) fn known(uid: u32) -> PeerUser {
        PeerUser(Some(uid))
    }
}

#[cfg(target_endian = "little")]
#[cfg(test)]
mod tests {
    use super::*;

    /// As Linux writes it: a listener, both ends of a connection, and one that no program has any more.
    const LIST: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2081 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 26811 1 0 100 0 0 10 0
   1: 0100007F:C350 0100007F:2081 01 00000000:00000000 00:00000000 00000000  1001        0 26902 1 0 20 4 30 10 -1
   2: 0100007F:2081 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 26903 1 0 20 4 29 10 -1
   3: 0100007F:C351 0100007F:2081 06 00000000:00000000 03:00001770 00000000     0        0 0 3 0
";

    #[test]
    fn a_connection_is_listed_with_the_user_who_made_it() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let local = at("127.0.0.1:8321");
        assert_eq!(listed(LIST, at("127.0.0.1:50000"), local), Some(1001));
        assert_eq!(listed(LIST, at("127.0.0.1:50001"), local), Some(0));
        assert_eq!(listed(LIST, at("127.0.0.1:50002"), local), None);
        assert_eq!(address("0000000000000000FFFF00000100007F:C350"), Some(at("127.0.0.1:50000")));
        assert_eq!(address("00000000000000000000000001000000:2081"), Some(at("[::1]:8321")));
        assert_eq!(address("0100:2081"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_connection_of_this_program_is_of_its_user() {
        use std::os::unix::fs::MetadataExt as _;
        let own = std::fs::metadata("/proc/self").unwrap().uid();
        for host in ["127.0.0.1:0", "127.8.9.10:0", "[::1]:0"] {
            // Not every machine has IPv6.
            let Ok(listener) = std::net::TcpListener::bind(host) else { continue };
            let local = listener.local_addr().unwrap();
            let client = std::net::TcpStream::connect(local).unwrap();
            assert_eq!(PeerUser::of(client.local_addr().unwrap(), local), PeerUser(Some(own)), "{host}");
        }
    }
}
