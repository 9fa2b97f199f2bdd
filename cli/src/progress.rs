//! Bars that show how far something has come, on terminals.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::stop;
use billkeep_core::bills::ImportProgress;
use billkeep_core::deliveries::Meter;
use billkeep_core::values::visible;

/// Less than this is done before a bar can be looked at.
const BYTES_MIN: u64 = 8 << 20;

/// How often what turns is drawn.
const TURN: Duration = Duration::from_millis(120);

/// A bar that counts bytes, where somebody looks.
pub(crate) struct Bar {
    shown: bool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Bar {
    /// A bar; without `shown`, nothing is drawn.
    pub(crate) fn new(shown: bool) -> Bar {
        Bar { shown, bar: Mutex::new(None) }
    }

    pub(crate) fn finish(&self) {
        if let Ok(Some(bar)) = self.bar.lock().map(|mut bar| bar.take()) {
            bar.finish_and_clear();
        }
    }

    fn with(&self, total: u64, tell: impl FnOnce(&ProgressBar)) {
        if !self.shown || total < BYTES_MIN {
            return;
        }
        if let Ok(mut bar) = self.bar.lock() {
            let style = || {
                ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {eta}")
                    .unwrap_or_else(|_| ProgressStyle::default_bar())
            };
            tell(bar.get_or_insert_with(|| ProgressBar::new(total).with_style(style())));
        }
    }
}

impl ImportProgress for Bar {
    fn read(&self, done: u64, total: u64) {
        self.with(total, |bar| bar.set_position(done));
    }
}

impl Meter for Bar {
    fn begin(&self, bytes: u64) {
        self.with(bytes, |bar| bar.set_position(0));
    }

    fn sent(&self, bytes: u64) {
        if let Ok(Some(bar)) = self.bar.lock().as_deref() {
            bar.inc(bytes);
        }
    }

    fn end(&self) {
        self.finish();
    }

    fn stopped(&self) -> bool {
        stop::is_asked()
    }
}

/// Something that turns while something goes on that nobody knows the length of.
pub(crate) struct Waiting(Option<ProgressBar>);

impl Waiting {
    /// Begins; without `shown`, nothing is drawn.
    pub(crate) fn new(shown: bool, words: String) -> Waiting {
        Waiting(shown.then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = ProgressBar::new_spinner().with_style(style).with_message(visible(&words).into_owned());
            bar.enable_steady_tick(TURN);
            bar
        }))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}
