//! Names of entries: their encoding, where they lead, and which belong to no bill.

use rawzip::ZipFileHeaderRecord;
use rawzip::extra_fields::ExtraFieldId;

/// Files that other programs leave in folders, in lower case.
const JUNK: [&str; 7] =
    [".ds_store", "desktop.ini", "thumbs.db", "ehthumbs.db", ".localized", ".directory", "icon\r"];
/// How names of notes begin, in lower case.
const NOTES: [&str; 4] = ["readme", "read me", "read_me", "read-me"];
/// How names of notes end, without their last part.
const CHINESE_NOTES: [&str; 2] = ["说明", "自述文件"];

/// Returns the name of an entry; `None` where its bytes are no text.
///
/// The zip says whether the name is UTF-8. Chinese versions of Windows write GBK and say nothing.
pub(super) fn decoded(header: &ZipFileHeaderRecord<'_>) -> Option<String> {
    let raw = header.file_path();
    let raw = raw.as_bytes();
    if header.flags().is_utf8() {
        return String::from_utf8(raw.to_vec()).ok();
    }
    let unicode = header.extra_fields().find_map(|(id, data)| {
        let data = data.strip_prefix(b"\x01").filter(|_| id == ExtraFieldId::INFO_ZIP_UNICODE_PATH)?;
        let (crc, name) = data.split_first_chunk::<4>()?;
        let of_this_name = u32::from_le_bytes(*crc) == rawzip::crc32(raw);
        String::from_utf8(name.to_vec()).ok().filter(|_| of_this_name)
    });
    if unicode.is_some() {
        return unicode;
    }
    match std::str::from_utf8(raw) {
        Ok(name) => Some(name.to_owned()),
        Err(_) => crate::formats::text::gb18030(raw),
    }
}

/// Returns whether a path leads out of the folder into which a zip is unpacked. It has `/` between its parts.
pub(super) fn is_hostile(name: &str) -> bool {
    name.starts_with('/')
        || name.contains(':')
        || name.contains('\0')
        || name.split('/').any(|part| part == "..")
}

/// Returns whether a path is that of a file which is known to be no part of a bill.
pub fn is_junk(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default();
    let lower = name.to_lowercase();
    let stem = lower.rsplit_once('.').map_or(lower.as_str(), |(stem, _)| stem);
    let holds_a_table = [".csv", ".zip", ".gz"].iter().any(|ending| lower.ends_with(ending));
    let note = NOTES.iter().any(|note| lower.starts_with(note))
        || CHINESE_NOTES.iter().any(|note| stem.ends_with(note));
    name.starts_with("._")
        || JUNK.contains(&lower.as_str())
        || parts.any(|folder| folder == "__MACOSX")
        || (note && !holds_a_table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_elsewhere_are_hostile() {
        for name in ["../a.csv", "/a.csv", "a/../../b.csv", "C:/a.csv", "c:a.csv"] {
            assert!(is_hostile(name), "{name}");
        }
        for name in ["a.csv", "2021-03/a.csv", "a..b.csv", "明细账单.csv"] {
            assert!(!is_hostile(name), "{name}");
        }
    }

    #[test]
    fn junk_is_known_by_its_name_wherever_it_lies() {
        for name in [
            "._a.csv",
            "march/._a.csv",
            "__MACOSX/a.csv",
            "x/__MACOSX/._a.csv",
            ".DS_Store",
            "a/.DS_Store",
            "desktop.ini",
            "Desktop.ini",
            "a/Thumbs.db",
            "README",
            "Readme.TXT",
            "read me.pdf",
            "readme_cn.md",
            "账单说明.txt",
        ] {
            assert!(is_junk(name), "{name}");
        }
        for name in ["a.csv", "readme.csv", "说明.csv", "a/notes.txt", "MACOSX/a.csv", "db.csv", "readme.zip"]
        {
            assert!(!is_junk(name), "{name}");
        }
    }
}
