//! The same bill in other encodings and with other separators has the same digest, whatever its cells hold.

use proptest::prelude::*;

use super::{STEM, import_new};

/// A bill with a Chinese header, whose cells are `texts`: quoted, so that they may hold anything.
fn bill(texts: &[String], separator: char) -> String {
    let mut text = "支付者UIN,使用者UIN,产品名称,实例名称,开始使用时间,优惠后总价(元)\n"
        .replace(',', &separator.to_string());
    for (row, name) in texts.iter().enumerate() {
        let cells = [
            "100010445724".to_owned(),
            "200000003412".to_owned(),
            "云服务器".to_owned(),
            format!("\"{}\"", name.replace('"', "\"\"")),
            "2021-03-05 00:00:00".to_owned(),
            format!("{row}.25"),
        ];
        text += &(cells.join(&separator.to_string()) + "\n");
    }
    text
}

fn utf16(text: &str, big: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // Characters for private use have several codes in GB18030, so that not all of them come back.
    #[test]
    fn any_text_in_another_encoding_has_the_digest_of_utf_8(
        texts in proptest::collection::vec("[a-z,;\t\"\n\r '=.\u{a0}-\u{24f}\u{3000}-\u{30ff}\u{4e00}-\u{9fa5}\u{ff01}-\u{ff5e}\u{1f300}-\u{1f64f}]{0,12}", 1..8),
        separator in prop::sample::select(vec![',', '\t', ';', '|']),
    ) {
        let digest = |bytes: &[u8]| import_new(&format!("{STEM}.csv"), bytes).map(|r| r.digest).map_err(|e| e.to_string());
        let plain = digest(bill(&texts, ',').as_bytes());
        prop_assert!(plain.is_ok(), "{plain:?}");
        let other = bill(&texts, separator);
        prop_assert_eq!(&digest(other.as_bytes()), &plain);
        prop_assert_eq!(&digest(&crate::formats::text::encoded_gb18030(&other)), &plain);
        for big in [false, true] {
            prop_assert_eq!(&digest(&utf16(&other, big)), &plain);
            prop_assert_eq!(&digest(&utf16(&format!("\u{feff}{other}"), big)), &plain);
        }
    }
}
