//! What profiles give, and that it is read back.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::*;

fn id() -> ExportId {
    // 2021-04-01 00:00 in +08:00, as the first of April's exports have it.
    ExportId { unix_s: 1_617_206_400, micros: 0, digits: 42 }
}

/// An export by its words: kind, last day, shape, per, scope.
fn export(words: &str) -> ExportName {
    let [kind, last, shape, per, scope] = words.split(' ').collect::<Vec<_>>()[..] else { panic!("{words}") };
    let kind: BillKind = kind.parse().unwrap();
    let last = day(last);
    let coverage = match kind {
        BillKind::Daily => Coverage::month_to_date(last),
        _ => Coverage::month(last.month()),
    };
    ExportName {
        uin: uin(if scope == "owner" { "200020002001" } else { "909619400" }),
        payer: uin("909619400"),
        kind,
        basis: Basis::Used,
        coverage,
        shape: shape.parse().unwrap(),
        per: per.parse().unwrap(),
        scope: scope.parse().unwrap(),
        id: id(),
    }
}

#[track_caller]
fn names(profile: &str, table: &[(&str, &str)]) {
    let profile: NameProfile = profile.parse().unwrap();
    for (words, expected) in table {
        let expected = expected.replace("{id}", &id().to_string());
        assert_eq!(profile.stem(&export(words)), expected, "{profile}, {words}");
    }
}

const DAILY: &str = "daily 2021-03-04 l3 consolidated payer";
const MONTHLY: &str = "monthly 2021-03-31 l3 consolidated payer";
const RESELLER: &str = "reseller 2021-03-31 l3 consolidated customers";
const PACK: &str = "monthly 2021-03-31 pack consolidated payer";

#[test]
fn the_default_names_are_those_that_exports_always_had() {
    names(
        "seed-2021",
        &[
            (DAILY, "909619400-2021-03-04-by_used_time-bill-details-consolidated_bill-{id}"),
            (RESELLER, "909619400-2021-03--by_used_time-bill-details-consolidated_bill-{id}"),
            (MONTHLY, "909619400-202103-by_used_time-bill_details-{id}"),
            // A scope and a payer never showed.
            (
                "monthly 2021-03-31 l3 consolidated owner",
                "200020002001-202103-by_used_time-bill_details-{id}",
            ),
            (PACK, "909619400-202103-by_used_time-bill_pack-consolidated-{id}"),
            (
                "reseller 2021-03-31 l3-monthly customer customers",
                "909619400-2021-03--by_used_time-bill-l3-monthly-customer_bill-{id}",
            ),
            (
                "daily 2021-03-04 l2 consolidated payer",
                "909619400-2021-03-04-by_used_time-bill-l2-consolidated_bill-{id}",
            ),
        ],
    );
}

#[test]
fn the_other_profiles_have_the_providers_forms_and_our_id() {
    names(
        "current",
        &[
            (DAILY, "909619400-20210304-by_used_time-bill_details-{id}"),
            (MONTHLY, "909619400-202103-by_used_time-bill_details-{id}"),
            (RESELLER, "909619400-202103-by_used_time-bill_details-reseller-{id}"),
            (PACK, "909619400-202103-by_used_time-bill_pack-{id}"),
        ],
    );
    names(
        "partner-download",
        &[
            (
                "monthly 2021-03-31 l3-monthly consolidated owner",
                "L3-bill_details-200020002001-202103-monthly-owner-by_used_time-by_month-{id}",
            ),
            (
                "monthly 2021-03-31 l2 consolidated owner",
                "L2-bill_by_Instance-200020002001-202103-monthly-owner-by_used_time-{id}",
            ),
            (
                "reseller 2021-03-31 l2 customer customers",
                "L2-bill_by_Instance-909619400-AllCustomersBills-202103-reseller-customers-by_used_time-{id}",
            ),
            (
                "monthly 2021-03-31 l3 reseller customers",
                "L3-bill_details-909619400-AllResellersBills-202103-monthly-customers-by_used_time-{id}",
            ),
            (DAILY, "L3-bill_details-909619400-202103-20210304-daily-payer-by_used_time-{id}"),
        ],
    );
    names(
        "focus",
        &[
            (DAILY, "909619400-20210304-by_used_time-FOCUS-Bill Details-{id}"),
            (
                "monthly 2021-03-31 l3 consolidated owner",
                "FOCUS-bill_details-200020002001-202103-by_used_time-{id}",
            ),
            (
                "daily 2021-03-31 l3 consolidated owner",
                "FOCUS-bill_details-200020002001-20210331-by_used_time-{id}",
            ),
        ],
    );
    names(
        "zh",
        &[
            (DAILY, "909619400-20210304-按计费周期-明细账单-{id}"),
            (MONTHLY, "909619400-202103-按计费周期-明细账单-{id}"),
            (PACK, "909619400-202103-按计费周期-账单包-{id}"),
        ],
    );
    let paid = ExportName { basis: Basis::Paid, ..export(MONTHLY) };
    let zh: NameProfile = "zh".parse().unwrap();
    assert_eq!(zh.stem(&paid), format!("909619400-202103-按扣费周期-明细账单-{}", id()));
}

#[test]
fn a_template_gives_what_it_says() {
    names(
        "Bill {uin}_{payer} {month}={month_compact} {day}={day_compact} {first_day}+{last_day}, {kind} {id}",
        &[(
            DAILY,
            "Bill 909619400_909619400 2021-03=202103 2021-03-04=20210304 2021-03-01+2021-03-04, daily {id}",
        )],
    );
    names(
        "{uin}_{id}@{scope}.{per}.{shape}.{basis}",
        &[(
            "daily 2021-03-04 l3-monthly customer self",
            "909619400_{id}@self.customer.l3-monthly.by_used_time",
        )],
    );
    // A field of one length, or of words of which none begins another, needs nothing after it.
    names(
        "{id}{kind}{basis}{month}{per}{uin}",
        &[(PACK, "{id}monthlyby_used_time2021-03consolidated909619400")],
    );
    names("{uin}{id}", &[(PACK, "909619400{id}")]);
    names("{shape}-{kind}-{id}{uin}", &[(PACK, "pack-monthly-{id}909619400")]);
    names("账单{uin}-{id}", &[(PACK, "账单909619400-{id}")]);
}

#[test]
fn a_template_that_would_not_make_good_names_is_refused_with_the_reason() {
    let long = format!("{}{{id}}{{uin}}", "x".repeat(MAX_STEM_BYTES - 44));
    for (template, word) in [
        ("{uin}-{month}-{kind}", "`{id}` is missing"),
        ("{id}-{payer}", "`{uin}` is missing, and without it"),
        ("{uin}-{id", "the `{` at character 7 has no `}`"),
        ("账{uin-{id}", "the `{` at character 2 has no `}`"),
        ("uin}-{id}", "the `}` at character 4 has no `{`"),
        ("{{id}}", "the `{` at character 1"),
        ("{id}}", "the `}` at character 5"),
        ("{uni}-{id}", "`{uni}` is not a field; the fields are `{uin}` `{payer}`"),
        ("{}-{id}", "`{}` is not a field"),
        ("{ID}", "`{ID}` is not a field"),
        ("{ id }", "`{ id }` is not a field"),
        ("{id:33}", "`{id:33}` is not a field"),
        ("{id}-{uin}-{id}", "`{id}` stands twice"),
        ("../{id}", "the character `/` (U+002F)"),
        ("a\\{id}", "the character `\\\\` (U+005C)"),
        ("a%2f{id}", "the character `%`"),
        ("a\0{id}", "U+0000"),
        ("a\n{id}", "U+000A"),
        ("a\u{202e}{id}", "`\\u{202e}` (U+202E)"),
        ("🧾{id}", "U+1F9FE"),
        ("e\u{301}{id}", "U+0301"),
        ("\u{212a}{id}", "U+212A"),
        ("a:{id}", "the character `:`"),
        ("a..{id}", "`..` may not stand"),
        (".{id}", "may not begin with `.`"),
        (" {id}", "may not begin with a space"),
        ("-{id}", "may not begin with `-`"),
        ("{id}.", "may not end with `.`"),
        ("{id} ", "may not end with a space"),
        ("CON.{id}", "`CON` before the first dot"),
        ("nul .{id}", "`nul ` before the first dot"),
        ("Lpt1.x{id}", "`Lpt1` before the first dot"),
        (long.as_str(), "201 bytes without its ending, and 200 is the most"),
        ("{uin}{payer}-{id}", "where `{uin}` ends could not be told"),
        ("{uin}{month_compact}{payer}-{id}", "where `{uin}` ends"),
        ("{kind}{payer}0{uin}.{id}", "where `{payer}` ends"),
        ("{id}{payer}{uin}", "where `{payer}` ends"),
    ] {
        let Err(NameError::Template { fault, .. }) = template.parse::<NameProfile>() else {
            panic!("{template:?} was taken");
        };
        assert!(fault.to_string().contains(word), "{template:?}: not `{word}`: {fault}");
    }
    for other in ["", "seed", "Seed-2021", "current-2024", ".", "..", "%id%", "CON"] {
        let error = other.parse::<NameProfile>().unwrap_err();
        assert!(matches!(error, NameError::Unknown(_)), "{error}");
        assert!(error.to_string().contains("seed-2021, current, partner-download, focus, zh"), "{error}");
    }
    // What is near to these, and good.
    for good in ["CONSOLIDATED.", "com.", "con-", "com10.", "con{day}.", "a.b.", "x - "] {
        let good = format!("{good}{{uin}}-{{id}}");
        assert!(good.parse::<NameProfile>().is_ok(), "{good}");
    }
}

#[test]
fn a_built_in_profile_has_only_templates_that_a_user_could_write() {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for built_in in BuiltIn::ALL {
        for name in all_words() {
            let profile = NameProfile::BuiltIn(*built_in);
            let stem = profile.stem(&name);
            assert_ne!(stem, name.id.to_string(), "{built_in} has no template for {name:?}");
            assert!(stem.len() <= MAX_STEM_BYTES);
            assert_eq!(profile.to_string().parse(), Ok(profile));
            // Within a profile, what the names of two exports say is one thing or another.
            let said = format!("{:?}", told(*built_in, &name));
            assert_eq!(seen.entry(format!("{built_in} {stem}")).or_insert_with(|| said.clone()), &said);
        }
    }
}

/// An export of every kind, basis, shape, division and scope.
fn all_words() -> Vec<ExportName> {
    let mut all = Vec::new();
    for words in [DAILY, MONTHLY, RESELLER] {
        for basis in [Basis::Used, Basis::Paid] {
            for shape in Shape::ALL.iter().copied() {
                for per in Per::ALL.iter().copied() {
                    let name = |scope| ExportName { basis, shape, per, scope, ..export(words) };
                    all.extend(ScopeWord::ALL.iter().copied().map(name));
                }
            }
        }
    }
    all
}

/// What the name of an export says in a built-in profile, as docs/NAMES.md has it.
fn told(built_in: BuiltIn, name: &ExportName) -> NameFields {
    let daily = name.kind == BillKind::Daily;
    let scope = match built_in {
        BuiltIn::PartnerDownload => Some(name.scope),
        BuiltIn::Focus if name.scope == ScopeWord::Owner => Some(name.scope),
        _ => None,
    };
    NameFields {
        uin: Some(name.uin),
        payer: None,
        month: Some(name.coverage.last.month()),
        first_day: None,
        last_day: daily.then_some(name.coverage.last),
        kind: Some(name.kind),
        basis: Some(name.basis),
        shape: Some(name.shape),
        per: Some(name.per),
        scope,
        id: Some(name.id),
    }
}

/// What the name of an export says in a template.
fn told_by(template: &Template, name: &ExportName) -> NameFields {
    let mut said = NameFields::default();
    for field in template.fields() {
        match field {
            NameField::Uin => said.uin = Some(name.uin),
            NameField::Payer => said.payer = Some(name.payer),
            NameField::Month | NameField::MonthCompact => {}
            NameField::Day | NameField::DayCompact | NameField::LastDay => {
                said.last_day = Some(name.coverage.last);
            }
            NameField::FirstDay => said.first_day = Some(name.coverage.first),
            NameField::Kind => said.kind = Some(name.kind),
            NameField::Basis => said.basis = Some(name.basis),
            NameField::Shape => said.shape = Some(name.shape),
            NameField::Per => said.per = Some(name.per),
            NameField::Scope => said.scope = Some(name.scope),
            NameField::Id => said.id = Some(name.id),
        }
        let dates = ["month", "month_compact", "day", "day_compact", "last_day", "first_day"];
        if dates.contains(&field.word()) {
            said.month = Some(name.coverage.last.month());
        }
    }
    said
}

/// Makes the id of an export of all that it is, as exports do, and of its content.
fn id_of(name: &ExportName, content: u32) -> ExportId {
    let mut hasher = Sha256::new();
    hasher.update(format!("{content} {:?}", ExportName { id: id(), ..name.clone() }));
    ExportId::of(&hasher.finalize().into(), name.coverage, TimeZone::CHINA)
}

/// Any export.
pub(super) fn any_export() -> impl Strategy<Value = ExportName> {
    // Few of each, so that two exports often differ in one thing.
    let uins =
        || proptest::sample::select(&["909619400", "100010445724", "100010445725", "999999999999"][..]);
    let last = prop_oneof![
        3 => (0..40_i32).prop_map(|days| Day::from_epoch_days(18_700 + days).unwrap()),
        1 => any_day(),
    ];
    let words = (
        proptest::sample::select(&BillKind::ALL[..]),
        proptest::sample::select(&[Basis::Used, Basis::Paid][..]),
        proptest::sample::select(Shape::ALL),
        proptest::sample::select(Per::ALL),
        proptest::sample::select(ScopeWord::ALL),
    );
    (uins(), uins(), last, words, 0..4_u32).prop_map(|(own, payer, last, words, content)| {
        let (kind, basis, shape, per, scope) = words;
        let coverage = match kind {
            BillKind::Daily => Coverage::month_to_date(last),
            BillKind::Monthly | BillKind::Reseller => Coverage::month(last.month()),
        };
        let (uin, payer) = (uin(own), uin(payer));
        let name = ExportName { uin, payer, kind, basis, coverage, shape, per, scope, id: id() };
        ExportName { id: id_of(&name, content), ..name }
    })
}

/// Text between fields: some that is also a field's, and nothing.
const TEXTS: &[&str] =
    &["-", "_", ".", " ", "x", "0", "L3", "monthly", "-monthly", "2021", "账单", "Ä", "reseller", "", ""];

/// Pieces of which many templates are good.
fn any_template() -> impl Strategy<Value = Template> {
    let piece = (proptest::sample::select(NameField::ALL), proptest::sample::select(TEXTS));
    (
        proptest::collection::vec(piece, 0..6),
        proptest::sample::select(TEXTS),
        0..7_usize,
        0..8_usize,
        proptest::sample::select(TEXTS),
    )
        .prop_filter_map(
            "a template that is refused",
            |(mut pieces, first, id_at, uin_at, uin_after)| {
                pieces.retain(|(field, _)| !matches!(field, NameField::Id | NameField::Uin));
                pieces.insert(id_at.min(pieces.len()), (NameField::Id, "-"));
                pieces.insert(uin_at.min(pieces.len()), (NameField::Uin, uin_after));
                let mut text = first.to_owned();
                pieces.iter().for_each(|(field, after)| text.push_str(&format!("{{{field}}}{after}")));
                Template::new(&text).ok()
            },
        )
}

pub(super) fn any_profile() -> impl Strategy<Value = NameProfile> {
    prop_oneof![
        1 => proptest::sample::select(BuiltIn::ALL).prop_map(NameProfile::BuiltIn),
        2 => any_template().prop_map(NameProfile::Template),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_name_gives_back_every_field_that_it_carries(profile in any_profile(), name in any_export()) {
        let stem = profile.stem(&name);
        let expected = match &profile {
            NameProfile::BuiltIn(built_in) => told(*built_in, &name),
            NameProfile::Template(template) => told_by(template, &name),
        };
        prop_assert_eq!(profile.parse_stem(&stem), Some(expected), "{}: {}", profile, stem);
        prop_assert_eq!(profile.to_string().parse(), Ok(profile.clone()));
        let json = serde_json::to_string(&profile).unwrap();
        prop_assert_eq!(serde_json::from_str::<NameProfile>(&json).unwrap(), profile);
    }

    #[test]
    fn two_different_exports_never_get_one_name(
        profile in any_profile(),
        one in any_export(),
        other in any_export(),
    ) {
        let stems = [&one, &other].map(|name| profile.stem(name));
        let [lower, other_lower] = stems.each_ref().map(|stem| stem.to_lowercase());
        let [upper, other_upper] = stems.each_ref().map(|stem| stem.to_uppercase());
        prop_assert_eq!(lower == other_lower, one == other, "{:?}", stems);
        prop_assert_eq!(upper == other_upper, one == other, "{:?}", stems);
        // Not the id alone tells them apart, but all that the name says.
        let same_id = ExportName { id: one.id, ..other };
        let same = profile.parse_stem(&profile.stem(&one)) == profile.parse_stem(&profile.stem(&same_id));
        let lower_same = profile.stem(&one).to_lowercase() == profile.stem(&same_id).to_lowercase();
        prop_assert_eq!(lower_same, same);
    }

    #[test]
    fn what_is_not_quite_a_name_is_none_or_another_name(
        profile in any_profile(),
        name in any_export(),
        at in any::<proptest::sample::Index>(),
        put in proptest::sample::select(&["", "0", "1", "-", "x", "é", "2021"][..]),
    ) {
        let stem = profile.stem(&name);
        let mut chars: Vec<char> = stem.chars().collect();
        let at = at.index(chars.len());
        chars.splice(at..=at, put.chars());
        let changed: String = chars.into_iter().collect();
        let (said, before) = (profile.parse_stem(&changed), profile.parse_stem(&stem));
        prop_assert!(changed == stem || said.is_none() || said != before, "{} {}", stem, changed);
    }

    #[test]
    fn the_importer_understands_what_built_in_profiles_give(
        built_in in proptest::sample::select(BuiltIn::ALL),
        name in any_export(),
        mark in "| \\([1-9]\\)",
    ) {
        let stem = NameProfile::BuiltIn(built_in).stem(&name);
        let parsed = ParsedName::parse(&format!("{stem}{mark}.zip")).unwrap();
        prop_assert_eq!(parsed.uin, Some(name.uin));
        prop_assert_eq!(parsed.basis, Some(name.basis));
        prop_assert_eq!(parsed.month, Some(name.coverage.last.month()));
        prop_assert_eq!(parsed.day, (name.kind == BillKind::Daily).then_some(name.coverage.last));
        prop_assert_eq!(parsed.id, Some(name.id.to_string()));
        prop_assert_eq!(parsed.level == Some(2), name.shape == Shape::L2 );
    }
}
