//! Puts exports where they are to be: the part first, its manifest last and once.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::bills::{BillView, must_be_recorded};
use crate::engine::journal::JournalHead;
use crate::engine::store::Records;
use crate::exports::sink::{Sink, SinkError, Staged, Unwatched};
use crate::values::reason::Reason;

use super::form::Audience;
use super::{ExportError, Manifest, Plan, RenderSettings, Rendered, guard};
use crate::exports::ObjectMeta;

impl BillView {
    /// Renders a plan and puts part and manifest where they are not yet.
    ///
    /// # Errors
    /// [`ExportError`]; the sink may hold the part without its manifest then, and running again goes on.
    pub fn place(
        &self,
        store: &(impl Records + Sync),
        plan: &Plan,
        sink_name: &str,
        sink: &dyn Sink,
        settings: &RenderSettings<'_>,
    ) -> Result<Rendered, ExportError> {
        let sink_error = |error: SinkError| ExportError::Sink { sink: sink_name.to_owned(), error };
        let _hold = sink.hold().map_err(sink_error)?;
        place_held(store, self, plan, sink_name, sink, settings)
    }
}

/// As [`BillView::place`], for a sink that is held.
pub(super) fn place_held(
    store: &(impl Records + Sync),
    view: &BillView,
    plan: &Plan,
    sink_name: &str,
    sink: &dyn Sink,
    settings: &RenderSettings<'_>,
) -> Result<Rendered, ExportError> {
    let stage = Stage::of(sink_name, sink, plan)?;
    let rendered = stage_part(store, view, plan, settings, &stage.path)?;
    put(sink_name, sink, plan, rendered, &stage, JournalHead::last(store)?)
}

/// Renders a plan's part into a file, and sees that it shows nobody what is not theirs.
pub(crate) fn stage_part(
    store: &(impl Records + Sync),
    view: &BillView,
    plan: &Plan,
    settings: &RenderSettings<'_>,
    path: &Path,
) -> Result<Rendered, ExportError> {
    guard::check_plan(view, &plan.wanted)?;
    must_be_recorded(store, plan.wanted.bill)?;
    let rendered = stage(store, view, plan, settings, path)?;
    if plan.wanted.form.audience == Audience::Customer {
        let allowed = guard::allowed(store, view, &plan.wanted, &rendered)?;
        if let Err(leak) = guard::check_bytes(path, &plan.part_name(), &allowed) {
            // It may lie in a folder of the customer's already.
            let _ = std::fs::remove_file(path);
            return Err(leak.into());
        }
    }
    Ok(rendered)
}

/// Returns the folder in which a sink's parts are staged.
pub(super) fn stage_folder<'s>(sink_name: &str, sink: &'s dyn Sink) -> Result<&'s Path, ExportError> {
    sink.stage_folder().ok_or_else(|| ExportError::Sink {
        sink: sink_name.to_owned(),
        error: SinkError::Setup("it has no folder to stage parts in".into()),
    })
}

/// Where a part lies until it is put. It does not stay there, whatever comes of it: on a full disk it would be in everybody's way.
pub(super) struct Stage {
    pub(super) path: PathBuf,
}

impl Stage {
    /// Finds the place of a plan's part.
    pub(super) fn of(sink_name: &str, sink: &dyn Sink, plan: &Plan) -> Result<Stage, ExportError> {
        Ok(Stage { path: stage_folder(sink_name, sink)?.join(plan.part_name()) })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What was moved away is not there any more.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Puts a part that was rendered into a file, and its manifest, where they are not yet.
pub(super) fn put(
    sink_name: &str,
    sink: &dyn Sink,
    plan: &Plan,
    rendered: Rendered,
    stage: &Stage,
    head: Option<JournalHead>,
) -> Result<Rendered, ExportError> {
    let sink_error = |error: SinkError| ExportError::Sink { sink: sink_name.to_owned(), error };
    let name = plan.part_name();
    let manifest = Manifest { journal: head.map(Into::into), ..Manifest::new(plan, &rendered) };
    let manifest_name = plan.manifest_name();
    let found = ObjectMeta::read_small(sink, &manifest_name).map_err(sink_error)?;
    // A manifest that tells of something else is somebody else's: its parts are not touched.
    let ours = |bytes: &[u8]| manifest.told_by(bytes).is_some();
    if found.as_ref().is_some_and(|bytes| !ours(bytes)) {
        return Err(sink_error(SinkError::Conflict { name: manifest_name }));
    }
    let held = ObjectMeta::read_hash(sink, &name).map_err(sink_error)?;
    if held != Some((rendered.bytes, rendered.sha256)) {
        let staged = Staged {
            path: stage.path.clone(),
            bytes: rendered.bytes,
            sha256: rendered.sha256,
            tags: plan.tags(),
        };
        sink.put(&name, &staged, &Unwatched).map_err(sink_error)?;
        let head = sink.head(&name).map_err(sink_error)?;
        if head.as_ref().map(|h| h.bytes) != Some(rendered.bytes) {
            let location = sink.location(&name);
            let why = format!("{location}: {} bytes were put, and it holds {head:?}", rendered.bytes);
            return Err(sink_error(SinkError::Damaged(why.into())));
        }
    }
    // Somebody may have been faster: what is there is read before either is believed.
    if found.is_none() && !sink.put_new(&manifest_name, &manifest.to_bytes()).map_err(sink_error)? {
        let theirs = ObjectMeta::read_small(sink, &manifest_name).map_err(sink_error)?;
        if !theirs.is_some_and(|theirs| ours(&theirs)) {
            return Err(sink_error(SinkError::Conflict { name: manifest_name }));
        }
    }
    Ok(rendered)
}

fn stage(
    store: &(impl Records + Sync),
    view: &BillView,
    plan: &Plan,
    settings: &RenderSettings<'_>,
    path: &Path,
) -> Result<Rendered, ExportError> {
    let failed = |e: std::io::Error| ExportError::Write(Reason::at(path, e));
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).map_err(failed)?);
    let rendered = view.render(store, plan, settings, &mut out).map_err(|error| match error {
        // Whose disk is full?
        ExportError::Write(why) => {
            let text = format!("`{}`: {why}", path.display());
            ExportError::Write(why.reworded(text))
        }
        error => error,
    })?;
    out.flush().map_err(failed)?;
    out.get_ref().sync_all().map_err(failed)?;
    Ok(rendered)
}
