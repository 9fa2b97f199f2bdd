//! One run at a sink: from which store, how, and on whose behalf.

use crate::engine::journal::Actor;
use crate::engine::store::Store;
use crate::exports::sink::Sink;

use super::DeliveryError;
use super::desk::{Desk, Destination, Ways};

/// A sink that is held to deliver to it: from which store, how, and on whose behalf.
pub(super) struct DeliverySession<'a> {
    pub(super) store: &'a Store,
    pub(super) to: &'a Destination,
    pub(super) desk: Desk,
    pub(super) ways: &'a Ways<'a>,
    pub(super) actor: &'a Actor,
}

impl<'a> DeliverySession<'a> {
    /// Takes hold of the sink, and reminds it of what it knew.
    pub(super) fn new(
        store: &'a Store,
        to: &'a Destination,
        ways: &'a Ways<'a>,
        actor: &'a Actor,
    ) -> Result<DeliverySession<'a>, DeliveryError> {
        let desk = Desk::take(to, ways.stage)?;
        to.recall(&store.read()?)?;
        Ok(DeliverySession { store, to, desk, ways, actor })
    }

    pub(super) fn sink(&self) -> &dyn Sink {
        self.to.sink.as_ref()
    }
}
