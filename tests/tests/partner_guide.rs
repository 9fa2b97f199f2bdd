//! Tencent Cloud's guide "Querying Partner Bills" (docs/DOMAIN.md#sources), sentence by sentence: each that states a
//! behaviour is a test whose name says it.

use crate::support::bucket::checked;
use crate::support::{CUSTOMER, Home, MARCH, PAYER};

/// A store with a whole March, and April through a day.
fn home(april_through: u32) -> Home {
    let home = Home::new();
    home.month_to_date(3, 31);
    if april_through > 0 {
        home.month_to_date(4, april_through);
    }
    home
}

/// Allowed, authorised, and enabled in the default way.
fn stored(april_through: u32) -> Home {
    let home = home(april_through);
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "daily,monthly", false);
    home
}

// Partner Console, steps 1 to 4.

#[test]
fn a_month_is_selected_to_query_its_bill() {
    let home = home(3);
    let months: Vec<String> = home.json(["bill", "list"])["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["month"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(months, ["2021-03", "2021-04"]);
    let shown = home.json(["bill", "show", MARCH, "--by", "owner"]);
    assert_eq!((&shown["month"], shown["rows"].as_array().unwrap().len()), (&MARCH.into(), 2));
    home.run(["bill", "show", "2021-02"]).says(1, &["2021-02"]);
}

#[test]
fn the_csv_file_downloads_the_bill() {
    let home = home(0);
    let csv = home.ok(["bill", "csv", MARCH]).stdout;
    let imported =
        std::fs::read(home.path(&format!("{PAYER}-20210331-by_used_time-bill_details.csv"))).unwrap();
    assert_eq!(csv, imported);
}

#[test]
fn a_bill_without_questions_is_confirmed() {
    let home = home(0);
    home.confirm().says(0, &["Confirmed"]);
    assert_eq!(home.bill_text("state"), "confirmed");
}

#[test]
fn a_questioned_bill_is_modified_and_the_result_is_viewed() {
    let home = home(0);
    home.ok([
        "dispute",
        "open",
        MARCH,
        "--line",
        "1-1",
        "--amount",
        "0.5",
        "--direction",
        "over",
        "--reason",
        "twice",
    ]);
    let digest = home.bill_text("digest");
    home.run(["bill", "confirm", MARCH, "--digest", &digest]).says(3, &["dispute"]);
    let header = "PayerAccountID,OwnerAccountID,ProductName,UsageStartTime,TotalCost,Currency";
    let text = format!("{header}\n{PAYER},{PAYER},CVM,2021-03-01 10:00:00,-0.50,USD\n");
    home.import_as(Some("adjustment"), [home.write("correction.csv", text.as_bytes())]).says(0, &[]);
    let diff = home.json(["bill", "diff", MARCH]);
    assert!(diff.to_string().contains("-0.50"), "{diff}");
    assert_ne!(home.bill_text("digest"), digest);
}

#[test]
fn after_confirming_the_consolidated_bills_are_stored_in_the_bucket() {
    let home = home(0);
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "reseller", true);
    home.ok(["run", "--on", "2021-04-09"]).says(0, &["Nothing was due"]);
    home.confirm();
    home.ok(["run", "--on", "2021-04-09"]).says(0, &["Delivered the reseller bill"]);
    assert_eq!(home.lies("bucket"), ["reseller 2021-03-01..2021-03-31"]);
}

#[test]
fn the_bucket_gets_the_data_in_time_only_if_the_bill_is_confirmed_promptly() {
    let home = home(0);
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "reseller", true);
    assert!(home.why("2021-04-09", "reseller").contains("not confirmed"));
    assert!(home.why("2021-04-30", "reseller").contains("not confirmed"));
    home.confirm();
    home.ok(["run", "--on", "2021-04-30"]).says(0, &["Delivered the reseller bill"]);
}

#[test]
fn confirming_without_a_refresh_is_refused_when_the_latest_bill_is_another() {
    let home = Home::new();
    home.month_to_date(3, 30);
    let seen = home.bill_text("digest");
    home.month_to_date(3, 31);
    home.run(["bill", "confirm", MARCH, "--digest", &seen]).says(3, &["changed"]);
    assert_eq!(home.bill_text("state"), "issued");
}

// Bills in the bucket, steps 1 to 4.

#[test]
fn bill_storage_appears_for_allowed_accounts_only() {
    let home = home(0);
    let next = || -> Vec<String> {
        let status = home.json(["storage", "status", PAYER]);
        let rows = status["rows"].as_array().unwrap().clone();
        rows.iter().map(|r| r["next"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(next(), ["-", "-", "-"]);
    home.sink("bucket", &[]);
    home.run(["storage", "enable", PAYER, "--sink", "bucket"]).says(3, &["not on the allowlist"]);
    home.ok(["storage", "allow", PAYER]);
    assert!(next().iter().all(|next| next.contains("storage authorize")));
}

#[test]
fn the_service_role_is_authorised_before_anything_is_enabled() {
    let home = home(0);
    home.sink("bucket", &[]);
    home.ok(["storage", "allow", PAYER]);
    home.run(["storage", "enable", PAYER, "--sink", "bucket"])
        .says(3, &["not authorised", "storage authorize"]);
    home.ok(["storage", "authorize", PAYER]);
    home.ok(["storage", "enable", PAYER, "--sink", "bucket"]);
}

#[test]
fn a_bucket_is_selected_or_created_on_the_way() {
    let home = home(4);
    home.ok(["storage", "allow", PAYER]);
    home.ok(["storage", "authorize", PAYER]);
    home.run(["storage", "enable", PAYER, "--sink", "new"]).says(1, &["no sink `new`", "--create"]);
    let url = format!("file://{}", home.path("new").display());
    home.ok(["storage", "enable", PAYER, "--sink", "new", "--create", &url]);
    home.ok(["run", "--on", "2021-04-06"]);
    assert_eq!(home.lies("new").len(), 2);
}

#[test]
fn custom_bills_are_a_consent_of_their_own() {
    let home = home(0);
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "daily,monthly,reseller", false);
    home.confirm();
    assert!(home.why("2021-04-09", "reseller").contains("custom bills are not agreed to"));
    home.ok(["storage", "authorize", PAYER, "--custom-bills"]);
    home.ok(["run", "--on", "2021-04-09"]).says(0, &["Delivered the reseller bill"]);
}

#[test]
fn daily_and_monthly_bills_are_sent_by_default_and_reseller_bills_are_not() {
    let home = home(4);
    home.sink("bucket", &[]);
    home.ok(["storage", "allow", PAYER]);
    home.ok(["storage", "authorize", PAYER]);
    home.ok(["storage", "enable", PAYER, "--sink", "bucket"]);
    home.confirm();
    home.ok(["run", "--on", "2021-04-09"]);
    assert_eq!(home.lies("bucket"), ["monthly 2021-03-01..2021-03-31"]);
    home.ok(["run", "--on", "2021-04-06"]);
    assert_eq!(home.lies("bucket").len(), 2);
}

#[test]
fn bills_of_a_sub_account_can_be_stored_as_well() {
    let home = stored(4);
    home.sink("theirs", &[]);
    home.enable(CUSTOMER, "theirs", "daily,monthly", false);
    home.ok(["run", "--on", "2021-04-06"]);
    for export in checked(&home.path("theirs")) {
        assert!(export.figures().0.keys().all(|key| key.0 == CUSTOMER));
        assert_eq!(export.manifest["uin"], CUSTOMER);
    }
    assert_eq!(home.lies("theirs").len(), 2);
}

// 1. Enable bill storage.

#[test]
fn the_updated_data_is_stored_every_day() {
    let home = stored(0);
    for through in 1..=4_u32 {
        home.month_to_date(4, through);
        home.ok(["run", "--on", &format!("2021-04-{:02}", through + 2)]);
    }
    let daily: Vec<String> = home.lies("bucket").into_iter().filter(|l| l.starts_with("daily")).collect();
    let want: Vec<String> = (1..=4).map(|day| format!("daily 2021-04-01..2021-04-{day:02}")).collect();
    assert_eq!(daily, want);
}

#[test]
fn on_april_6_a_bill_covering_april_1_to_4_and_on_april_8_one_covering_1_to_6() {
    let home = stored(6);
    home.ok(["run", "--on", "2021-04-06"]);
    home.ok(["run", "--on", "2021-04-08"]);
    let lies = home.lies("bucket");
    assert!(lies.contains(&"daily 2021-04-01..2021-04-04".to_owned()), "{lies:?}");
    assert!(lies.contains(&"daily 2021-04-01..2021-04-06".to_owned()), "{lies:?}");
}

#[test]
fn a_complete_monthly_bill_is_stored_on_the_2nd() {
    let home = stored(0);
    home.ok(["run", "--on", "2021-04-01"]);
    assert_eq!(home.lies("bucket"), ["daily 2021-03-01..2021-03-30"]);
    home.ok(["run", "--on", "2021-04-02"]);
    assert!(home.lies("bucket").contains(&"monthly 2021-03-01..2021-03-31".to_owned()));
}

#[test]
fn a_bill_with_too_much_data_is_split_and_zipped() {
    let home = home(0);
    home.sink("bucket", &["rows_per_file=20"]);
    home.enable(PAYER, "bucket", "monthly", false);
    home.ok(["run", "--on", "2021-04-02"]);
    let exports = checked(&home.path("bucket"));
    assert!(exports[0].name.ends_with(".zip"));
    assert_eq!(exports[0].files.len(), 4, "62 lines by 20");
}

#[test]
fn reseller_bills_are_stored_after_confirming_from_the_9th_on() {
    let home = home(0);
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "reseller", true);
    home.confirm();
    home.ok(["run", "--on", "2021-04-08"]).says(0, &["Nothing was due"]);
    home.ok(["run", "--on", "2021-04-09"]).says(0, &["Delivered the reseller bill"]);
    let export = &checked(&home.path("bucket"))[0];
    assert!(export.figures().0.keys().all(|key| key.0 == CUSTOMER), "customers' lines only");
}

#[test]
fn the_file_name_sample_is_the_form_of_the_name() {
    let home = home(0);
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "reseller", true);
    home.confirm();
    home.ok(["run", "--on", "2021-04-09"]);
    let name = checked(&home.path("bucket"))[0].name.clone();
    let sample = "100010445724-2021-03--by_used_time-bill-details-consolidated_bill-61121cbd9017a16285769571173521960.zip";
    let (form, id) = sample.trim_end_matches(".zip").rsplit_once('-').unwrap();
    let (own_form, own_id) = name.trim_end_matches(".zip").rsplit_once('-').unwrap();
    assert_eq!(own_form.replace(PAYER, "100010445724"), form);
    assert_eq!(own_id.len(), id.len());
}

// 2. Disable bill storage, 3. change the bucket.

#[test]
fn after_disabling_legacy_data_is_retained_and_no_new_data_is_written() {
    let home = stored(6);
    home.ok(["run", "--on", "2021-04-06"]);
    let before = home.lies("bucket");
    home.ok(["storage", "disable", PAYER, "--yes"]);
    home.ok(["run", "--on", "2021-04-08"]).says(0, &["Nothing was due"]);
    assert_eq!(home.lies("bucket"), before);
    home.ok(["delivery", "verify"]);
}

#[test]
fn disabling_asks_in_a_window() {
    let home = stored(0);
    home.run(["storage", "disable", PAYER]).says(3, &["was not disabled", "--yes"]);
    assert!(!home.why("2021-04-02", "monthly").contains("not enabled"));
}

#[test]
fn after_changing_the_bucket_legacy_data_stays_and_new_data_goes_to_the_new_one_from_the_day_after() {
    let home = stored(8);
    home.sink("new", &[]);
    home.ok(["run", "--on", "2021-04-08"]);
    let old = home.lies("bucket");
    home.ok(["storage", "switch", PAYER, "--sink", "new", "--on", "2021-04-08"]);
    home.ok(["run", "--on", "2021-04-09"]);
    home.ok(["run", "--on", "2021-04-10"]);
    assert_eq!(home.lies("bucket"), old);
    assert_eq!(home.lies("new"), ["daily 2021-04-01..2021-04-07", "daily 2021-04-01..2021-04-08"]);
}
