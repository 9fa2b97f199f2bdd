//! Tries a sink before bills go there: a small object is written, read back, and removed again; a sink that cannot look is
//! asked whether it is there.

use crate::exports::ObjectMeta;
use crate::exports::sink::{Sink, SinkError};
use crate::values::reason::Reason;

/// How a probe's name begins.
const PROBE: &str = "billkeep-probe-";

/// Tries a sink. `tag` tells this probe's name from those of others that try it at the same time.
///
/// # Errors
/// [`SinkError::Setup`] that says which step failed; what was written is removed, where that is possible.
pub fn preflight(sink: &dyn Sink, tag: &str) -> Result<(), SinkError> {
    let name = format!("{PROBE}{tag}.txt");
    let text = format!("billkeep tried whether it can write, read and remove here: {tag}\n");
    // What may pass may pass here too; anything else is for a person to look at.
    let tell = |text: String, e: SinkError| match e {
        SinkError::Transient(why) => SinkError::Transient(why.reworded(text)),
        e => SinkError::Setup(Reason::new(text, e)),
    };
    let removing = |e: SinkError| match e {
        SinkError::Transient(_) => tell(format!("a probe could not be removed: {e}"), e),
        e => tell(
            format!(
                "a probe was written, but could not be removed: {e}; the destination must allow removal, \
                 which retention and the repair of deliveries need"
            ),
            e,
        ),
    };
    let failed = |step: &str, e: SinkError| tell(format!("a probe could not be {step}: {e}"), e);
    if !sink.looks() {
        return sink.check();
    }
    // One that an earlier attempt left is not an answer. Whether anything can be removed is asked once something was written.
    if sink.head(&name).map_err(|e| failed("looked for", e))?.is_some() {
        sink.remove(&name).map_err(|e| failed("removed", e))?;
    }
    let put = sink.put_new(&name, text.as_bytes()).map_err(|e| failed("written", e))?;
    let read = ObjectMeta::read_small(sink, &name);
    sink.remove(&name).map_err(removing)?;
    let read = read.map_err(|e| failed("read back", e))?;
    if !put || read.as_deref() != Some(text.as_bytes()) {
        return Err(SinkError::Setup("a probe was written and did not come back as it was".into()));
    }
    match sink.head(&name).map_err(|e| failed("looked for", e))? {
        None => Ok(()),
        Some(_) => Err(SinkError::Setup("a probe was removed and is still there".into())),
    }
}
