//! A bucket as a sink.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use billkeep_core::error::Reason;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, FuturesUnordered};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload};
use tokio::runtime::{Handle, Runtime};

use super::errors::{self, ErrorContext};
use crate::names::is_object_name;
use billkeep_core::engine::OutsideFile;
use billkeep_core::exports::{ObjectMeta, Sink, SinkError, Staged, Watch};

/// Parts up to this length are one PUT.
const WHOLE_BYTES_MAX: u64 = 64 << 20;
/// The least length of a piece of a larger one, but for the last.
const PIECE_BYTES_MIN: u64 = 16 << 20;
/// The most pieces: servers take 10,000.
const PIECES_MAX: u64 = 9_000;
/// Pieces that are on their way at a time: what bounds the memory.
const PIECES_AT_ONCE: usize = 4;

/// How an object is created and never replaced.
pub(super) enum CreateMode {
    /// By the condition that S3 has.
    Condition,
    /// By a header that this store sends with every request (COS).
    Header(Arc<dyn ObjectStore>),
}

/// Objects below a prefix of a bucket.
pub struct Bucket {
    pub(super) store: Arc<dyn ObjectStore>,
    uploads: Arc<dyn MultipartStore>,
    creates: CreateMode,
    prefix: Path,
    url: String,
    context: ErrorContext,
    /// Parts up to this length are one PUT.
    whole_bytes_max: u64,
    /// The least length of a piece of a larger one, but for the last.
    piece_bytes_min: u64,
    runtime: Option<Runtime>,
}

impl Drop for Bucket {
    fn drop(&mut self) {
        // What still runs in it is nothing that somebody waits for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Bucket {
    /// Makes a sink of any object store: objects lie below `prefix`, and people find them below `url`.
    ///
    /// # Errors
    /// [`SinkError::Setup`] when the prefix is none, or no thread can be started.
    pub fn over<S: ObjectStore + MultipartStore>(
        store: Arc<S>,
        prefix: &str,
        url: &str,
    ) -> Result<Bucket, SinkError> {
        Bucket::new(store.clone(), store, CreateMode::Condition, prefix, url, ErrorContext::default())
    }

    pub(super) fn new(
        store: Arc<dyn ObjectStore>,
        uploads: Arc<dyn MultipartStore>,
        creates: CreateMode,
        prefix: &str,
        url: &str,
        context: ErrorContext,
    ) -> Result<Bucket, SinkError> {
        let prefix =
            Path::parse(prefix).map_err(|e| SinkError::Setup(format!("prefix `{prefix}`: {e}").into()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("billkeep-sink")
            .enable_all()
            .build()
            .map_err(|e| {
                SinkError::Setup(Reason::new(format!("no thread for the network can be started: {e}"), e))
            })?;
        let url = url.trim_end_matches('/').to_owned();
        let (whole_bytes_max, piece_bytes_min) = (WHOLE_BYTES_MAX, PIECE_BYTES_MIN);
        let runtime = Some(runtime);
        Ok(Bucket {
            store,
            uploads,
            creates,
            prefix,
            url,
            context,
            whole_bytes_max,
            piece_bytes_min,
            runtime,
        })
    }

    /// Sends parts of more than this many bytes in pieces of so many: for stores that allow it, and to try what large ones do.
    pub fn in_pieces_of(mut self, bytes: u64) -> Bucket {
        self.whole_bytes_max = bytes.max(1);
        self.piece_bytes_min = bytes.max(1);
        self
    }

    fn handle(&self) -> Result<&Handle, SinkError> {
        // There is one until the drop.
        self.runtime.as_ref().map(Runtime::handle).ok_or_else(|| SinkError::Transient("it is closed".into()))
    }

    pub(super) fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T, SinkError> {
        Ok(self.handle()?.block_on(work))
    }

    fn path(&self, name: &str) -> Result<Path, SinkError> {
        let wrong = || SinkError::Setup(format!("`{name}` is not a name for an object").into());
        if !is_object_name(name) {
            return Err(wrong());
        }
        let whole =
            if self.prefix.as_ref().is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) };
        Path::parse(whole).map_err(|_| wrong())
    }

    pub(super) fn error(&self, what: &str, error: &Error) -> SinkError {
        self.context.error(&self.url, what, error)
    }

    /// Puts a part in pieces, in order, some at a time.
    async fn put_pieces(
        &self,
        path: &Path,
        part: &Staged,
        watch: &dyn Watch,
    ) -> Result<Option<String>, SinkError> {
        let what = format!("`{path}` cannot be put");
        let id = self.uploads.create_multipart(path).await.map_err(|e| self.error(&what, &e))?;
        let sent = async {
            watch.begun(&id)?;
            let mut file = File::open(&part.path).map_err(|e| read_error(part, e))?;
            let piece_bytes = part.bytes.div_ceil(PIECES_MAX).max(self.piece_bytes_min);
            let mut under_way = FuturesUnordered::new();
            let mut ids: Vec<Option<PartId>> = vec![None; part.bytes.div_ceil(piece_bytes) as usize];
            let mut next = 0;
            loop {
                while next < ids.len() && under_way.len() < PIECES_AT_ONCE {
                    if watch.stopped() {
                        return Err(SinkError::Stopped);
                    }
                    let mut bytes = Vec::new();
                    (&mut file).take(piece_bytes).read_to_end(&mut bytes).map_err(|e| read_error(part, e))?;
                    let (at, count) = (next, bytes.len());
                    let put = self.uploads.put_part(path, &id, at, PutPayload::from(bytes));
                    under_way.push(async move { put.await.map(|id| (at, count, id)) });
                    next += 1;
                }
                match under_way.next().await {
                    None => break,
                    Some(put) => {
                        let (at, count, id) = put.map_err(|e| self.error(&what, &e))?;
                        if let Some(place) = ids.get_mut(at) {
                            *place = Some(id);
                        }
                        watch.sent(count as u64);
                    }
                }
            }
            if watch.stopped() {
                return Err(SinkError::Stopped);
            }
            let ids = ids.into_iter().flatten().collect();
            let put = self.uploads.complete_multipart(path, &id, ids).await;
            Ok(put.map_err(|e| self.error(&what, &e))?.e_tag)
        }
        .await;
        if sent.is_err() {
            // What cannot be cleared away now is found by its id later.
            let _ = self.uploads.abort_multipart(path, &id).await;
        }
        sent
    }

    /// CreateMode an object, and says whether the server took it.
    async fn create(&self, path: &Path, bytes: &[u8]) -> Result<bool, Error> {
        let payload = PutPayload::from(bytes.to_vec());
        let put = match &self.creates {
            CreateMode::Condition => self.store.put_opts(path, payload, PutMode::Create.into()).await,
            CreateMode::Header(store) => store.put(path, payload).await,
        };
        match put {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(e) if errors::status(&e) == Some(409) => Ok(false),
            // It does not know the condition: it was looked before, which is all that can be done.
            Err(e)
                if matches!(e, Error::NotImplemented { .. } | Error::NotSupported { .. })
                    || errors::status(&e) == Some(501) =>
            {
                self.store.put(path, PutPayload::from(bytes.to_vec())).await.map(|_| true)
            }
            Err(e) => Err(e),
        }
    }

    /// Compares an object with some bytes, and returns nothing where there is none. What is there may be of any length, so it is
    /// read as far as it is the same.
    async fn holds(&self, path: &Path, bytes: &[u8]) -> Result<Option<bool>, Error> {
        let got = match self.store.get(path).await {
            Ok(got) => got,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(e) => return Err(e),
        };
        if got.meta.size != bytes.len() as u64 {
            return Ok(Some(false));
        }
        let (mut stream, mut rest) = (got.into_stream(), bytes);
        while let Some(chunk) = stream.next().await {
            match rest.strip_prefix(chunk?.as_ref()) {
                Some(after) => rest = after,
                None => return Ok(Some(false)),
            }
        }
        Ok(Some(rest.is_empty()))
    }
}

fn read_error(part: &Staged, e: impl std::error::Error + Send + Sync + 'static) -> SinkError {
    SinkError::Setup(Reason::new(format!("`{}` cannot be read: {e}", part.path.display()), e))
}

impl Sink for Bucket {
    fn location(&self, name: &str) -> String {
        format!("{}/{name}", self.url)
    }

    fn put(&self, name: &str, part: &Staged, watch: &dyn Watch) -> Result<ObjectMeta, SinkError> {
        let path = self.path(name)?;
        if watch.stopped() {
            return Err(SinkError::Stopped);
        }
        let tag = if part.bytes > self.whole_bytes_max {
            self.wait(self.put_pieces(&path, part, watch))??
        } else {
            let bytes =
                OutsideFile::read(&part.path, self.whole_bytes_max).map_err(|e| read_error(part, e))?;
            let put = self.wait(self.store.put(&path, PutPayload::from(bytes)))?;
            let put = put.map_err(|e| self.error(&format!("`{name}` cannot be put"), &e))?;
            watch.sent(part.bytes);
            put.e_tag
        };
        Ok(ObjectMeta { bytes: part.bytes, tag })
    }

    fn abandon(&self, name: &str, token: &str) -> Result<(), SinkError> {
        let path = self.path(name)?;
        match self.wait(self.uploads.abort_multipart(&path, &token.to_owned()))? {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            // Some servers do not know uploads that have ended, and have another word for it.
            Err(e) if matches!(errors::status(&e), Some(404 | 405 | 501)) => Ok(()),
            Err(e) => Err(self.error(&format!("an upload of `{name}` cannot be cleared away"), &e)),
        }
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool, SinkError> {
        let path = self.path(name)?;
        let what = format!("`{name}` cannot be put");
        self.wait(async {
            // A server that ignores the condition does not tell that it has replaced something.
            match self.store.head(&path).await {
                Ok(_) => return Ok(false),
                Err(Error::NotFound { .. }) => {}
                Err(e) => return Err(self.error(&what, &e)),
            }
            match self.create(&path, bytes).await {
                Ok(true) => Ok(true),
                // Ours may be there though the answer was lost, or was an error: what is there decides.
                Ok(false) => {
                    let same = self.holds(&path, bytes).await.map_err(|e| self.error(&what, &e))?;
                    Ok(same == Some(true))
                }
                Err(e) => {
                    let error = self.error(&what, &e);
                    match self.holds(&path, bytes).await {
                        Ok(Some(same)) => Ok(same),
                        _ => Err(error),
                    }
                }
            }
        })?
    }

    fn head(&self, name: &str) -> Result<Option<ObjectMeta>, SinkError> {
        let path = self.path(name)?;
        match self.wait(self.store.head(&path))? {
            Ok(meta) => Ok(Some(ObjectMeta { bytes: meta.size, tag: meta.e_tag })),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(self.error(&format!("`{name}` cannot be looked for"), &e)),
        }
    }

    fn read(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>, SinkError> {
        let path = self.path(name)?;
        match self.wait(self.store.get(&path))? {
            Ok(got) => Ok(Some(Box::new(Body {
                left: got.meta.size,
                stream: got.into_stream(),
                handle: self.handle()?.clone(),
                bytes: Bytes::new(),
            }))),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(self.error(&format!("`{name}` cannot be read"), &e)),
        }
    }

    fn remove(&self, name: &str) -> Result<(), SinkError> {
        let path = self.path(name)?;
        match self.wait(self.store.delete(&path))? {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(self.error(&format!("`{name}` cannot be removed"), &e)),
        }
    }

    fn list(&self) -> Result<Vec<String>, SinkError> {
        let prefix = Some(&self.prefix).filter(|prefix| !prefix.as_ref().is_empty());
        let listed = self.wait(self.store.list_with_delimiter(prefix))?;
        let listed = listed.map_err(|e| self.error("it cannot be listed", &e))?;
        let mut names: Vec<String> =
            listed.objects.iter().filter_map(|o| Some(o.location.filename()?.to_owned())).collect();
        names.sort();
        Ok(names)
    }
}

/// An object that is read as it arrives.
struct Body {
    stream: BoxStream<'static, object_store::Result<Bytes>>,
    handle: Handle,
    bytes: Bytes,
    /// How many bytes are still to come.
    left: u64,
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.bytes.is_empty() {
            match self.handle.block_on(self.stream.next()) {
                Some(Ok(bytes)) => {
                    self.left = self.left.saturating_sub(bytes.len() as u64);
                    self.bytes = bytes;
                }
                Some(Err(e)) => return Err(io::Error::other(errors::words(&e))),
                None if self.left > 0 => {
                    let why = format!("{} bytes are missing at its end", self.left);
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
                }
                None => return Ok(0),
            }
        }
        let taken = self.bytes.split_to(self.bytes.len().min(into.len()));
        into.get_mut(..taken.len()).unwrap_or_default().copy_from_slice(&taken);
        Ok(taken.len())
    }
}
