use super::*;

fn plain<T>(read: Read<T>) -> Result<String, Option<CellCause>> {
    read.map(|(_, plain)| plain.map_or_else(|| "as it is".to_owned(), |plain| plain.text))
}

#[test]
fn an_id_has_one_reading_however_it_is_kept_from_a_spreadsheet() {
    for cell in [
        "'100010445724",
        "=\"100010445724\"",
        "100010445724.0",
        "100010445724.00",
        "１０００１０４４５７２４",
        "\u{feff}100010445724",
        "100010445724\u{200b}",
        "'100010445724 ",
        " =\"100010445724\"",
    ] {
        assert_eq!(plain(uin(cell.as_bytes())), Ok("100010445724".into()), "{cell:?}");
    }
    // These were always taken, and make the digests that they made.
    for cell in ["100010445724", " 100010445724\t", "\u{a0}100010445724"] {
        assert_eq!(plain(uin(cell.as_bytes())), Ok("as it is".into()), "{cell:?}");
    }
    assert_eq!(uin(b"1.00010E+11"), Err(Some(CellCause::Scientific)));
    assert_eq!(uin(b"#REF!"), Err(Some(CellCause::SheetError)));
    assert_eq!(uin("1000\u{a0}10445724".as_bytes()), Err(Some(CellCause::Character('\u{a0}'))));
    assert_eq!(uin(b"100010445724.5"), Err(None));
    assert_eq!(uin(b""), Err(None));
}

#[test]
fn ids_in_columns_of_text_lose_what_a_spreadsheet_needs_and_other_texts_nothing() {
    let of = |cell: &str, column| text(cell.as_bytes(), column).map(|plain| plain.map(|p| p.text));
    assert_eq!(of("'2021030000000001", Column::TransactionId), Ok(Some("2021030000000001".into())));
    assert_eq!(of("=\"ins-1\"", Column::InstanceId), Ok(Some("ins-1".into())));
    assert_eq!(of("200000003412.0", Column::OperatorUin), Ok(Some("200000003412".into())));
    assert_eq!(of("2.02103E+15", Column::TransactionId), Err(CellCause::Scientific));
    assert_eq!(of("#REF!", Column::ComponentName), Err(CellCause::SheetError));
    for (cell, column) in [
        ("'prod'", Column::InstanceName),
        ("'123", Column::InstanceName),
        ("'ab", Column::TransactionId),
        ("1.5E+10", Column::ComponentName),
        ("#1 server", Column::InstanceName),
        ("=A1+B1", Column::InstanceName),
        ("=\"web\"", Column::InstanceName),
        ("5.0", Column::InstanceName),
        ("10", Column::OperatorUin),
        ("", Column::OrderId),
    ] {
        assert_eq!(of(cell, column), Ok(None), "{cell}");
    }
}

#[test]
fn an_amount_is_read_where_it_has_one_reading() {
    for (cell, want) in [
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("１２．５０", "12.50"),
        ("−12.50", "-12.50"),
        ("－12.50", "-12.50"),
        ("(12.50)", "-12.50"),
        ("（1,234.50）", "-1,234.50"),
        ("12.50-", "-12.50"),
        ("'12.50", "12.50"),
        ("￥12.50", "12.50"),
        ("-¥12.50", "-12.50"),
        ("¥-12.50", "-12.50"),
        ("US$12.50", "12.50"),
        ("($.50)", "-0.50"),
        ("12.50元", "12.50"),
        ("USD 12.50", "12.50"),
        ("\u{200b}12.50", "12.50"),
        ("－", "-"),
    ] {
        assert_eq!(plain(amount(cell.as_bytes())), Ok(want.into()), "{cell}");
    }
    for cell in ["12.50", "1,234.50", "1e-7", " 12.50\u{a0}", "", "-"] {
        assert_eq!(plain(amount(cell.as_bytes())), Ok("as it is".into()), "{cell}");
    }
    let sign = |cell: &str| amount(cell.as_bytes()).unwrap().1.unwrap().sign.unwrap().currencies[0];
    assert_eq!((sign("¥1"), sign("HK$1"), sign("$1")), ("CNY", "HKD", "USD"));
}

#[test]
fn an_amount_with_two_readings_or_none_has_a_cause() {
    for (cell, cause) in [
        ("123456789012345678901234567", Some(CellCause::Digits(27))),
        ("0.1234567890123456789", Some(CellCause::Decimals(19))),
        ("12,5", Some(CellCause::DecimalComma)),
        ("1.355,90", Some(CellCause::DecimalComma)),
        ("–12.50", Some(CellCause::Character('–'))),
        ("1\u{a0}234.50", Some(CellCause::Character('\u{a0}'))),
        ("#VALUE!", Some(CellCause::SheetError)),
        ("####", Some(CellCause::SheetError)),
        ("N/A", None),
        ("(-12.50)", None),
        ("--5", None),
        ("5.", None),
        ("¥", Some(CellCause::Character('¥'))),
        ("", None),
        ("-12.50-", None),
    ] {
        let got = amount(cell.as_bytes());
        if cell.is_empty() {
            assert!(got.is_ok());
        } else {
            assert_eq!(got, Err(cause), "{cell}");
        }
    }
}

#[test]
fn rates_keep_their_percent_sign() {
    assert_eq!(plain(number("９５％".as_bytes())), Ok("95%".into()));
    assert_eq!(plain(number(b"95%")), Ok("as it is".into()));
    assert_eq!(plain(number(b".95")), Ok("0.95".into()));
    assert_eq!(number(b"a%"), Err(None));
}

#[test]
fn currencies_are_codes_in_any_case_and_words_that_name_one() {
    for (cell, want) in [
        ("usd", "USD"),
        ("Usd ", "USD"),
        ("人民币", "CNY"),
        ("US$", "USD"),
        ("元", "CNY"),
        ("港币", "HKD"),
        ("ＵＳＤ", "USD"),
    ] {
        assert_eq!(plain(currency(cell.as_bytes())), Ok(want.into()), "{cell}");
    }
    assert_eq!(plain(currency(b"USD")), Ok("as it is".into()));
    for cell in ["$", "¥", "", "dollar", "U5D"] {
        assert!(currency(cell.as_bytes()).is_err(), "{cell}");
    }
}

#[test]
fn a_time_is_read_where_it_has_one_reading() {
    for (cell, want) in [
        ("2021-03-01 00:00", "2021-03-01 00:00:00"),
        ("2021/3/1 0:00:07", "2021-03-01 00:00:07"),
        ("2021-03-01T23:59:59", "2021-03-01 23:59:59"),
        ("2021-03-01 00:00:00.000", "2021-03-01 00:00:00"),
        ("2021-03-31 24:00:00", "2021-04-01 00:00:00"),
        ("2020-02-28 24:00:00", "2020-02-29 00:00:00"),
        ("'2021-03-01 00:00:00", "2021-03-01 00:00:00"),
    ] {
        assert_eq!(plain(time(cell.as_bytes(), true)), Ok(want.into()), "{cell}");
    }
    assert_eq!(plain(time(b"2021-03-01 00:00:00", true)), Ok("as it is".into()));
    for (cell, cause) in [
        ("2021-03-31 24:00:00", Some(CellCause::NoSuchTime)),
        ("2021-02-29 00:00:00", Some(CellCause::NoSuchDay)),
        ("0000-00-00 00:00:00", Some(CellCause::NoSuchDay)),
        ("2021/3/1 0:59", Some(CellCause::Reformatted)),
        ("2021/3/1", Some(CellCause::NoTime)),
        ("44256.0", Some(CellCause::DayNumber)),
        ("44256", Some(CellCause::DayNumber)),
        ("Mar-21", Some(CellCause::Reformatted)),
        ("2021-03-01T00:00:00Z", Some(CellCause::Zone)),
        ("2021-03-01 00:00:00+08:00", Some(CellCause::Zone)),
        ("2021-03-01 25:00:00", Some(CellCause::NoSuchTime)),
        ("03/01/2021 00:00:00", None),
        ("2021-03-01 00:00:00.5", None),
        ("#REF!", Some(CellCause::SheetError)),
    ] {
        assert_eq!(time(cell.as_bytes(), false), Err(cause), "{cell}");
    }
}

#[test]
fn days_and_months_are_read_where_they_have_one_reading() {
    assert_eq!(plain(day(b"2021/3/1")), Ok("2021-03-01".into()));
    assert_eq!(plain(day(b"2021-03-01 00:00:00")), Ok("as it is".into()));
    assert_eq!(day(b"2021/2/29"), Err(Some(CellCause::NoSuchDay)));
    assert_eq!(day(b"44256"), Err(Some(CellCause::DayNumber)));
    for (cell, want) in [
        ("2021/3", "2021-03"),
        ("2021-3", "2021-03"),
        ("2021年3月", "2021-03"),
        ("2021-03", "as it is"),
        ("202103", "as it is"),
    ] {
        assert_eq!(plain(month(cell.as_bytes())), Ok(want.into()), "{cell}");
    }
    assert_eq!(month(b"Mar-21"), Err(Some(CellCause::Reformatted)));
    assert_eq!(month(b"2021/3/1"), Err(Some(CellCause::Reformatted)));
}
