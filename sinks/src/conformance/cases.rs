//! The cases.

use std::io::Read as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::case::Answer::{No, NotTried, Yes};
use super::case::Weight::{Can, Must};
use super::case::{Answer, Case, Subject, Weight};
use billkeep_core::engine::OutsideFile;
use billkeep_core::exports::{ObjectMeta, SMALL_BYTES_MAX, Sink, SinkError, Staged, Unwatched, Watch};

type Answered = Result<Answer, SinkError>;

const fn case(
    name: &'static str,
    what: &'static str,
    weight: Weight,
    run: fn(&Subject<'_>) -> Answered,
) -> Case {
    Case { name, what, weight, run }
}

/// All cases, in the order in which they are asked.
pub const CASES: &[Case] = &[
    case("read-back", "a part that was put is read back as it was", Must, read_back),
    case("empty", "an object may be empty", Must, empty),
    case("head", "the length of an object is told", Must, head),
    case("head-missing", "what is not there is told as not there", Must, head_missing),
    case("replace", "putting again replaces the whole object", Must, replace),
    case("replace-shorter", "a shorter object leaves nothing of a longer one", Must, replace_shorter),
    case("again", "putting the same again changes nothing", Must, again),
    case("staged-file", "a file from elsewhere can be put", Must, staged_file),
    case("list", "the list is sorted and complete", Must, list),
    case("list-removed", "what was removed is not in the list", Must, list_removed),
    case("list-many", "more than a thousand objects are listed", Must, list_many),
    case("remove", "what was removed is gone", Must, remove),
    case("remove-missing", "removing what is not there is no error", Must, remove_missing),
    case("create", "a small object is created under a free name", Must, create),
    case("create-empty", "a small object may be empty", Must, create_empty),
    case("create-taken", "what is there is told, and kept", Must, create_taken),
    case("create-after-remove", "a name is free again once it was removed", Must, create_after_remove),
    case("name-space", "names may have spaces", Must, |s| name(s, "a name with spaces.zip")),
    case("name-unicode", "names may be Chinese", Must, |s| name(s, "账单-2021-03-消费明细.zip")),
    case("name-reserved", "names may have what URLs reserve", Must, |s| {
        name(s, "a+b%20c#d&e=f@g~h!(i),j;k.zip")
    }),
    case("name-long", "names may be 120 bytes long", Must, |s| name(s, &format!("{}.zip", "n".repeat(116)))),
    case("name-case", "names that differ in case alone are two", Can, name_case),
    case("name-path", "a path is no name", Must, name_path),
    case("location", "the place of an object is told", Must, location),
    case("other-connection", "another connection sees it at once", Must, other_connection),
    case("read-part", "reading may end early", Must, read_part),
    case("stop", "nothing is put once somebody asked to stop", Must, stop),
    case("large", "a part that goes in pieces arrives whole", Must, large),
    case("large-stop", "a part that is stopped half-way is not there", Must, large_stop),
    case("large-untold", "nothing is sent unless its token was kept", Must, large_untold),
    case("large-abandon", "what a killed upload left is cleared away", Must, large_abandon),
    case("abandon-unknown", "clearing away an upload that is not there harms nothing", Must, abandon_unknown),
    case("race-put", "of two who put one name at a time, one has put all of it", Must, race_put),
    case("create-only", "of many who create one name at a time, one does", Can, create_only),
    case("tag", "the destination marks content: another content has another mark", Can, tag),
    case("wrong-credentials", "wrong credentials are told as that", Must, wrong_credentials),
    case("missing", "a destination that is not there is told", Must, missing),
    case("full", "a full disk is told", Must, full),
];

fn yes() -> Answered {
    Ok(Yes(String::new()))
}

/// Answers yes if it is so, and else no with what was seen.
fn so(is: bool, seen: impl FnOnce() -> String) -> Answered {
    Ok(if is { Yes(String::new()) } else { No(seen()) })
}

fn holds(sink: &dyn Sink, name: &str, bytes: &[u8]) -> Answered {
    let held = ObjectMeta::read_small(sink, name)?;
    so(held.as_deref() == Some(bytes), || match held {
        None => format!("`{name}` is not there"),
        Some(held) => format!("`{name}` has {} other bytes; {} were put", held.len(), bytes.len()),
    })
}

fn put(subject: &Subject<'_>, sink: &dyn Sink, name: &str, bytes: &[u8]) -> Result<(), SinkError> {
    sink.put(name, &subject.staged("part", bytes)?, &Unwatched).map(drop)
}

fn read_back(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    put(subject, &*sink, "a.zip", &bytes)?;
    holds(&*sink, "a.zip", &bytes)
}

fn empty(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    put(subject, &*sink, "a.zip", b"")?;
    match sink.head("a.zip")? {
        Some(held) if held.bytes == 0 => holds(&*sink, "a.zip", b""),
        other => Ok(No(format!("nothing was put in it: it reports {}", seen(other.as_ref())))),
    }
}

fn head(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    let held = sink.put("a.zip", &subject.staged("part", b"12345")?, &Unwatched)?;
    let head = sink.head("a.zip")?;
    so(held.bytes == 5 && head.as_ref().is_some_and(|h| h.bytes == 5), || {
        format!("5 bytes were put: it reports {}, then {}", seen(Some(&held)), seen(head.as_ref()))
    })
}

/// Returns what a sink says of an object in words.
fn seen(held: Option<&ObjectMeta>) -> String {
    held.map_or_else(|| "nothing".to_owned(), |held| format!("an object of {} bytes", held.bytes))
}

/// Returns what a sink says of an object that is not there.
fn seen_where_nothing_is(head: Option<&ObjectMeta>, read: bool) -> String {
    let read = if read { "can be read" } else { "cannot be read" };
    format!("under a name where nothing is, it reports {}, which {read}", seen(head))
}

fn head_missing(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    let (head, read) = (sink.head("none.zip")?, sink.read("none.zip")?.is_some());
    so(head.is_none() && !read, || seen_where_nothing_is(head.as_ref(), read))
}

fn replace(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    put(subject, &*sink, "a.zip", b"one")?;
    put(subject, &*sink, "a.zip", b"another")?;
    holds(&*sink, "a.zip", b"another")
}

fn replace_shorter(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    put(subject, &*sink, "a.zip", &[7; 50_000])?;
    put(subject, &*sink, "a.zip", b"short")?;
    holds(&*sink, "a.zip", b"short")
}

fn again(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    put(subject, &*sink, "a.zip", b"same")?;
    put(subject, &*sink, "a.zip", b"same")?;
    let list = sink.list()?;
    if list == ["a.zip"] { holds(&*sink, "a.zip", b"same") } else { Ok(No(format!("{list:?}"))) }
}

fn staged_file(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    let part = subject.staged("another name", b"bytes")?;
    sink.put("a.zip", &part, &Unwatched)?;
    if OutsideFile::read(&part.path, SMALL_BYTES_MAX).is_ok_and(|left| left != b"bytes") {
        return Ok(No("the file that was put has changed".into()));
    }
    holds(&*sink, "a.zip", b"bytes")
}

fn list(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    for name in ["b.zip", "a.zip", "b.manifest.json", "10", "2"] {
        put(subject, &*sink, name, b"x")?;
    }
    let list = sink.list()?;
    so(list == ["10", "2", "a.zip", "b.manifest.json", "b.zip"], || format!("{list:?}"))
}

fn list_removed(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    put(subject, &*sink, "a.zip", b"x")?;
    put(subject, &*sink, "b.zip", b"x")?;
    sink.remove("a.zip")?;
    let list = sink.list()?;
    so(list == ["b.zip"], || format!("{list:?}"))
}

fn list_many(subject: &Subject<'_>) -> Answered {
    if subject.many == 0 {
        return Ok(NotTried("there is nothing here to try it with".into()));
    }
    let sink = subject.sink()?;
    let names: Vec<String> = (0..subject.many).map(|n| format!("{n:06}")).collect();
    names.iter().try_for_each(|name| sink.put_new(name, b"x").map(drop))?;
    let list = sink.list()?;
    so(list == names, || format!("{} of {}", list.len(), names.len()))
}

fn remove(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    put(subject, &*sink, "a.zip", b"x")?;
    sink.remove("a.zip")?;
    let (head, read) = (sink.head("a.zip")?, sink.read("a.zip")?.is_some());
    so(head.is_none() && !read, || seen_where_nothing_is(head.as_ref(), read))
}

fn remove_missing(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    sink.remove("none.zip")?;
    put(subject, &*sink, "a.zip", b"x")?;
    sink.remove("a.zip")?;
    sink.remove("a.zip")?;
    yes()
}

fn create(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    if !sink.put_new("m.json", b"one")? {
        return Ok(No("the name was free, and is told as taken".into()));
    }
    holds(&*sink, "m.json", b"one")
}

fn create_empty(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    sink.put_new("m.json", b"")?;
    holds(&*sink, "m.json", b"")
}

fn create_taken(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    put(subject, &*sink, "m.json", b"one")?;
    if sink.put_new("m.json", b"two")? {
        return Ok(No("the name was taken, and is told as free".into()));
    }
    holds(&*sink, "m.json", b"one")
}

fn create_after_remove(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    sink.put_new("m.json", b"one")?;
    sink.remove("m.json")?;
    if !sink.put_new("m.json", b"two")? {
        return Ok(No("the name is told as taken".into()));
    }
    holds(&*sink, "m.json", b"two")
}

fn name(subject: &Subject<'_>, name: &str) -> Answered {
    let sink = subject.sink()?;
    put(subject, &*sink, name, b"x")?;
    let list = sink.list()?;
    if list != [name] {
        return Ok(No(format!("it is listed as {list:?}")));
    }
    if sink.put_new(name, b"y")? {
        return Ok(No("it is told as free".into()));
    }
    holds(&*sink, name, b"x")
}

fn name_case(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    put(subject, &*sink, "a.zip", b"x")?;
    put(subject, &*sink, "A.zip", b"y")?;
    let list = sink.list()?;
    if list == ["A.zip", "a.zip"] { holds(&*sink, "a.zip", b"x") } else { Ok(No(format!("{list:?}"))) }
}

fn name_path(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    for name in ["../a", "a/b", "", ".hidden", "a\\b", "a\0b"] {
        if put(subject, &*sink, name, b"x").is_ok() || sink.put_new(name, b"x").is_ok() {
            return Ok(No(format!("`{name}` was taken")));
        }
    }
    yes()
}

fn location(subject: &Subject<'_>) -> Answered {
    let location = subject.sink()?.location("a.zip");
    so(location.ends_with("a.zip") && location.len() > 6, || location)
}

fn other_connection(subject: &Subject<'_>) -> Answered {
    let (one, other) = (subject.sink()?, subject.sink()?);
    put(subject, &*one, "a.zip", b"x")?;
    if other.list()? != ["a.zip"] {
        return Ok(No("it is not in the list".into()));
    }
    other.remove("a.zip")?;
    so(one.head("a.zip")?.is_none(), || "it is still told after another connection has removed it".into())
}

fn read_part(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    put(subject, &*sink, "a.zip", &[3; 300_000])?;
    let Some(mut reader) = sink.read("a.zip")? else { return Ok(No("it is not there".into())) };
    let mut some = [0; 10];
    reader.read_exact(&mut some).map_err(|e| SinkError::Transient(e.to_string().into()))?;
    drop(reader);
    holds(&*sink, "a.zip", &[3; 300_000])
}

/// Counts, and stops or refuses as it was told to.
#[derive(Default)]
struct CountingWatch {
    sent: AtomicU64,
    told: AtomicU64,
    refuses: bool,
    stops_after: Option<u64>,
    token: std::sync::Mutex<Option<String>>,
    stops: AtomicBool,
}

impl Watch for CountingWatch {
    fn begun(&self, token: &str) -> Result<(), SinkError> {
        self.told.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut kept) = self.token.lock() {
            *kept = Some(token.to_owned());
        }
        if self.refuses { Err(SinkError::Transient("the token cannot be kept".into())) } else { Ok(()) }
    }

    fn sent(&self, bytes: u64) {
        let sent = self.sent.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if self.stops_after.is_some_and(|after| sent >= after) {
            self.stops.store(true, Ordering::Relaxed);
        }
    }

    fn stopped(&self) -> bool {
        self.stops.load(Ordering::Relaxed)
    }
}

fn stop(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    if sink.is_local() {
        return Ok(NotTried("a file is there at once".into()));
    }
    let watch = CountingWatch { stops: AtomicBool::new(true), ..CountingWatch::default() };
    let put = sink.put("a.zip", &subject.staged("part", b"x")?, &watch);
    let head = sink.head("a.zip")?;
    so(matches!(put, Err(SinkError::Stopped)) && head.is_none(), || format!("{put:?}, {head:?}"))
}

/// Stages a part that goes in pieces, unless those cases are left out.
fn large_part(subject: &Subject<'_>) -> Result<Option<Staged>, SinkError> {
    match subject.large_bytes {
        0 => Ok(None),
        bytes => subject.staged_large("large", bytes, 42).map(Some),
    }
}

fn not_large() -> Answered {
    Ok(NotTried("large parts were left out".into()))
}

fn large(subject: &Subject<'_>) -> Answered {
    let Some(part) = large_part(subject)? else { return not_large() };
    let (sink, watch) = (subject.sink()?, CountingWatch::default());
    let held = sink.put("large.zip", &part, &watch)?;
    let sent = watch.sent.load(Ordering::Relaxed);
    if held.bytes != part.bytes || sent != part.bytes {
        return Ok(No(format!("{held:?}, and {sent} bytes were told as sent")));
    }
    let back = ObjectMeta::read_hash(&*sink, "large.zip")?;
    so(back == Some((part.bytes, part.sha256)), || format!("what came back is something else: {back:?}"))
}

fn large_stop(subject: &Subject<'_>) -> Answered {
    let Some(part) = large_part(subject)? else { return not_large() };
    let (sink, watch) = (subject.sink()?, CountingWatch { stops_after: Some(1), ..CountingWatch::default() });
    if sink.is_local() {
        return Ok(NotTried("a file is there at once".into()));
    }
    let put = sink.put("large.zip", &part, &watch);
    let head = sink.head("large.zip")?;
    so(matches!(put, Err(SinkError::Stopped)) && head.is_none(), || format!("{put:?}, {head:?}"))
}

fn large_untold(subject: &Subject<'_>) -> Answered {
    let Some(part) = large_part(subject)? else { return not_large() };
    let (sink, watch) = (subject.sink()?, CountingWatch { refuses: true, ..CountingWatch::default() });
    let put = sink.put("large.zip", &part, &watch);
    if watch.told.load(Ordering::Relaxed) == 0 {
        return Ok(NotTried("its uploads leave nothing".into()));
    }
    let head = sink.head("large.zip")?;
    let sent = watch.sent.load(Ordering::Relaxed);
    so(put.is_err() && head.is_none() && sent == 0, || format!("{put:?}, {head:?}, {sent} bytes"))
}

fn large_abandon(subject: &Subject<'_>) -> Answered {
    let Some(part) = large_part(subject)? else { return not_large() };
    let (sink, watch) = (subject.sink()?, CountingWatch { stops_after: Some(1), ..CountingWatch::default() });
    let _ = sink.put("large.zip", &part, &watch);
    let token = watch.token.lock().ok().and_then(|token| token.clone());
    let Some(token) = token else { return Ok(NotTried("its uploads leave nothing".into())) };
    // It may have been cleared away when it was stopped: what counts is that the next one arrives.
    let _ = sink.abandon("large.zip", &token);
    sink.put("large.zip", &part, &Unwatched)?;
    let head = sink.head("large.zip")?;
    so(head.as_ref().is_some_and(|held| held.bytes == part.bytes), || format!("{head:?}"))
}

fn abandon_unknown(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    put(subject, &*sink, "a.zip", b"x")?;
    // Not every server tells an upload that it does not know from one that it may not end.
    let _ = sink.abandon("a.zip", "0123456789abcdef0123456789abcdef");
    holds(&*sink, "a.zip", b"x")
}

fn race_put(subject: &Subject<'_>) -> Answered {
    let contents: Vec<Vec<u8>> = (0..4).map(|n| vec![b'a' + n; 200_000]).collect();
    let put_one = |content: &Vec<u8>| -> Result<(), SinkError> {
        let sink = subject.sink()?;
        let file = format!("race-{}", content.first().copied().unwrap_or_default());
        sink.put("a.zip", &subject.staged(&file, content)?, &Unwatched).map(drop)
    };
    let put: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = contents.iter().map(|c| scope.spawn(move || put_one(c))).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    if !put.iter().any(|result| matches!(result, Ok(Ok(())))) {
        return Ok(No("nobody could put it".into()));
    }
    let held = ObjectMeta::read_small(&*subject.sink()?, "a.zip")?;
    so(held.is_some_and(|held| contents.contains(&held)), || "it is of several, or not there".into())
}

/// Creates one name from several threads, and tells how many were told that they did.
fn winners(subject: &Subject<'_>, racers: u8) -> Result<usize, SinkError> {
    let sink = subject.sink()?;
    let gate = std::sync::Barrier::new(usize::from(racers));
    let create = |n: u8| {
        gate.wait();
        sink.put_new("m.json", &[n; 40])
    };
    let won: Vec<_> = std::thread::scope(|scope| {
        let create = &create;
        let threads: Vec<_> = (0..racers).map(|n| scope.spawn(move || create(n))).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    Ok(won.iter().filter(|result| matches!(result, Ok(Ok(true)))).count())
}

fn create_only(subject: &Subject<'_>) -> Answered {
    // A look before the creation hides what the destination itself does; many at once do not see each other.
    for _ in 0..3 {
        let won = winners(subject, 16)?;
        if won != 1 {
            return Ok(No(format!("{won} of 16 who created one name at a time were told that they did")));
        }
        subject.sink()?.remove("m.json")?;
    }
    yes()
}

fn tag(subject: &Subject<'_>) -> Answered {
    let sink = subject.sink()?;
    put(subject, &*sink, "a.zip", b"one")?;
    let one = sink.head("a.zip")?.and_then(|held| held.tag);
    put(subject, &*sink, "a.zip", b"two")?;
    let two = sink.head("a.zip")?.and_then(|held| held.tag);
    so(one.is_some() && two.is_some() && one != two, || format!("{one:?}, then {two:?}"))
}

fn wrong_credentials(subject: &Subject<'_>) -> Answered {
    let Some(open) = subject.wrong_credentials else {
        return Ok(NotTried("there is nothing here to try it with".into()));
    };
    let put = open().and_then(|sink| put(subject, &*sink, "a.zip", b"x"));
    so(matches!(put, Err(SinkError::Credentials(_))), || format!("{put:?}"))
}

fn missing(subject: &Subject<'_>) -> Answered {
    let Some(open) = subject.missing else {
        return Ok(NotTried("there is nothing here to try it with".into()));
    };
    let put = open().and_then(|sink| put(subject, &*sink, "a.zip", b"x"));
    so(matches!(put, Err(SinkError::Setup(_))), || format!("{put:?}"))
}

fn full(subject: &Subject<'_>) -> Answered {
    let Some(open) = subject.full else { return Ok(NotTried("there is nothing here to try it with".into())) };
    let sink = open()?;
    let put = put(subject, &*sink, "a.zip", &[1; 8 << 20]);
    let there = sink.list()?;
    so(matches!(put, Err(SinkError::Setup(_))) && there.is_empty(), || format!("{put:?}, {there:?}"))
}
