//! Makes a lost store again from what it had delivered.
//!
//! A sink with its manifests holds lines, and says which bills they are, which revision they came from and what they add up to. It does
//! not hold who confirmed what, disputes, late files, the files that were imported, earlier revisions, or whose bills
//! go where: what cannot be made again is told, never invented.

mod made;
mod restore;

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::bills::ingest::ImportSettings;
use crate::bills::{BillKey, BillView};
use crate::engine::journal::{Actor, EntryChange, append_change};
use crate::engine::settings::StoreSettings;
use crate::engine::store::{Records, Store, Table};
use crate::exports::sink::SinkError;
use crate::exports::{
    Audience, MANIFEST_ENDING, Manifest, Naming, Plan, Scope, Totals, WantedExport, expected_sums,
};
use crate::formats::naming::ScopeWord;
use crate::values::digest::from_hex;
use crate::values::period::{Basis, BillMonth, Coverage, Day};
use crate::values::uin::Uin;

use super::DeliveryError;
use super::desk::{Desk, Destination, Ways};
use super::plan::{plan_key, slot_key};
use super::record::{self, Delivery, DeliveryProgress, Receipt};
use crate::bills::Bill;
use crate::exports::ObjectMeta;
use made::FoundManifest;
pub use made::RebuiltAmount;
use restore::{Tried, restore};

/// What came of a bill or a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// `bill` or `delivery`.
    pub what: &'static str,
    /// The bill, or the manifest's name.
    pub name: String,
    /// How much of it is there again.
    pub made: RebuiltAmount,
    /// What there is to say.
    pub detail: String,
}

/// What no sink holds, in words.
pub const NOT_AT_ANY_SINK: &[&str] = &[
    "who confirmed, issued or reopened bills, and when: look at the bills and confirm them again",
    "the journal before now, disputes, late files, and notes",
    "earlier revisions, and the names and hashes of the files that were imported",
    "accounts, allowlist, grants, bindings, prices, calendars and retention",
];

/// Under which key it lies in [`Table::Meta`] from which sink the store is being made again.
const REBUILDING: &[u8] = b"rebuilding";

impl Store {
    /// Makes bills and deliveries of an empty store again from a sink. One that was stopped before its end goes on: bills and deliveries
    /// that are there already stay as they are.
    ///
    /// # Errors
    /// [`DeliveryError::NotEmpty`] when the store has a bill that no rebuild from this sink has begun with; [`DeliveryError`] when
    /// store or sink as a whole cannot be used.
    pub fn rebuild_deliveries(
        &self,
        to: &Destination,
        ways: &Ways<'_>,
        settings: &ImportSettings,
        actor: &Actor,
    ) -> Result<Vec<Rebuilt>, DeliveryError> {
        let sink = &to.record.name;
        let begun: Option<String> = self.read()?.get(Table::Meta, REBUILDING)?;
        let goes_on = begun.as_ref() == Some(sink);
        if !goes_on && (!Bill::list(&self.read()?)?.is_empty() || !Delivery::list(&self.read()?)?.is_empty())
        {
            return Err(DeliveryError::NotEmpty);
        }
        if !to.sink.looks() {
            let why = "it cannot look at what it holds, so no bill can be made again from it".to_owned();
            return Err(to.error(SinkError::Setup(why.into())));
        }
        let payer = StoreSettings::of(&self.read()?)?.payer;
        let desk = Desk::take(to, ways.stage)?;
        let mut told = Vec::new();
        let mut found = manifests(to, payer, &mut told)?;
        if !goes_on {
            let writer = self.write()?;
            writer.put(Table::Meta, REBUILDING, sink)?;
            append_change(&writer, actor, EntryChange::new("delivery rebuild", sink, "begun"))?;
            writer.commit()?;
        }
        let mut best: BTreeMap<BillKey, Vec<&FoundManifest>> = BTreeMap::new();
        for found in &found {
            best.entry(found.bill).or_default().push(found);
        }
        for (bill, mut candidates) in best {
            candidates.retain(|found| is_whole(&found.manifest));
            // The newest state of the longest coverage.
            candidates.sort_by_key(|found| (found.coverage.last, found.manifest.revision));
            let mut last = (
                RebuiltAmount::Not,
                "no export at this sink has all its lines, plain and unencrypted".to_owned(),
            );
            for candidate in candidates.into_iter().rev() {
                let tried = of_one(restore(self, to, &desk, candidate, settings, actor), Tried::damaged)?;
                if last.0 == RebuiltAmount::Damaged {
                    let (made, detail) = last;
                    told.push(Rebuilt { what: "bill", name: bill.subject(), made, detail });
                }
                last = (tried.made, tried.detail);
                // What is restored is the bill: another export would add to it.
                if last.0 == RebuiltAmount::Whole {
                    break;
                }
            }
            let (made, detail) = last;
            told.push(Rebuilt { what: "bill", name: bill.subject(), made, detail });
        }
        // What takes another one's place was made from a later revision.
        let mut numbers = BTreeMap::new();
        found.sort_by_key(|found| found.manifest.revision);
        for found in &found {
            let tried = one_delivery(self, to, found, &mut numbers, actor);
            let (made, detail) = of_one(tried, |why| (RebuiltAmount::Damaged, why))?;
            told.push(Rebuilt { what: "delivery", name: found.name.clone(), made, detail });
        }
        let writer = self.write()?;
        writer.delete(Table::Meta, REBUILDING)?;
        append_change(&writer, actor, EntryChange::new("delivery rebuild", sink, "finished"))?;
        writer.commit()?;
        Ok(told)
    }
}

/// Says whether an error is about one object, and not about the sink as a whole: the others can still be read.
fn is_of_one(e: &SinkError) -> bool {
    matches!(e, SinkError::Damaged(_) | SinkError::Setup(_) | SinkError::Conflict { .. })
}

/// Makes a finding of an error that is about one object.
fn of_one<T>(tried: Result<T, DeliveryError>, damaged: impl FnOnce(String) -> T) -> Result<T, DeliveryError> {
    match tried {
        Err(DeliveryError::Sink { error, .. }) if is_of_one(&error) => Ok(damaged(error.to_string())),
        tried => tried,
    }
}

/// Says whether an export holds the lines of a bill as they are, all of them up to a day.
fn is_whole(manifest: &Manifest) -> bool {
    let has_form = manifest.form.is_some() || manifest.dialect.is_some() || manifest.audience.is_some();
    let is_sealed = manifest.parts.iter().any(|part| part.sealed.is_some());
    manifest.scope == Scope::Payer.word().to_string() && !has_form && !is_sealed
}

/// Reads all manifests; those that cannot be used are told.
fn manifests(
    to: &Destination,
    payer: Uin,
    told: &mut Vec<Rebuilt>,
) -> Result<Vec<FoundManifest>, DeliveryError> {
    let names = to.sink.list().map_err(|e| to.error(e))?;
    let mut found = Vec::new();
    for name in names {
        let mut tell = |made, detail| {
            told.push(Rebuilt { what: "delivery", name: name.clone(), made, detail });
        };
        if name.ends_with(&format!("{MANIFEST_ENDING}.age")) {
            tell(RebuiltAmount::Not, "its manifest is encrypted".to_owned());
            continue;
        }
        if !name.ends_with(MANIFEST_ENDING) {
            continue;
        }
        let read = match ObjectMeta::read_small(to.sink.as_ref(), &name) {
            // It went away meanwhile.
            Ok(None) => continue,
            Ok(Some(bytes)) => Manifest::from_bytes(&bytes).map(|manifest| (manifest, bytes)),
            Err(e) if is_of_one(&e) => Err(e.to_string()),
            Err(e) => return Err(to.error(e)),
        };
        let (manifest, bytes) = match read {
            Ok(read) => read,
            Err(why) => {
                tell(RebuiltAmount::Damaged, why);
                continue;
            }
        };
        match asked(&manifest, payer) {
            Some((bill, coverage)) => {
                found.push(FoundManifest { name, bytes, manifest, bill, coverage });
            }
            None => {
                tell(
                    RebuiltAmount::Not,
                    format!("it is of payer {}, or of no bill that there can be", manifest.payer),
                );
            }
        }
    }
    Ok(found)
}

/// Returns which bill a manifest is of, if it is the payer's.
fn asked(manifest: &Manifest, payer: Uin) -> Option<(BillKey, Coverage)> {
    let month: BillMonth = manifest.month.parse().ok()?;
    let basis: Basis = manifest.basis.parse().ok()?;
    let of: Uin = manifest.payer.parse().ok()?;
    let day = |text: &str| text.parse::<Day>().ok();
    let coverage = Coverage { first: day(&manifest.coverage.first)?, last: day(&manifest.coverage.last)? };
    (of == payer).then_some((BillKey { payer, month, basis }, coverage))
}

/// Writes the receipt of a delivery whose lines the store has again, so that they are not delivered a second time.
fn one_delivery(
    store: &Store,
    to: &Destination,
    found: &FoundManifest,
    numbers: &mut BTreeMap<String, u64>,
    actor: &Actor,
) -> Result<(RebuiltAmount, String), DeliveryError> {
    let FoundManifest { name, bytes, manifest, bill, coverage } = found;
    let not = |why: &str| Ok((RebuiltAmount::Not, why.to_owned()));
    let Some(part) = manifest.parts.first() else {
        return Ok((RebuiltAmount::Damaged, "it names no part".to_owned()));
    };
    let (held_name, held_bytes, held_sha256) = match &part.sealed {
        Some(sealed) => (&sealed.name, sealed.bytes, &sealed.sha256),
        None => (&part.name, part.bytes, &part.sha256),
    };
    let held = to.sink.head(held_name).map_err(|e| to.error(e))?;
    let (Some(held), Some(sha256), Some(zip)) = (held, from_hex(held_sha256), from_hex(&part.sha256)) else {
        return Ok((RebuiltAmount::Damaged, format!("its part `{held_name}` is not there")));
    };
    if held.bytes != held_bytes {
        return Ok((RebuiltAmount::Damaged, format!("its part `{held_name}` has another length")));
    }
    let writer = store.write()?;
    if writer.get_bytes(Table::Bills, &bill.bytes())?.is_none() {
        return not("its bill is not there");
    }
    let Some(wanted) = wanted(manifest, *bill, *coverage, to)? else {
        return not("the sink's options ask for another form now");
    };
    let view = BillView::open(&writer, *bill, None)?;
    let zone = StoreSettings::of(&writer)?.zone;
    let naming = Naming { zone, profile: to.record.options()?.naming };
    let plan = match Plan::new(&writer, &view, wanted, &naming) {
        Ok(plan) if plan.manifest_name() == *name => plan,
        _ => return not("the bill has other lines now, or accounts and prices are not known any more"),
    };
    let key = plan_key(&to.record, &plan.stem);
    if let Some(number) = writer.get(Table::DeliveryKeys, &key)? {
        // A rebuild that was stopped has got so far.
        numbers.insert(name.clone(), number);
        return Ok((RebuiltAmount::Whole, format!("delivery {number}")));
    }
    let number = writer.next_id("delivery")?;
    let signature = signature(to, name)?;
    let totals = match plan.wanted.form.audience {
        Audience::Partner => Totals::Partner(expected_sums(&writer, &view, &plan)?),
        Audience::Customer => Totals::of_customer_manifest(manifest),
    };
    let supersedes = manifest.supersedes.as_ref().and_then(|before| numbers.get(before).copied());
    let receipt = Receipt {
        location: to.sink.location(held_name),
        part: held_name.clone(),
        bytes: held_bytes,
        sha256,
        rows: manifest.rows,
        totals,
        manifest: name.clone(),
        manifest_sha256: Sha256::digest(bytes).into(),
        at_unix_s: actor.at_unix_s,
        actor: actor.name.clone(),
        tag: held.tag,
        zip: part.sealed.as_ref().map(|_| (part.bytes, zip)),
        signature,
    };
    let slot = slot_key(&to.record, &plan.wanted);
    let (subject, after) = (bill.subject(), Some(plan.content.bytes()));
    let detail = receipt.told(number, "at", &to.record.name);
    let delivery = Delivery {
        number,
        sink: to.record.name.clone(),
        url: to.record.url.clone(),
        plan,
        progress: DeliveryProgress::Delivered(Box::new(receipt)),
        at_unix_s: actor.at_unix_s,
        on: None,
        supersedes,
        failure: None,
    };
    record::put(&writer, &delivery)?;
    record::put_manifest(&writer, number, bytes)?;
    writer.put(Table::DeliveryKeys, &key, &number)?;
    writer.put(Table::DeliverySlots, &slot, &number)?;
    append_change(
        &writer,
        actor,
        EntryChange { after, ..EntryChange::new("delivery rebuild", &subject, &detail) },
    )?;
    writer.commit()?;
    numbers.insert(name.clone(), number);
    Ok((RebuiltAmount::Whole, format!("delivery {number}")))
}

/// Returns what was asked for when an export was made, if the sink's options are as they were.
fn wanted(
    manifest: &Manifest,
    bill: BillKey,
    coverage: Coverage,
    to: &Destination,
) -> Result<Option<WantedExport>, DeliveryError> {
    let options = to.record.options()?;
    let (Ok(uin), Ok(kind)) = (manifest.uin.parse::<Uin>(), manifest.kind.parse()) else { return Ok(None) };
    let scope = match manifest.scope.parse() {
        Ok(ScopeWord::Payer) => Scope::Payer,
        Ok(ScopeWord::Customers) => Scope::Customers,
        Ok(ScopeWord::SelfUse) => Scope::SelfUse,
        Ok(ScopeWord::Owner) => Scope::Owner(uin),
        Ok(ScopeWord::Reseller) => Scope::Reseller(uin),
        Err(_) => return Ok(None),
    };
    let (rows_per_file, form) = (options.rows_per_file, options.form);
    Ok(Some(WantedExport { uin, kind, bill, coverage, scope, rows_per_file, form }))
}

/// Finds the signature of a manifest.
fn signature(to: &Destination, manifest: &str) -> Result<Option<(String, [u8; 32])>, DeliveryError> {
    let Some(sign) = &to.sign else { return Ok(None) };
    let name = format!("{manifest}{}", sign.suffix());
    let found = ObjectMeta::read_small(to.sink.as_ref(), &name).map_err(|e| to.error(e))?;
    Ok(found.map(|bytes| (name, Sha256::digest(&bytes).into())))
}
