//! A sink of one's own: objects in memory.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};

use billkeep_core::exports::{ObjectMeta, Sink, SinkError, Staged, Unwatched, Watch};

#[derive(Default)]
struct Memory(Mutex<BTreeMap<String, Vec<u8>>>);
impl Memory {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
impl Sink for Memory {
    fn location(&self, name: &str) -> String {
        format!("memory:{name}")
    }
    fn put(&self, name: &str, part: &Staged, _: &dyn Watch) -> Result<ObjectMeta, SinkError> {
        let bytes = std::fs::read(&part.path).map_err(|e| SinkError::Transient(e.to_string().into()))?;
        self.objects().insert(name.to_owned(), bytes);
        Ok(ObjectMeta { bytes: part.bytes, tag: None })
    }
    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool, SinkError> {
        let mut objects = self.objects();
        Ok(!objects.contains_key(name) && objects.insert(name.to_owned(), bytes.to_vec()).is_none())
    }
    fn head(&self, name: &str) -> Result<Option<ObjectMeta>, SinkError> {
        Ok(self.objects().get(name).map(|bytes| ObjectMeta { bytes: bytes.len() as u64, tag: None }))
    }
    fn read(&self, name: &str) -> Result<Option<Box<dyn Read + Send + '_>>, SinkError> {
        Ok(self.objects().get(name).cloned().map(|bytes| Box::new(Cursor::new(bytes)) as _))
    }
    fn remove(&self, name: &str) -> Result<(), SinkError> {
        self.objects().remove(name);
        Ok(())
    }
    fn list(&self) -> Result<Vec<String>, SinkError> {
        Ok(self.objects().keys().cloned().collect())
    }
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (file, sink) = (tempfile::NamedTempFile::new()?, Memory::default());
    let part = Staged { path: file.path().to_owned(), bytes: 0, sha256: [0; 32], tags: Vec::new() };
    sink.put("a.zip", &part, &Unwatched)?;
    assert!(sink.put_new("a.json", b"{}")? && sink.list()? == ["a.json", "a.zip"]);
    Ok(())
}
