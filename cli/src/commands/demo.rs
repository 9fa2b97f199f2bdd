//! `demo`: the whole journey on bundled bills, into a folder.
//!
//! Every step is one that a person would take by hand, through the same code, and is told in a line. The dates
//! are those of the examples in docs/DOMAIN.md#calendars. A demo that does not come out as it must is an error.

use std::fs;
use std::path::{Path, PathBuf};

use billkeep_core::error::Kind;

use std::collections::BTreeMap;

use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::output;
use crate::text::short;

use super::deliver::{RunResult, deliver_all};
use billkeep_core::deliveries::{
    Consent, DeliveryError, DueItem, Enable, PayerLines, SinkPlaces, SinkRecord, Statement, VerifyDepth, What,
};

use billkeep_core::bills::{BillField, BillView, ImportRequest};
use billkeep_core::engine::Proof;
use billkeep_core::exports::Audience;
use billkeep_core::formats::BillKind;
use billkeep_core::values::{Basis, BillMonth, Day, TimeZone, Uin};

/// The bundled bills: the daily files of March and of the first week of April 2021.
const BILLS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/demo_bills.rs"));
/// The payer of the bundled bills: the one in Tencent Cloud's file name sample.
const PAYER: &str = "100010445724";
const SINK: &str = "bucket";
/// What the journey delivers: five daily bills, a monthly and a reseller bill, each with its manifest.
const FILES: usize = 14;
/// In the folder, so that nothing is made anew where something else lies.
const MARK: &str = ".billkeep-demo";

pub(crate) fn run(context: &Context, dir: &Path) -> Result<(), CommandError> {
    let demo = Demo::prepare(context, dir)?;
    demo.import(
        "1",
        "Import the daily files of March 2021; each is month to date and replaces the one before",
        "202103",
    )?;
    demo.show("2", "Look at March by customer and product")?;
    demo.storage("3", "Let bills be stored: allow, authorise, add a folder as the bucket, enable")?;
    demo.import("4", "Import the daily files of the first week of April", "202104")?;
    demo.deliver("5", "1 April: the daily bill covers March up to two days ago", 1)?;
    demo.deliver("6", "2 April: the daily bill covers all of March, and the monthly bill is due", 2)?;
    demo.deliver("7", "6 April: the daily bill covers 1 to 4 April", 6)?;
    demo.deliver("8", "8 April: the daily bill covers 1 to 6 April", 8)?;
    demo.confirm("9", "Confirm March as what was seen: the digest must be that of the bill as it is now")?;
    demo.deliver(
        "10",
        "9 April: March is confirmed, so the reseller bill with the customers' lines is due",
        9,
    )?;
    demo.list("11", "The bucket: each part has a manifest beside it")?;
    demo.verify("12", "Check the manifests against the files, byte by byte")?;
    demo.store.close()?;
    context.say(&format!(
        "\nDone. Look around:\n  {0} --store {1} bill show 2021-03 --by owner,day\n  {0} --store {1} due --on 2021-04-10\n  {0} --store {1} audit list",
        program(),
        dir.join("demo.redb").display()
    ));
    Ok(())
}

/// Returns the program as it was called: by a path, where it need not be among those that a shell looks through.
fn program() -> String {
    let called = std::env::args().next().filter(|called| called.contains(std::path::MAIN_SEPARATOR));
    called.unwrap_or_else(|| "billkeep".to_owned())
}

/// Delivers a daily and a monthly bill of March to a sink, from a store of its own.
pub(super) fn through(context: &Context, dir: &Path, record: &SinkRecord) -> Result<(), CommandError> {
    // What is staged lies beside that store too.
    let context = &context.with_store(dir.join("demo.redb"));
    let demo = Demo::prepare(context, dir)?;
    demo.import("1", "Import the bundled bills of March 2021", "202103")?;
    demo.step("2", "Let them go to the plugin");
    demo.enable(record)?;
    demo.deliver("3", "2 April: a daily and a monthly bill are due", 2)?;
    Ok(demo.store.close()?)
}

struct Demo<'a> {
    context: &'a Context,
    store: Opened,
    bucket: PathBuf,
    bills: PathBuf,
    payer: Uin,
    march: BillMonth,
}

impl<'a> Demo<'a> {
    fn prepare(context: &'a Context, dir: &Path) -> Result<Demo<'a>, CommandError> {
        let failed =
            |path: &Path, e: std::io::Error| CommandError::user(format!("`{}`: {e}", path.display()));
        let mark = dir.join(MARK);
        if mark.exists() {
            for name in ["demo.redb", "bucket", "bills"] {
                let path = dir.join(name);
                let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                match removed {
                    Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(&path, e)),
                    _ => {}
                }
            }
        } else if dir.exists() && fs::read_dir(dir).map_err(|e| failed(dir, e))?.next().is_some() {
            return Err(CommandError::user(format!("`{}` is not empty and no earlier demo", dir.display()))
                .hint("name a folder that is empty or not there: `billkeep demo DIR`"));
        }
        let bills = dir.join("bills");
        fs::create_dir_all(&bills).map_err(|e| failed(&bills, e))?;
        fs::write(&mark, b"").map_err(|e| failed(&mark, e))?;
        for (name, bytes) in BILLS {
            let path = bills.join(name);
            fs::write(&path, bytes).map_err(|e| failed(&path, e))?;
        }
        let bucket = dir.join("bucket");
        fs::create_dir_all(&bucket).map_err(|e| failed(&bucket, e))?;
        let bucket = bucket.canonicalize().map_err(|e| failed(&bucket, e))?;
        let payer: Uin = PAYER.parse().map_err(CommandError::user)?;
        let march: BillMonth = "2021-03".parse().map_err(CommandError::user)?;
        let path = dir.join("demo.redb");
        let of_demo = context.with_store(path.clone());
        super::init::run(&of_demo, payer, Some("seed-2021"), TimeZone::CHINA)?;
        let store = of_demo.write()?;
        Ok(Demo { context, store, bucket, bills, payer, march })
    }

    fn step(&self, number: &str, title: &str) {
        self.context.say(&format!("\n{number}. {title}"));
    }

    fn import(&self, number: &str, title: &str, month: &str) -> Result<(), CommandError> {
        self.step(number, title);
        let names: Vec<&str> =
            BILLS.iter().map(|(name, _)| *name).filter(|n| n.contains(&format!("-{month}"))).collect();
        let mut last = None;
        for name in &names {
            let path = self.bills.join(name);
            let request = ImportRequest::default();
            last = Some(super::import::one(self.context, &self.store, &path, &request)?);
        }
        if let Some(report) = last {
            self.context.say(&format!("{} files. The last one:", names.len()));
            self.context.say(&super::import::sentence(&report));
        }
        Ok(())
    }

    fn show(&self, number: &str, title: &str) -> Result<(), CommandError> {
        self.step(number, title);
        let reader = self.store.read()?;
        let key = self.context.bill_key(&reader, self.march, Basis::Used)?;
        let view = BillView::open(&reader, key, None)?;
        let fields =
            ["owner", "product"].map(str::parse::<BillField>).into_iter().collect::<Result<Vec<_>, _>>()?;
        let shown = view.show(&reader, &fields, self.context.thread_count())?;
        let table = super::bill::grouped_table(&shown);
        self.context.data(table.first_rows(12).drawn().as_bytes())?;
        self.context.say(&format!("... {} rows in all", shown.len()));
        Ok(())
    }

    fn storage(&self, number: &str, title: &str) -> Result<(), CommandError> {
        self.step(number, title);
        let record = SinkRecord {
            name: SINK.to_owned(),
            url: format!("file://{}", self.bucket.display()),
            audience: Audience::Partner,
            options: BTreeMap::new(),
        };
        self.enable(&record)
    }

    fn enable(&self, record: &SinkRecord) -> Result<(), CommandError> {
        let (actor, url) = (self.context.actor(), &record.url);
        let said = Statement { actor: &actor, reason: Some("the demo") };
        let today = self.context.day(None, &self.store.read()?)?;
        self.store.transact(|tx| tx.allow_kinds(self.payer, &BillKind::ALL, None, said))?;
        self.store.transact(|tx| tx.authorize_storage(self.payer, Consent::Storing, None, today, said))?;
        let wanted = Enable {
            uin: self.payer,
            sink: record.name.clone(),
            kinds: BillKind::ALL.to_vec(),
            lines: PayerLines::All,
            after: None,
            places: SinkPlaces::default(),
            shared: false,
            custom_bills: true,
            from: None,
        };
        self.store.transact(|tx| tx.enable_storage(&wanted, Some(record), today, said))?;
        self.context.say(&format!("Bills of account {} go to {url}: daily, monthly, reseller.", self.payer));
        Ok(())
    }

    fn deliver(&self, number: &str, title: &str, day_of_april: u32) -> Result<(), CommandError> {
        self.step(number, title);
        let on = Day::new(2021, 4, day_of_april).ok_or_else(|| CommandError::user("no such day"))?;
        let due = DueItem::on(&self.store.read()?, on, Basis::Used)?;
        let RunResult { delivered, failed } = deliver_all(self.context, &self.store, due, on)?;
        if let Some(error) = failed {
            return Err(error);
        }
        if delivered.is_empty() {
            return Err(CommandError::new(Kind::Internal, format!("nothing was due on {on}")));
        }
        Ok(())
    }

    fn confirm(&self, number: &str, title: &str) -> Result<(), CommandError> {
        self.step(number, title);
        let (key, digest, revision) = self.store.transact(|tx| {
            let key = self.context.bill_key(tx, self.march, Basis::Used)?;
            let digest = BillView::open(tx, key, None)?.revision.digest.hex();
            let note = Some("demo");
            let revision = tx.confirm_bill(key, short(&digest), note, &self.context.actor())?.revision;
            Ok::<_, CommandError>((key, digest, revision))
        })?;
        self.context.say(&format!(
            "Confirmed {key} at revision {}, {}, total {}, digest {}.",
            revision.number,
            output::lines(revision.lines()),
            revision.total_text(),
            short(&digest)
        ));
        Ok(())
    }

    fn list(&self, number: &str, title: &str) -> Result<(), CommandError> {
        self.step(number, title);
        let to = super::open_sink::destination(SinkRecord::get(&self.store.read()?, SINK)?)?;
        let listed = to.sink.list();
        let mut names = listed.map_err(|error| DeliveryError::Sink { sink: SINK.to_owned(), error })?;
        names.push(String::new());
        self.context.data(names.join("\n").as_bytes())
    }

    fn verify(&self, number: &str, title: &str) -> Result<(), CommandError> {
        self.step(number, title);
        let record = SinkRecord::get(&self.store.read()?, SINK)?;
        let to = super::open_sink::destination(record)?;
        let findings = to.verify(&self.store.read()?, VerifyDepth::ReadData)?;
        let ok = findings.iter().filter(|f| f.what == What::Ok).count();
        if ok != findings.len() || ok != FILES {
            return Err(CommandError::new(
                Kind::Damaged,
                format!(
                    "{ok} of {} files are as they were delivered, and there should be 12",
                    findings.len()
                ),
            ));
        }
        let entries = Proof::verify(&self.store.read()?)?.entries;
        self.context.say(&format!(
            "All {ok} files are as they were delivered; the journal is whole, with {entries} entries."
        ));
        Ok(())
    }
}
