//! The life of a bill against a plain model of it: random files, confirmations, disputes, late files, reopenings.
//!
//! The model knows nothing of stores, blocks or digests: it keeps lists of lines. After every step, state, totals,
//! lines and refusals are the same, and a digest stands for the same lines as ever.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use billkeep_core::error::Kind;

use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::support::{PAYER, seed};
use billkeep_core::bills::{
    Bill, BillError, BillKey, BillState, BillView, Claim, Direction, Dispute, DisputeState, Import,
    ImportError, ImportMode, ImportRequest, ImportSettings, LateFile, LateState, LineId, Outcome, Revision,
};

use billkeep_core::deliveries::Setup;
use billkeep_core::engine::{Actor, Proof, Store};
use billkeep_core::formats::Limits;
use billkeep_core::partners::{Changed, Policy};
use billkeep_core::values::{Amount, Basis, BillMonth};

/// Day of the month and total in 1e-8: all that tells a line of the model from another one.
type Line = (u32, i128);

#[derive(Clone, Copy, Debug)]
enum Op {
    /// The month to date through one of these days, in one of several editions.
    MonthToDate {
        through: u32,
        edition: u32,
    },
    Adjustment {
        number: u32,
    },
    Confirm {
        who: usize,
    },
    ConfirmWhatWas {
        back: usize,
    },
    Reopen {
        who: usize,
    },
    Dispute,
    Advance {
        which: usize,
        to: DisputeState,
    },
    SetAside {
        which: usize,
    },
    AcceptLate {
        which: usize,
        who: usize,
    },
    DiscardLate {
        which: usize,
    },
    FourEyes {
        on: bool,
        who: usize,
    },
}

const WHO: [&str; 2] = ["ann", "bob"];

fn ops() -> impl Strategy<Value = Op> {
    use DisputeState::{Accepted, Rejected, Sent, Settled, Withdrawn};
    let who = || 0..WHO.len();
    let file = (prop_oneof![Just(10_u32), Just(20), Just(31), Just(31)], 0..4_u32);
    prop_oneof![
        6 => file.prop_map(|(through, edition)| Op::MonthToDate { through, edition }),
        3 => (0..5_u32).prop_map(|number| Op::Adjustment { number }),
        4 => who().prop_map(|who| Op::Confirm { who }),
        1 => (1..4_usize).prop_map(|back| Op::ConfirmWhatWas { back }),
        2 => who().prop_map(|who| Op::Reopen { who }),
        2 => Just(Op::Dispute),
        3 => (0..3_usize, prop_oneof![Just(Accepted), Just(Rejected), Just(Sent), Just(Settled), Just(Withdrawn)])
            .prop_map(|(which, to)| Op::Advance { which, to }),
        1 => (0..3_usize).prop_map(|which| Op::SetAside { which }),
        3 => (0..3_usize, who()).prop_map(|(which, who)| Op::AcceptLate { which, who }),
        1 => (0..3_usize).prop_map(|which| Op::DiscardLate { which }),
        1 => (any::<bool>(), who()).prop_map(|(on, who)| Op::FourEyes { on, who }),
    ]
}

/// A file of the model.
#[derive(Clone, Debug)]
struct File {
    name: String,
    /// `None` for an adjustment.
    through: Option<u32>,
    lines: Vec<Line>,
}

/// The same bytes are the same file, under whatever name.
impl PartialEq for File {
    fn eq(&self, other: &File) -> bool {
        self.lines == other.lines
    }
}

fn month_to_date(through: u32, edition: u32) -> File {
    let days = [1, 5, 10, 15, 20, 25, 31].into_iter().filter(|day| *day <= through);
    let lines = days.map(|day| (day, i128::from(day * 100_000_007 + edition * 31 * (day % 7)))).collect();
    let name = format!("{PAYER}-202103{through:02}-by_used_time-bill_details.csv");
    File { name, through: Some(through), lines }
}

/// Two equal lines and a small one; the fourth is what settles a dispute, and the fifth is the first once more.
fn adjustment(number: u32) -> File {
    let total = -100_000_000_i128 - i128::from(number % 4);
    let lines = if number == 3 { vec![(31, -250_000_000)] } else { vec![(31, total), (31, total), (31, 7)] };
    File { name: format!("adjustment-{number}.csv"), through: None, lines }
}

fn write(folder: &Path, file: &File) -> PathBuf {
    let mut text =
        String::from("PayerAccountID,OwnerAccountID,ProductName,TransactionTime,TotalCost,Currency\n");
    for (day, total) in &file.lines {
        let total = Amount::new(*total, 8);
        text.push_str(&format!("{PAYER},200000000001,CVM,2021-03-{day:02} 10:00:00,{total},USD\n"));
    }
    let path = folder.join(&file.name);
    std::fs::write(&path, text).unwrap();
    path
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Held {
    Waiting,
    Accepted,
    Discarded,
}

#[derive(Clone, Debug)]
struct Disputed {
    state: DisputeState,
    aside: bool,
}

impl Disputed {
    fn blocks(&self) -> bool {
        let ended =
            matches!(self.state, DisputeState::Settled | DisputeState::Rejected | DisputeState::Withdrawn);
        !ended && !self.aside
    }
}

/// The plain model.
#[derive(Default)]
struct Model {
    loads: Vec<File>,
    /// The files that were ever taken, and which of them wait in the inbox.
    known: Vec<File>,
    late: Vec<(File, Held)>,
    disputes: Vec<Disputed>,
    state: Option<BillState>,
    revisions: u32,
    four_eyes: bool,
    off_asked_by: Option<usize>,
    /// What was signed by whom: confirming or reopening, at which revision.
    signed: Option<(bool, u32, usize)>,
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Done,
    Unchanged,
    Held,
    Refused,
    Nothing,
}

impl Model {
    fn lines(&self) -> Vec<Line> {
        let mut all: Vec<Line> = self.loads.iter().flat_map(|f| f.lines.clone()).collect();
        all.sort_unstable();
        all
    }

    fn blocked(&self) -> bool {
        self.disputes.iter().any(Disputed::blocks)
    }

    /// What the bill is made of once a file joins it; `None` if days would be lost.
    fn joined(&self, file: &File) -> Option<Vec<File>> {
        let mut loads = self.loads.clone();
        if let Some(through) = file.through {
            if loads.iter().any(|f| f.through.is_some_and(|before| before > through)) {
                return None;
            }
            loads.retain(|f| f.through.is_none());
        }
        loads.push(file.clone());
        Some(loads)
    }

    fn join(&mut self, file: &File, loads: Vec<File>) {
        if file.through.is_none()
            && self.state.is_some()
            && file.lines.iter().map(|l| l.1).sum::<i128>() == -250_000_000
            && let Some(waiting) = self.disputes.iter_mut().find(|d| d.state == DisputeState::Accepted)
        {
            waiting.state = DisputeState::Settled;
        }
        self.loads = loads;
        self.revisions += 1;
        let complete = self.loads.iter().any(|f| f.through == Some(31));
        let adjusted =
            file.through.is_none() && matches!(self.state, Some(BillState::Issued | BillState::Disputed));
        self.state = Some(match (complete || adjusted, self.blocked()) {
            (false, _) => BillState::Open,
            (true, false) => BillState::Issued,
            (true, true) => BillState::Disputed,
        });
    }

    fn import(&mut self, file: &File) -> Told {
        if let Some((_, held)) = self.late.iter().find(|(f, _)| f == file)
            && *held != Held::Accepted
        {
            return Told::Held;
        }
        if self.known.contains(file) {
            return Told::Unchanged;
        }
        let Some(loads) = self.joined(file) else { return Told::Refused };
        self.known.push(file.clone());
        if self.state == Some(BillState::Confirmed) {
            self.late.push((file.clone(), Held::Waiting));
            return Told::Held;
        }
        self.join(file, loads);
        Told::Done
    }

    /// Says whether a decision holds; `None` for the second signature of one person.
    fn sign(&mut self, confirm: bool, who: usize) -> Option<bool> {
        if !self.four_eyes {
            return Some(true);
        }
        match self.signed {
            Some((what, at, by)) if what == confirm && at == self.revisions => {
                if by == who {
                    return None;
                }
                self.signed = None;
                Some(true)
            }
            _ => {
                self.signed = Some((confirm, self.revisions, who));
                Some(false)
            }
        }
    }

    fn decide(&mut self, confirm: bool, who: usize) -> Told {
        let (from, to) = if confirm {
            (BillState::Issued, BillState::Confirmed)
        } else {
            (BillState::Confirmed, BillState::Issued)
        };
        match self.state {
            None => Told::Nothing,
            Some(state) if state != from => Told::Refused,
            Some(_) => match self.sign(confirm, who) {
                None => Told::Refused,
                Some(holds) => {
                    if holds {
                        self.state = Some(to);
                    }
                    Told::Done
                }
            },
        }
    }

    fn resolve(&mut self) {
        if self.state == Some(BillState::Disputed) && !self.blocked() {
            self.state = Some(BillState::Issued);
        }
    }

    fn advance(&mut self, which: usize, to: DisputeState) -> Told {
        use DisputeState::{Accepted, Open, Rejected, Sent, Settled, Withdrawn};
        let Some(dispute) = self.disputes.get_mut(which) else { return Told::Nothing };
        let allowed = matches!(
            (dispute.state, to),
            (Open, Sent | Withdrawn) | (Sent, Accepted | Rejected | Withdrawn) | (Accepted, Settled)
        );
        if !allowed {
            return Told::Refused;
        }
        dispute.state = to;
        self.resolve();
        Told::Done
    }

    fn accept(&mut self, which: usize, who: usize) -> Told {
        let Some((file, held)) = self.late.get(which).cloned() else { return Told::Nothing };
        if held == Held::Accepted {
            return Told::Refused;
        }
        let Some(loads) = self.joined(&file) else { return Told::Refused };
        if self.state == Some(BillState::Confirmed) {
            match self.sign(false, who) {
                None => return Told::Refused,
                Some(false) => return Told::Done,
                Some(true) => self.state = Some(BillState::Issued),
            }
        }
        self.join(&file, loads);
        self.late[which].1 = Held::Accepted;
        Told::Done
    }
}

struct World {
    folder: tempfile::TempDir,
    store: Store,
    key: BillKey,
    at: i64,
    /// Digests that were seen, with the lines they stood for.
    digests: BTreeMap<String, Vec<Line>>,
}

fn kind(kind: Kind) -> Told {
    match kind {
        Kind::Refused => Told::Refused,
        Kind::User => Told::Nothing,
        other => panic!("{other:?}"),
    }
}

/// Random files lose lines all the time; the rule about that has tests of its own.
fn taken() -> ImportRequest {
    ImportRequest { accept_smaller: true, ..ImportRequest::default() }
}

impl World {
    fn new() -> World {
        // In memory where the system has such a folder: thousands of steps are each flushed to it.
        let memory = Path::new("/dev/shm");
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let payer = PAYER.parse().unwrap();
        let path = folder.path().join("store.redb");
        let actor = Actor { name: WHO[0].to_owned(), at_unix_s: 0 };
        let store = Store::create(&path, &Setup::new(payer, "+08:00".parse().unwrap()), &actor).unwrap();
        let month = BillMonth::new(2021, 3).unwrap();
        let key = BillKey { payer, month, basis: Basis::Used };
        World { folder, store, key, at: 0, digests: BTreeMap::new() }
    }

    fn actor(&self, who: usize) -> Actor {
        Actor { name: WHO[who].to_owned(), at_unix_s: self.at }
    }

    fn import(&self, file: &File) -> Told {
        let path = write(self.folder.path(), file);
        let mode = if file.through.is_some() { ImportMode::Cumulative } else { ImportMode::Adjustment };
        let request = ImportRequest { mode: Some(mode), month: Some(self.key.month), ..taken() };
        let settings = ImportSettings { threads: 1, ..ImportSettings::default() };
        let limits = Limits::default();
        match self.store.import(
            &path,
            &Import {
                request: request.clone(),
                settings: settings.clone(),
                limits: limits.clone(),
                ..Import::by(&self.actor(0))
            },
        ) {
            Ok(report) => match report.outcome {
                Outcome::Imported { .. } => Told::Done,
                Outcome::Unchanged { .. } => Told::Unchanged,
                Outcome::Held { .. } => Told::Held,
                Outcome::DryRun { .. } => panic!("no dry run was asked for"),
            },
            Err(ImportError::Combine(_)) => Told::Refused,
            Err(e) => panic!("{e}"),
        }
    }

    fn decide(&self, confirm: bool, who: usize) -> Told {
        let Ok(view) = BillView::open(&self.store.read().unwrap(), self.key, None) else {
            return Told::Nothing;
        };
        let digest = view.revision.digest.hex();
        let actor = self.actor(who);
        let decided = self.store.transact(|tx| match confirm {
            true => tx.confirm_bill(self.key, &digest[..12], None, &actor),
            false => tx.reopen_bill(self.key, "the model says so", &actor),
        });
        decided.map_or_else(|e| kind(e.kind()), |_| Told::Done)
    }

    /// Confirms a revision that was there some revisions ago: refused whatever the state, unless its lines are there again.
    fn confirm_what_was(&self, back: usize) {
        let history = Revision::list(&self.store.read().unwrap(), self.key).unwrap();
        let Some(old) = history.len().checked_sub(back + 1).map(|at| &history[at]) else { return };
        if old.digest == history[history.len() - 1].digest {
            return;
        }
        let actor = self.actor(0);
        let refused = self.store.transact(|tx| tx.confirm_bill(self.key, &old.digest.hex(), None, &actor));
        assert!(matches!(refused, Err(BillError::Stale(_))), "{refused:?}");
    }

    fn check(&mut self, model: &Model) {
        let reader = self.store.read().unwrap();
        let Some(wanted) = model.state else {
            assert!(Bill::list(&reader).unwrap().is_empty());
            return;
        };
        let view = BillView::open(&reader, self.key, None).unwrap();
        let lines = model.lines();
        assert_eq!(view.bill.state, wanted);
        assert_eq!(view.bill.confirmation.is_some(), wanted == BillState::Confirmed);
        assert_eq!(view.revision.number, model.revisions);
        assert_eq!(view.revision.lines(), lines.len() as u64);
        let total = view.revision.sums[0].total().rescaled(8).unwrap();
        assert_eq!(total, lines.iter().map(|l| l.1).sum::<i128>());
        view.check_rollups(&reader).unwrap();
        let digest = view.revision.digest.hex();
        let stood_for = self.digests.entry(digest).or_insert_with(|| lines.clone());
        assert_eq!(*stood_for, lines, "one digest for two bills");
        let different: BTreeSet<&Vec<Line>> = self.digests.values().collect();
        assert_eq!(different.len(), self.digests.len(), "two digests for one bill");
        let states: Vec<DisputeState> =
            Dispute::list(&reader, None).unwrap().iter().map(|d| d.state).collect();
        assert_eq!(states, model.disputes.iter().map(|d| d.state).collect::<Vec<_>>());
        let held: Vec<Held> = LateFile::list(&reader)
            .unwrap()
            .iter()
            .map(|l| match l.state {
                LateState::Waiting => Held::Waiting,
                LateState::Accepted { .. } => Held::Accepted,
                LateState::Discarded => Held::Discarded,
                LateState::Superseded { .. } => panic!("no smaller file waits"),
                LateState::Carried { .. } => panic!("nothing was carried forward"),
            })
            .collect();
        assert_eq!(held, model.late.iter().map(|l| l.1.clone()).collect::<Vec<_>>());
    }

    fn step(&mut self, model: &mut Model, op: Op) {
        self.at += 1;
        let (told, wanted) = match op {
            Op::MonthToDate { through, edition } => {
                let file = month_to_date(through, edition);
                (self.import(&file), model.import(&file))
            }
            Op::Adjustment { number } => {
                let file = adjustment(number);
                (self.import(&file), model.import(&file))
            }
            Op::Confirm { who } => (self.decide(true, who), model.decide(true, who)),
            Op::Reopen { who } => (self.decide(false, who), model.decide(false, who)),
            Op::ConfirmWhatWas { back } => {
                self.confirm_what_was(back);
                (Told::Done, Told::Done)
            }
            Op::Dispute => (self.dispute(), model.dispute()),
            Op::Advance { which, to } => {
                let actor = self.actor(0);
                let told =
                    self.store.transact(|tx| tx.advance_dispute(which as u64 + 1, to, "", None, &actor));
                (told.map_or_else(|e| kind(e.kind()), |_| Told::Done), model.advance(which, to))
            }
            Op::SetAside { which } => {
                let told =
                    self.store.transact(|tx| tx.set_dispute_aside(which as u64 + 1, "small", &self.actor(0)));
                (told.map_or_else(|e| kind(e.kind()), |_| Told::Done), model.set_aside(which))
            }
            Op::AcceptLate { which, who } => {
                let told = self
                    .store
                    .transact(|tx| tx.accept_late(which as u64 + 1, true, "right", &self.actor(who)));
                (told.map_or_else(|e| kind(e.kind()), |_| Told::Done), model.accept(which, who))
            }
            Op::DiscardLate { which } => {
                let told = self.store.transact(|tx| tx.discard_late(which as u64 + 1, "no", &self.actor(0)));
                (told.map_or_else(|e| kind(e.kind()), |_| Told::Done), model.discard(which))
            }
            Op::FourEyes { on, who } => {
                let told = self.store.transact(|tx| Policy::set_four_eyes(tx, on, &self.actor(who))).unwrap();
                let told = if told == Changed::Same { Told::Unchanged } else { Told::Done };
                (told, model.set_four_eyes(on, who))
            }
        };
        assert_eq!(told, wanted, "{op:?}");
        self.check(model);
    }

    fn dispute(&self) -> Told {
        let reader = self.store.read().unwrap();
        let Ok(view) = BillView::open(&reader, self.key, None) else { return Told::Nothing };
        let line = LineId { load: view.loads[0].0.number, line: 1 };
        let claim = Claim {
            lines: [line].into(),
            direction: Direction::Over,
            amount: Amount::new(250_000_000, 8),
            reason: "too much",
        };
        self.store
            .transact(|tx| tx.open_dispute(self.key, claim, &self.actor(0)))
            .map_or_else(|e| kind(e.kind()), |_| Told::Done)
    }
}

impl Model {
    fn dispute(&mut self) -> Told {
        match self.state {
            None => Told::Nothing,
            Some(BillState::Issued | BillState::Disputed) => {
                self.disputes.push(Disputed { state: DisputeState::Open, aside: false });
                self.state = Some(BillState::Disputed);
                Told::Done
            }
            Some(_) => Told::Refused,
        }
    }

    fn set_aside(&mut self, which: usize) -> Told {
        let Some(dispute) = self.disputes.get_mut(which) else { return Told::Nothing };
        if !dispute.blocks() {
            return Told::Refused;
        }
        dispute.aside = true;
        self.resolve();
        Told::Done
    }

    fn discard(&mut self, which: usize) -> Told {
        let Some((_, held)) = self.late.get_mut(which) else { return Told::Nothing };
        if *held != Held::Waiting {
            return Told::Refused;
        }
        *held = Held::Discarded;
        Told::Done
    }

    fn set_four_eyes(&mut self, on: bool, who: usize) -> Told {
        match (self.four_eyes, on, self.off_asked_by) {
            (false, false, _) | (true, true, None) => Told::Unchanged,
            (_, true, _) => {
                self.four_eyes = true;
                self.off_asked_by = None;
                Told::Done
            }
            (true, false, Some(first)) if first != who => {
                self.four_eyes = false;
                self.off_asked_by = None;
                Told::Done
            }
            (true, false, _) => {
                self.off_asked_by = Some(who);
                Told::Done
            }
        }
    }
}

/// 256 runs with everything; `BILLKEEP_MODEL_RUNS` sets another number.
fn runs() -> u32 {
    let set = std::env::var("BILLKEEP_MODEL_RUNS").ok().and_then(|runs| runs.parse().ok());
    set.unwrap_or(if std::env::var_os("BILLKEEP_TEST_ALL").is_some() { 256 } else { 64 })
}

#[test]
fn a_bill_lives_as_its_model_does() {
    let config = Config { cases: runs(), ..Config::default() };
    seed::run("model", &config, &proptest::collection::vec(ops(), 50), |ops| {
        let (mut world, mut model) = (World::new(), Model::default());
        for op in ops {
            world.step(&mut model, op);
        }
        Proof::verify(&world.store.read().unwrap()).unwrap();
        Ok(())
    });
}
