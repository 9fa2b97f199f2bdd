//! Renders an export: lines in order → text in chunks → deflated on several threads → one zip.
//!
//! Deterministic: order, cuts, level and names come from the plan and the lines. Chunks that were made before are taken
//! from the cache; the others are made by jobs, each of which reads some neighbouring lines. The amounts of all chunks are
//! added up, and compared with the roll-ups (I1, I7), which are added up at the same time.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender};

use crate::bills::BillView;
use crate::engine::rollup::Overflow;
use crate::engine::settings::StoreSettings;
use crate::engine::store::{ChunkCache, Records};
use crate::values::reason::Reason;

use super::archive::{self, Deflater, ZipPiece};
use super::chunks::{LineChunk, Namer, cut};
use super::compose::RenderedChunk;
use super::csv::Columns;
use super::customer::columns;
use super::guard;
use super::job::ChunkLines;
use super::kept::{keep, kept};
use super::line_headers::line_headers;
use super::plan::{Naming, Plan};
use super::rendered::{CsvNames, Figures, HashingWriter, Rendered, expected_sums, must_tie};
use super::settings::RenderSettings;
use super::{ExportError, shape};

/// Text that a job makes chunks of, at least: one chunk.
const JOB_BYTES_MIN: u64 = 64 << 10;
/// Jobs for each thread. Neighbours may both read the blocks of the day that they meet in: of a small account's month, which is
/// mostly reading, more jobs would read too much twice.
const JOBS_A_THREAD: u64 = 2;
/// And at most: what one thread is ahead of the others.
const JOB_BYTES_MAX: u64 = 32 << 20;
/// Exports of fewer lines are made anew each time: they take no time, and leave no file.
pub(super) const CACHE_LINES_MIN: u64 = 20_000;
/// Jobs of the largest size that are made, or wait to be written, beyond one for each thread: what bounds the memory when the disk
/// is slow.
const JOBS_AHEAD: u64 = 1;

/// A chunk of a zip, and what the cache knows it by.
struct ZipSource<'c> {
    chunk: &'c LineChunk,
    name: [u8; 32],
    kept: bool,
}

impl BillView {
    /// Renders the part of a plan into `out`.
    ///
    /// # Errors
    /// [`ExportError::DoNotTie`] when the lines' sums are not the roll-ups'; [`ExportError`] when reading or writing
    /// fails.
    pub fn render(
        &self,
        store: &(impl Records + Sync),
        plan: &Plan,
        settings: &RenderSettings<'_>,
        out: impl Write,
    ) -> Result<Rendered, ExportError> {
        let wanted = &plan.wanted;
        if shape::is_shaped(wanted.form) {
            return shape::render(store, self, plan, settings, out);
        }
        guard::check_plan(self, wanted)?;
        let columns = columns(store, self, wanted)?;
        must_have_prices(store, self, plan, &columns)?;
        let found = plan.lines(store, self)?;
        let csvs = cut(&found.days, wanted.rows_per_file);
        let cached = plan.content.lines() >= CACHE_LINES_MIN && columns.prices.is_none();
        let cache = settings.cache.filter(|_| cached);
        let namer = Namer::new(wanted.bill, columns.headers(), wanted.form);
        let sources: Vec<Vec<ZipSource<'_>>> = csvs
            .iter()
            .map(|csv| {
                let source = |chunk| {
                    let name = namer.name(chunk, &found.days);
                    ZipSource { chunk, name, kept: cache.is_some_and(|cache| cache.has(&name)) }
                };
                csv.chunks.iter().map(source).collect()
            })
            .collect();
        let lines =
            ChunkLines { store, view: self, days: &found.days, blocks: &found.blocks, columns: &columns };
        let names = CsvNames::new(plan);
        let jobs = jobs(&sources, settings.threads);
        let mut hashing = HashingWriter::new(out);
        let mut figures = Figures::default();
        let threads = settings.threads.clamp(1, 64).min(jobs.len());
        let open_bytes_max = (threads as u64 + JOBS_AHEAD) * JOB_BYTES_MAX;
        let make =
            |job: &[&LineChunk], deflater: &mut Deflater, give: &mut dyn FnMut(RenderedChunk) -> bool| {
                lines.make(job, deflater, give)
            };
        let (written, worked, expected) = std::thread::scope(|scope| {
            let expected = scope.spawn(|| expected_sums(store, self, plan));
            let (written, worked) = on_threads(&jobs, threads, open_bytes_max, make, |handing| {
                let mut reading = ChunkSource { cache, lines: &lines, handing, deflater: Deflater::new() };
                archive::write(&mut hashing, Pieces::new(&sources, names, &mut reading, &mut figures))
            });
            (written, worked, expected.join().unwrap_or_else(|_| Err(thread_failed())))
        });
        worked?;
        let entries = written.map_err(ExportError::Write)?;
        must_tie(plan, &figures.sums, &expected?)?;
        let line_headers = line_headers(store, self, wanted, &found)?;
        Ok(Rendered { line_headers, ..hashing.rendered(names, &entries, &csvs, figures, &columns) })
    }
}

fn thread_failed() -> ExportError {
    ExportError::Write("a rendering thread failed".into())
}

/// Has jobs done by several threads while `take` takes what they make; returns what it returns, and the first failure of a job.
///
/// After a failure, and once `take` has returned, no job is begun.
fn on_threads<'j, T>(
    jobs: &'j [RenderJob<'j>],
    threads: usize,
    open_bytes_max: u64,
    make: impl Fn(&[&LineChunk], &mut Deflater, &mut dyn FnMut(RenderedChunk) -> bool) -> Result<(), ExportError>
    + Sync,
    take: impl FnOnce(Handing<'j>) -> T,
) -> (T, Result<(), ExportError>) {
    let stop = AtomicBool::new(false);
    let (job_in, queue) = crossbeam_channel::unbounded();
    let handing = Handing::new(jobs, open_bytes_max, job_in);
    // Each worker has a queue of its own: where all have ended, jobs that were not begun are gone too, and nobody waits for them.
    let worker = |queue: Receiver<Handed<'j>>| {
        let mut deflater = Deflater::new();
        let made = queue
            .iter()
            .take_while(|_| !stop.load(Ordering::Relaxed))
            .try_for_each(|(job, made_in)| make(job, &mut deflater, &mut |made| made_in.send(made).is_ok()));
        if made.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        made
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let (worker, queue) = (&worker, queue.clone());
                scope.spawn(move || worker(queue))
            })
            .collect();
        drop(queue);
        let taken = take(handing);
        // Workers that still have something to give find nobody, and end.
        stop.store(true, Ordering::Relaxed);
        let worked = workers.into_iter().map(|w| w.join().unwrap_or_else(|_| Err(thread_failed())));
        (taken, worked.collect::<Vec<_>>().into_iter().collect())
    })
}

/// Chunks that one thread makes, one after another.
#[derive(Default)]
struct RenderJob<'c> {
    chunks: Vec<&'c LineChunk>,
    text_bytes: u64,
}

/// Puts chunks that have to be made into jobs, each of chunks that follow one another.
fn jobs<'c>(sources: &[Vec<ZipSource<'c>>], threads: usize) -> Vec<RenderJob<'c>> {
    let missing = || sources.iter().flatten().filter(|s| !s.kept);
    let all: u64 = missing().map(|s| s.chunk.text_bytes).sum();
    let jobs = (threads as u64 * JOBS_A_THREAD).max(1);
    let bytes_max = (all / jobs).clamp(JOB_BYTES_MIN, JOB_BYTES_MAX);
    let mut jobs: Vec<RenderJob<'_>> = Vec::new();
    let mut goes_on = false;
    for source in sources.iter().flatten() {
        if source.kept {
            goes_on = false;
            continue;
        }
        if !goes_on {
            jobs.push(RenderJob::default());
        }
        if let Some(job) = jobs.last_mut() {
            job.chunks.push(source.chunk);
            job.text_bytes += source.chunk.text_bytes;
            goes_on = job.text_bytes < bytes_max;
        }
    }
    jobs
}

/// Where chunks are read from: the cache, or the jobs that make them.
struct ChunkSource<'a, R> {
    cache: Option<&'a ChunkCache>,
    lines: &'a ChunkLines<'a, R>,
    handing: Handing<'a>,
    deflater: Deflater,
}

/// A job, and where to give what it makes.
type Handed<'a> = (&'a [&'a LineChunk], Sender<RenderedChunk>);

/// Hands out jobs in order, of so much text at a time, and takes what they make in the same order.
struct Handing<'a> {
    jobs: std::slice::Iter<'a, RenderJob<'a>>,
    /// The text of jobs that are handed out and have not ended.
    open_bytes: u64,
    open_bytes_max: u64,
    /// `None` when all jobs are handed out: workers end then.
    job_in: Option<Sender<Handed<'a>>>,
    /// What comes of the jobs that are handed out, and the text of each.
    made_by: VecDeque<(Receiver<RenderedChunk>, u64)>,
}

impl<'a> Handing<'a> {
    fn new(jobs: &'a [RenderJob<'a>], open_bytes_max: u64, job_in: Sender<Handed<'a>>) -> Handing<'a> {
        let (jobs, made_by) = (jobs.iter(), VecDeque::new());
        let mut handing = Handing { jobs, open_bytes: 0, open_bytes_max, job_in: Some(job_in), made_by };
        handing.hand_out();
        handing
    }

    /// Hands out what there is room for, and one job in any case.
    fn hand_out(&mut self) {
        while let Some(job) = self.jobs.as_slice().first() {
            if self.open_bytes + job.text_bytes > self.open_bytes_max && !self.made_by.is_empty() {
                return;
            }
            self.jobs.next();
            self.open_bytes += job.text_bytes;
            // A job's chunks are compressed, and no more than its text allows: no bound is needed within it.
            let (made_in, made) = crossbeam_channel::unbounded();
            self.made_by.push_back((made, job.text_bytes));
            if let Some(job_in) = &self.job_in {
                // Workers may have failed and gone: then nothing is made, which is told when it is taken.
                let _ = job_in.send((&job.chunks, made_in));
            }
        }
        self.job_in = None;
    }

    /// Returns the next chunk; `None` when there is none any more.
    fn take(&mut self) -> Option<RenderedChunk> {
        loop {
            if let Ok(made) = self.made_by.front()?.0.recv() {
                return Some(made);
            }
            // The job has ended: the next one goes on, and others may begin.
            let (_, text_bytes) = self.made_by.pop_front()?;
            self.open_bytes -= text_bytes;
            self.hand_out();
        }
    }
}

impl<R: Records> ChunkSource<'_, R> {
    fn get(&mut self, source: &ZipSource<'_>) -> Result<RenderedChunk, Reason> {
        if source.kept {
            if let Some(made) = self.cache.and_then(|cache| kept(cache, &source.name)) {
                return Ok(made);
            }
            // It is damaged, so it is made again.
            return self.lines.make_one(source.chunk, &mut self.deflater);
        }
        let made = self.handing.take().ok_or_else(|| "lines are missing from the blocks".to_owned())?;
        if let Some(cache) = self.cache {
            keep(cache, &source.name, &made);
        }
        Ok(made)
    }
}

/// What goes into a zip, one after another.
struct Pieces<'p, 'c, 'a, R> {
    sources: std::slice::Iter<'p, Vec<ZipSource<'c>>>,
    csv: std::slice::Iter<'p, ZipSource<'c>>,
    begun: usize,
    header: Option<Result<RenderedChunk, Reason>>,
    names: CsvNames<'p>,
    reading: &'p mut ChunkSource<'a, R>,
    figures: &'p mut Figures,
}

impl<'p, 'c, 'a, R: Records> Pieces<'p, 'c, 'a, R> {
    fn new(
        sources: &'p [Vec<ZipSource<'c>>],
        names: CsvNames<'p>,
        reading: &'p mut ChunkSource<'a, R>,
        figures: &'p mut Figures,
    ) -> Self {
        Pieces { sources: sources.iter(), csv: [].iter(), begun: 0, header: None, names, reading, figures }
    }
}

impl<R: Records> Iterator for Pieces<'_, '_, '_, R> {
    type Item = Result<ZipPiece, Reason>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(header) = self.header.take() {
            return Some(header.map(|made| ZipPiece::Chunk(made.chunk)));
        }
        if let Some(source) = self.csv.next() {
            return Some(self.reading.get(source).and_then(|made| {
                self.figures.add(&made).ok_or_else(|| Overflow.to_string())?;
                Ok(ZipPiece::Chunk(made.chunk))
            }));
        }
        self.csv = self.sources.next()?.iter();
        self.header = Some(RenderedChunk::header(self.reading.lines.columns, &mut self.reading.deflater));
        self.begun += 1;
        Some(Ok(ZipPiece::Begin(self.names.get(self.begun - 1))))
    }
}

/// Checks that the prices are those that a plan's name was made of: they may have been changed since.
fn must_have_prices(
    store: &impl Records,
    view: &BillView,
    plan: &Plan,
    columns: &Columns,
) -> Result<(), ExportError> {
    if columns.prices.is_none() {
        return Ok(());
    }
    let zone = StoreSettings::of(store)?.zone;
    let naming = Naming { zone, profile: plan.profile.clone() };
    let now = Plan::of_content(view, plan.wanted, columns, &naming, plan.content);
    if now.stem == plan.stem { Ok(()) } else { Err(ExportError::Prices { name: plan.part_name() }) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::exports::compose::PriceSums;

    /// More jobs than are handed out at once, of which one fails: how many chunks are taken, and what went wrong.
    fn chunks_with_a_failure(threads: usize, failing: u64) -> (usize, Result<(), ExportError>) {
        let chunks: Vec<LineChunk> =
            (0..40).map(|skip| LineChunk { days: 0..1, skip, rows: 1, text_bytes: 1 }).collect();
        let jobs: Vec<RenderJob<'_>> =
            chunks.iter().map(|chunk| RenderJob { chunks: vec![chunk], text_bytes: 1 }).collect();
        let made = || RenderedChunk {
            chunk: archive::CompressedChunk { deflated: Vec::new(), crc: 0, bytes: 0 },
            rows: 1,
            sums: Vec::new(),
            priced: PriceSums::default(),
        };
        on_threads(
            &jobs,
            threads,
            3,
            |job, _, give| match job {
                [chunk] if chunk.skip == failing => Err(ExportError::Write("damaged".into())),
                _ => {
                    give(made());
                    Ok(())
                }
            },
            |mut handing| std::iter::from_fn(|| handing.take()).count(),
        )
    }

    #[test]
    fn nobody_waits_for_jobs_that_failed_threads_left_undone() {
        for (threads, failing) in [(1, 0), (1, 20), (2, 0), (2, 39), (5, 7)] {
            let (done_in, done) = crossbeam_channel::bounded(1);
            std::thread::spawn(move || done_in.send(chunks_with_a_failure(threads, failing)));
            let (taken, worked) =
                done.recv_timeout(Duration::from_secs(60)).expect("somebody waits for ever");
            assert!(matches!(worked, Err(ExportError::Write(why)) if &*why == "damaged"));
            assert!(taken < 40, "{taken}");
        }
        assert_eq!(chunks_with_a_failure(2, 99).0, 40);
    }
}
