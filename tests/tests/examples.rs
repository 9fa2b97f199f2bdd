//! The library's examples run.

#[path = "../../core/examples/month.rs"]
mod month;
#[path = "../../core/examples/progress.rs"]
mod progress;
#[path = "../../core/examples/sink.rs"]
mod sink;

#[test]
fn a_month_lives() {
    month::main().unwrap();
}

#[test]
fn an_import_is_cancelled_and_changes_nothing() {
    progress::main().unwrap();
}

#[test]
fn a_sink_of_ones_own_holds_objects() {
    sink::main().unwrap();
}
