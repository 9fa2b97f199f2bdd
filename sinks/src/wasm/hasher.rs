//! The digests that a guest can ask for.

use ring::digest;

/// The digests that a guest can ask for.
pub(super) enum Hasher {
    Ring(digest::Context),
    Md5(md5::Md5),
    Crc32(crc32fast::Hasher),
}

impl Hasher {
    pub(super) fn of(algorithm: &str) -> Option<Hasher> {
        Some(match algorithm {
            "sha256" => Hasher::Ring(digest::Context::new(&digest::SHA256)),
            "sha512" => Hasher::Ring(digest::Context::new(&digest::SHA512)),
            "sha1" => Hasher::Ring(digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY)),
            "md5" => Hasher::Md5(md5::Digest::new()),
            "crc32" => Hasher::Crc32(crc32fast::Hasher::new()),
            _ => return None,
        })
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Ring(context) => context.update(bytes),
            Hasher::Md5(md5) => md5::Digest::update(md5, bytes),
            Hasher::Crc32(crc32) => crc32.update(bytes),
        }
    }

    pub(super) fn end(self) -> Vec<u8> {
        match self {
            Hasher::Ring(context) => context.finish().as_ref().to_vec(),
            Hasher::Md5(md5) => md5::Digest::finalize(md5).to_vec(),
            Hasher::Crc32(crc32) => crc32.finalize().to_be_bytes().to_vec(),
        }
    }
}
