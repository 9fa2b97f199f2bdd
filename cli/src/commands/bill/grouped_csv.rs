//! A grouped bill as CSV.
//!
//! A month by owner, product and day has more cells than a table of texts should hold. So rows are written as text at
//! once, a stripe of them at a time, on all threads; stripes go out in their order, and only a few wait.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::error::CommandError;
use crate::output::write_cell;
use billkeep_core::bills::{GroupRow, Grouped};
use billkeep_core::values::Amount;

/// Rows in a stripe: some 100 KiB of text.
const STRIPE_ROWS: usize = 1024;

/// Writes a grouped bill.
pub(super) fn write<W: Write + Send>(
    shown: &Grouped,
    threads: usize,
    raw: bool,
    out: &mut W,
) -> Result<(), CommandError> {
    let writer = RowWriter::new(shown, raw);
    let mut text = Vec::new();
    writer.header(shown, &mut text);
    out.write_all(&text)?;
    writer.all_stripes(shown, threads, out)?;
    Ok(out.flush()?)
}

/// A stripe's place in the chain in which the output is handed on: whoever made the stripe waits for its turn, writes it,
/// and passes the output to the next one.
struct StripeTurn<'a, W> {
    stripe: usize,
    turn: Receiver<&'a mut W>,
    pass: Sender<&'a mut W>,
}

/// Texts that are quoted already, with a comma behind each.
struct Quoted {
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

/// Texts up to this length are appended as a piece of this length, which is a matter of a few instructions.
const PIECE_BYTES: usize = 32;

impl Quoted {
    fn new(texts: &[String], raw: bool) -> Quoted {
        let mut quoted = Quoted { ends: vec![0], bytes: Vec::new() };
        for text in texts {
            write_cell(raw, text.as_bytes(), &mut quoted.bytes);
            quoted.bytes.push(b',');
            quoted.ends.push(quoted.bytes.len());
        }
        quoted.bytes.extend_from_slice(&[0; PIECE_BYTES]);
        quoted
    }

    /// Appends a text and its comma.
    fn write(&self, at: usize, out: &mut Vec<u8>) {
        let (Some(from), Some(to)) = (self.ends.get(at), self.ends.get(at + 1)) else { return };
        let Some(text) = self.bytes.get(*from..) else { return };
        let length = to - from;
        match text.first_chunk::<PIECE_BYTES>() {
            Some(piece) if length <= PIECE_BYTES => {
                out.extend_from_slice(piece);
                out.truncate(out.len() - (PIECE_BYTES - length));
            }
            _ => out.extend_from_slice(text.get(..length).unwrap_or_default()),
        }
    }
}

/// Writes rows, with all values made ready.
struct RowWriter {
    fields: Vec<Quoted>,
    currencies: Quoted,
    raw: bool,
}

impl RowWriter {
    fn new(shown: &Grouped, raw: bool) -> RowWriter {
        let mut fields: Vec<Quoted> = shown.values().map(|texts| Quoted::new(texts, raw)).collect();
        let currencies = fields.pop().unwrap_or_else(|| Quoted::new(&[], raw));
        RowWriter { fields, currencies, raw }
    }

    fn header(&self, shown: &Grouped, out: &mut Vec<u8>) {
        let fields = shown.fields.iter().map(ToString::to_string);
        let fixed = ["lines", "currency"].map(str::to_owned);
        let amounts = shown.columns.iter().map(|c| c.name().to_owned());
        for (i, name) in fields.chain(fixed).chain(amounts).enumerate() {
            if i > 0 {
                out.push(b',');
            }
            write_cell(self.raw, name.as_bytes(), out);
        }
        out.push(b'\n');
    }

    /// Writes all stripes, one after another.
    fn all_stripes<W: Write + Send>(&self, shown: &Grouped, threads: usize, out: &mut W) -> io::Result<()> {
        let stripes = shown.len().div_ceil(STRIPE_ROWS);
        let (first, mut turn) = channel();
        // The first turn is in its queue before anybody waits for one.
        let _ = first.send(out);
        let mut places = Vec::new();
        for stripe in 0..stripes {
            let (pass, next) = channel();
            places.push(StripeTurn { stripe, turn: std::mem::replace(&mut turn, next), pass });
        }
        let places = Mutex::new(places.into_iter());
        let failed = || io::Error::other("a thread that was writing rows failed");
        let written = std::thread::scope(|scope| {
            let work = || self.stripes(shown, &places);
            let others: Vec<_> = (1..threads.min(stripes)).map(|_| scope.spawn(work)).collect();
            let mine = work();
            let theirs = others.into_iter().map(|other| other.join().unwrap_or_else(|_| Err(failed())));
            std::iter::once(mine).chain(theirs).sum::<io::Result<usize>>()
        })?;
        if written == stripes { Ok(()) } else { Err(failed()) }
    }

    /// Writes stripes as long as there are any; returns how many it wrote.
    fn stripes<'a, W: Write + 'a>(
        &self,
        shown: &Grouped,
        places: &Mutex<impl Iterator<Item = StripeTurn<'a, W>>>,
    ) -> io::Result<usize> {
        let (mut text, mut written) = (Vec::new(), 0);
        while let Some(place) = places.lock().ok().and_then(|mut places| places.next()) {
            text.clear();
            for row in shown.rows_in(place.stripe * STRIPE_ROWS..(place.stripe + 1) * STRIPE_ROWS) {
                self.row(row, &mut text);
            }
            // If nobody hands it on, whoever had it failed, and tells why.
            let Ok(out) = place.turn.recv() else { break };
            out.write_all(&text)?;
            written += 1;
            // Behind the last stripe nobody waits.
            let _ = place.pass.send(out);
        }
        Ok(written)
    }

    fn row(&self, row: GroupRow<'_>, out: &mut Vec<u8>) {
        let mut places = row.places();
        for (field, place) in self.fields.iter().zip(places.by_ref()) {
            field.write(place, out);
        }
        Amount::new(i128::from(row.lines()), 0).write(out);
        out.push(b',');
        self.currencies.write(places.next().unwrap_or(usize::MAX), out);
        for amount in row.amounts() {
            amount.write(out);
            out.push(b',');
        }
        // The comma behind the last cell.
        out.pop();
        out.push(b'\n');
    }
}
