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

#[test]
fn a_quote_that_takes_whole_lines_in_is_refused_where_it_opens() {
    let lines = |ids: [&str; 4]| {
        let lines = ids.map(|id| line(200_000_003_412, id, "1"));
        [&[HEADER.to_owned()], &lines[..]].concat().join("\n") + "\n"
    };
    for (ids, lines_down) in
        [(["a", "\"b", "\"c", "d"], 1), (["\"a", "b", "c", "\"d"], 3), (["\"a", "b", "d\"", "c"], 2)]
    {
        let text = lines(ids);
        let error = import_new(&format!("{STEM}.csv"), text.as_bytes()).unwrap_err().to_string();
        let at = ids.iter().position(|id| id.starts_with('"')).unwrap() + 2;
        for word in [
            &format!("line {at}"),
            "`InstanceID`",
            &format!("{lines_down} line{} further down", if lines_down == 1 { "" } else { "s" }),
        ] {
            assert!(error.contains(word), "{word:?} is not in: {error}");
        }
    }
    // It closes at a cell in quotes, whose comma makes up for the column that is gone.
    let header = HEADER.replace("InstanceID", "InstanceID,InstanceName");
    let of = |id: &str, name: &str| line(200_000_003_412, &format!("{id},{name}"), "1");
    let text = [header, of("a", "x"), of("\"b", "x"), of("c", "\"env, prod\"")].join("\n") + "\n";
    let error = import_new(&format!("{STEM}.csv"), text.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("line 3") && error.contains("1 line further down"), "{error}");
    // With other separators between the cells, too.
    for separator in ["\t", ";", "|"] {
        let text = lines(["a", "\"b", "\"c", "d"]).replace(',', separator);
        let error = import_new(&format!("{STEM}.csv"), text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("1 line further down"), "{separator:?}: {error}");
    }
    // A name of several lines stays a name.
    let honest = lines(["a", "\"b,\nof two lines\"", "c", "d"]);
    assert_eq!(taken(&format!("{STEM}.csv"), honest.as_bytes()), (4, "4.00000000 USD".into()));
}

#[test]
fn a_header_without_an_end_is_refused_before_all_of_it_is_read() {
    for cell in [",", ";", "a,", "\","] {
        let text = cell.repeat((3 << 20) / cell.len());
        let error = import_new(&format!("{STEM}.csv"), text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("longer than 1048576 bytes"), "{error}");
    }
}
