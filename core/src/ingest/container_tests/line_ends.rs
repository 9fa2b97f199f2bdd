//! LF, CR LF and CR alone end lines alike, and a mixture of them too.

use super::*;

#[test]
fn a_file_of_returns_alone_has_all_its_lines() {
    assert_eq!(taken(&format!("{STEM}.csv"), bill("\r").as_bytes()), (3, THREE.into()));
}

#[test]
fn no_line_is_lost_where_the_header_ends_otherwise_than_the_lines() {
    for header in ["\n", "\r", "\r\n", "\r\r\n"] {
        for lines in ["\n", "\r", "\r\n", "\r\r\n"] {
            let text = bill("|").replacen('|', header, 1).replace('|', lines);
            let cut = header.ends_with("\r\n") && lines == "\r";
            let text = if cut { text + "\n" } else { text };
            assert_eq!(
                taken(&format!("{STEM}.csv"), text.as_bytes()),
                (3, THREE.into()),
                "{header:?} {lines:?}"
            );
        }
    }
}

#[test]
fn line_ends_do_not_change_the_digest() {
    let digest = |end: &str| import_new(&format!("{STEM}.csv"), bill(end).as_bytes()).unwrap().digest.hex();
    assert_eq!(digest("\r"), digest("\n"));
    assert_eq!(digest("\r\n"), digest("\n"));
}

#[test]
fn a_return_in_quotes_is_part_of_its_cell() {
    let quoted = bill("\r").replace(",a,", ",\"a\rb\",");
    let report = import_new(&format!("{STEM}.csv"), quoted.as_bytes()).unwrap();
    assert_eq!(report.digest.lines(), 3);
    assert_ne!(report.digest, import_new(&format!("{STEM}.csv"), bill("\r").as_bytes()).unwrap().digest);
}

#[test]
fn a_fault_names_the_line_of_text_whatever_ends_the_lines() {
    for end in ["\n", "\r", "\r\n"] {
        // The first cell with a line end takes a line of its own.
        let text = bill(end).replace(",a,", &format!(",\"a{end}b\",")).replace(",5,", ",five,");
        let error = import_new(&format!("{STEM}.csv"), text.as_bytes()).unwrap_err();
        let ImportError::Faults(faults) = &error else { panic!("{error}") };
        assert_eq!(faults.first().unwrap().0.line, 5, "{end:?} {error}");
    }
}

#[test]
fn a_file_that_is_cut_within_a_line_end_may_be_cut_elsewhere_too() {
    let text = bill("\r\n");
    let error = import_new(&format!("{STEM}.csv"), text.strip_suffix('\n').unwrap().as_bytes()).unwrap_err();
    assert!(error.to_string().contains("line 4: the last line has no line end"), "{error}");
}
