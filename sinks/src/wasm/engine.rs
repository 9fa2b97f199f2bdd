//! The engine: one in a program, with a clock that guests are interrupted by.

use std::sync::OnceLock;
use std::time::Duration;

use billkeep_core::exports::SinkError;
use wasmtime::{Config, Engine, OptLevel};

/// How often a guest that computes lets others have a turn: what a time limit can be off by.
const TICK: Duration = Duration::from_millis(10);
/// A guest that needs more stack than this breaks off.
const STACK_BYTES: usize = 1 << 20;

/// Returns the engine.
///
/// # Errors
/// [`SinkError::Setup`] where the machine cannot run one.
pub(super) fn engine() -> Result<&'static Engine, SinkError> {
    static ENGINE: OnceLock<Result<Engine, String>> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| start().map_err(|e| format!("no plugin can be run here: {e}")));
    engine.as_ref().map_err(|why| SinkError::Setup(why.clone().into()))
}

fn start() -> Result<Engine, String> {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        // Tables for other programs' debuggers, and for places in a guest's code: nobody is told these, and each plugin that is
        // loaded would pay for them.
        .generate_address_map(false)
        .native_unwind_info(cfg!(windows))
        .max_wasm_stack(STACK_BYTES)
        .async_stack_size(STACK_BYTES + (1 << 20));
    let engine = Engine::new(&config).map_err(|e| e.to_string())?;
    let weak = engine.weak();
    let tick = move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    let thread = std::thread::Builder::new().name("billkeep-plugins".into());
    thread.spawn(tick).map_err(|e| e.to_string())?;
    Ok(engine)
}
