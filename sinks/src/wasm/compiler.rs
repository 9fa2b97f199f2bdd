//! Compiling a plugin, where possible in a process of its own.
//!
//! How much time and memory a compiler needs is in the hands of whoever made the file, and a compiler cannot be told to stop. So a
//! program names another one that compiles for it, as a rule itself: [`compile_with`]. That process has little time and memory, is
//! killed when somebody wants to stop, and its end is an error like any other. Without one, plugins are compiled in this process,
//! where only the limits on the file hold: good for plugins that are known.
//!
//! The two speak by pipes. In: the length of the component in eight bytes, and the component; then nothing, and the pipe stays open
//! as long as somebody waits. Out: the machine code, or why there is none, and behind it a byte that says which.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use wasmtime::Engine;

use super::engine::engine;
use super::file::FILE_BYTES_MAX;
use super::isolated::isolated;
use super::text::plain;
use billkeep_core::engine::BoundedError;
use billkeep_core::engine::OutsideFile;

/// Behind the machine code, and behind an error.
const COMPILED: u8 = 0;
const FAILED: u8 = 1;
/// A component that was made of the largest file, with what makes a component of a module.
const COMPONENT_BYTES_MAX: u64 = FILE_BYTES_MAX + (1 << 20);
/// Three times what a plugin with an interpreter has.
const IMAGE_BYTES_MAX: u64 = 128 << 20;
/// So much of what the process says about its end is kept.
const SAID_BYTES_MAX: u64 = 4 << 10;
/// How often it is looked whether it has ended.
const LOOK_MIN: Duration = Duration::from_millis(1);
const LOOK_MAX: Duration = Duration::from_millis(20);

/// Why a plugin was not compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// It cannot be, or not within the limits.
    #[error("{0}")]
    Refused(String),
    /// Somebody asked to stop.
    #[error("stopped as asked")]
    Stopped,
}

billkeep_core::codes!(CompileError {
    own {
        Self::Refused(why) => User "compiler.refused" { why: why },
        Self::Stopped => Transient "compiler.stopped" {},
    }
    within {}
});

/// Compiles plugins.
pub trait Compile: Send + Sync {
    /// Returns the machine code of a component, as [`compile_here`] returns it.
    ///
    /// # Errors
    /// [`CompileError`].
    fn compile(&self, component: &[u8]) -> Result<Vec<u8>, CompileError>;
}

static COMPILER: OnceLock<Box<dyn Compile>> = OnceLock::new();

/// Says who compiles the plugins of this process from now on. The first word counts.
pub fn compile_with(compiler: impl Compile + 'static) {
    let _ = COMPILER.set(Box::new(compiler));
}

/// Compiles a component by whoever was named for it, or else here.
pub(super) fn compile(component: &[u8]) -> Result<Vec<u8>, CompileError> {
    match COMPILER.get() {
        Some(compiler) => compiler.compile(component),
        None => compile_here(component).map_err(CompileError::Refused),
    }
}

/// Compiles a component in this process, without a limit of time or memory.
///
/// # Errors
/// Why it cannot be compiled.
pub fn compile_here(component: &[u8]) -> Result<Vec<u8>, String> {
    let engine: &Engine = engine().map_err(|e| e.to_string())?;
    isolated("the compiler broke off", STACK_BYTES, || {
        engine.precompile_component(component).map_err(|e| format!("it does not compile: {e:#}"))
    })
}

/// Threads that compile. Each needs memory for the function that it is at.
const THREADS: &str = "2";
/// The stack of the thread that translates a component; functions are compiled on others.
const STACK_BYTES: usize = 16 << 20;

/// What a process that compiles may have of private memory, whatever the file. With its own code, 25 to 35 MiB that all processes
/// of the program share, it stays below 512 MiB. Python, 21 MB, and JavaScript, 12 MB, need 365 to 375 MiB.
const MEMORY_BYTES_MAX: u64 = 472 << 20;
/// What it may have of addresses: for systems that do not count private memory.
const ADDRESSES_BYTES_MAX: u64 = 640 << 20;
/// What a small file may cost. Each MiB adds [`PROCESSOR_S_PER_MIB`].
/// Plugins with an interpreter have 12 to 21 MiB. They need 12 to 15 s on a free machine, and 60 s were measured on a busy one.
const PROCESSOR_S_MIN: u64 = 15;
const PROCESSOR_S_PER_MIB: u64 = 6;
const PROCESSOR_S_MAX: u64 = 120;
/// A machine that has more to do makes it wait: only what the processor does for it counts, unless it never ends.
const WALL: Duration = Duration::from_mins(5);

/// What compiling may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Budget {
    processor_s: u64,
}

impl Budget {
    fn of(component_bytes: u64) -> Budget {
        let processor_s = PROCESSOR_S_MIN + (component_bytes >> 20) * PROCESSOR_S_PER_MIB;
        Budget { processor_s: processor_s.min(PROCESSOR_S_MAX) }
    }

    /// Sets the limits of this process, where the system has such.
    fn set(self) {
        #[cfg(unix)]
        {
            use rustix::process::{Resource, Rlimit, setrlimit};
            let both = |limit| Rlimit { current: Some(limit), maximum: Some(limit) };
            // A system that refuses leaves the wait of the other process.
            let _ = setrlimit(Resource::Data, both(MEMORY_BYTES_MAX));
            let _ = setrlimit(Resource::As, both(ADDRESSES_BYTES_MAX));
            let _ = setrlimit(Resource::Cpu, both(self.processor_s));
            let _ = setrlimit(Resource::Core, both(0));
        }
    }
}

/// Compiles by a process of its own for each plugin.
pub struct ChildCompiler {
    program: PathBuf,
    arguments: Vec<OsString>,
    stopped: fn() -> bool,
}

impl ChildCompiler {
    /// Names a program that does with these arguments what [`compile_for_parent`] does. Of the environment, it is given nothing. `stopped` says
    /// whether somebody wants to stop.
    pub fn new(program: PathBuf, arguments: &[&str], stopped: fn() -> bool) -> ChildCompiler {
        ChildCompiler { program, arguments: arguments.iter().map(OsString::from).collect(), stopped }
    }

    fn start(&self) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear();
        // GNU's allocator keeps addresses for each thread, which would count.
        command.env("MALLOC_ARENA_MAX", "1").env("RAYON_NUM_THREADS", THREADS);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }

    /// Waits for the end of the process; kills it when its time is over or somebody wants to stop.
    fn wait(&self, child: &mut Child) -> Result<ExitStatus, CompileError> {
        let start = Instant::now();
        let mut look = LOOK_MIN;
        loop {
            if let Some(status) = child.try_wait().map_err(|e| cannot("be waited for", &e))? {
                return Ok(status);
            }
            let late = start.elapsed() > WALL;
            if late || (self.stopped)() {
                // It may have ended just now, which is as good.
                let _ = child.kill();
                let _ = child.wait();
                return Err(match late {
                    true => too_expensive(&format!("{} seconds", WALL.as_secs())),
                    false => CompileError::Stopped,
                });
            }
            thread::sleep(look);
            look = (look * 2).min(LOOK_MAX);
        }
    }
}

fn cannot(what: &str, e: &io::Error) -> CompileError {
    CompileError::Refused(format!("the process that compiles plugins cannot {what}: {e}"))
}

fn too_expensive(what: &str) -> CompileError {
    CompileError::Refused(format!(
        "compiling it takes more than {what}, which is enough for an honest plugin of its length; its author can make its functions \
         smaller"
    ))
}

impl Compile for ChildCompiler {
    fn compile(&self, component: &[u8]) -> Result<Vec<u8>, CompileError> {
        let budget = Budget::of(component.len() as u64);
        let mut child = self.start().map_err(|e| cannot("be started", &e))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(mut stderr)) = (stdin, stdout, stderr) else {
            return Err(CompileError::Refused("the process that compiles plugins has no pipes".into()));
        };
        thread::scope(|scope| {
            let sends = scope.spawn(move || {
                let length = (component.len() as u64).to_le_bytes();
                // One that has ended says itself why.
                let _ = stdin.write_all(&length).and_then(|()| stdin.write_all(component));
                stdin
            });
            let image = scope.spawn(move || OutsideFile::read_from(stdout, IMAGE_BYTES_MAX));
            let said = scope.spawn(move || {
                let mut said = Vec::new();
                let _ = (&mut stderr).take(SAID_BYTES_MAX).read_to_end(&mut said);
                let _ = io::copy(&mut stderr, &mut io::sink());
                String::from_utf8_lossy(&said).into_owned()
            });
            let status = self.wait(&mut child);
            // Only now: the process ends when this pipe does.
            drop(sends.join());
            let (image, said) = (image.join(), said.join().unwrap_or_default());
            let status = status?;
            let mut image = match image {
                Ok(Ok(image)) if status.success() => image,
                Ok(Err(BoundedError::TooLong { bytes_max })) => {
                    return Err(too_expensive(&format!("{} MiB of machine code", bytes_max >> 20)));
                }
                _ => return Err(ended(status, budget, &said)),
            };
            match image.pop() {
                Some(COMPILED) => Ok(image),
                Some(FAILED) => Err(CompileError::Refused(plain(&String::from_utf8_lossy(&image)))),
                _ => Err(ended(status, budget, &said)),
            }
        })
    }
}

/// Says why a process has ended that gave no answer.
fn ended(status: ExitStatus, budget: Budget, said: &str) -> CompileError {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        match status.signal() {
            // Interrupt and terminate: whoever sent it means both processes.
            Some(2 | 15) => return CompileError::Stopped,
            // The processor's time is over; a hard limit kills.
            Some(24 | 9) => {
                return too_expensive(&format!("{} seconds of the processor", budget.processor_s));
            }
            _ => {}
        }
    }
    if said.contains("memory allocation")
        || said.contains("out of memory")
        || said.contains("Cannot allocate")
    {
        return too_expensive(&format!("{} MiB of memory", MEMORY_BYTES_MAX >> 20));
    }
    let line: String = plain(said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default())
        .chars()
        .take(300)
        .collect();
    CompileError::Refused(format!("the process that compiles it broke off ({status}): {line}"))
}

/// Compiles what comes in, within limits that this process sets itself, and writes the machine code. `gone` is called when
/// whoever wanted it has ended; it has to end this process.
///
/// # Errors
/// What cannot be read or written.
pub fn compile_for_parent(
    mut input: impl Read + Send + 'static,
    mut output: impl Write,
    gone: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let mut length = [0; 8];
    input.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > COMPONENT_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{length} bytes are no plugin")));
    }
    Budget::of(length).set();
    let component = OutsideFile::read_from((&mut input).take(length), length).map_err(io::Error::other)?;
    if component.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    thread::Builder::new().name("billkeep-parent".into()).stack_size(64 << 10).spawn(move || {
        let _ = input.read(&mut [0]);
        gone();
    })?;
    let (answer, says) = match compile_here(&component) {
        Ok(image) => (image, COMPILED),
        Err(why) => (why.into_bytes(), FAILED),
    };
    output.write_all(&answer)?;
    output.write_all(&[says])?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The goal: half a GiB for each plugin, of which the program's own code takes 40 MiB, and two minutes.
    /// An honest plugin may need five times as long as on a free machine.
    #[test]
    fn no_file_may_cost_more_than_half_a_gib_and_two_minutes() {
        const { assert!(MEMORY_BYTES_MAX + (40 << 20) <= 512 << 20) };
        let [small, javascript, python, largest] =
            [124 << 10, 12 << 20, 21 << 20, FILE_BYTES_MAX].map(|bytes| Budget::of(bytes).processor_s);
        assert_eq!((small, python, largest), (15, 120, 120));
        assert!(javascript >= 5 * 15, "{javascript}");
    }

    #[cfg(unix)]
    #[test]
    fn a_process_that_gives_no_answer_is_an_error_with_its_reason() {
        use std::os::unix::process::ExitStatusExt as _;
        let says = |signal: i32, said: &str| match ended(ExitStatus::from_raw(signal), Budget::of(1), said) {
            CompileError::Refused(why) => why,
            CompileError::Stopped => "stopped".into(),
        };
        assert!(says(24, "").contains("15 seconds of the processor"));
        assert!(says(6, "memory allocation of 8589934592 bytes failed\n").contains("472 MiB of memory"));
        assert!(says(11, "\nthread has overflowed its stack\n").contains("overflowed its stack"));
        assert_eq!(says(2, ""), "stopped");
    }

    #[cfg(unix)]
    #[test]
    fn a_process_that_does_not_end_is_killed_when_somebody_wants_to_stop() {
        let shell = |script: &str, stopped: fn() -> bool| {
            ChildCompiler::new("/bin/sh".into(), &["-c", script], stopped).compile(b"component")
        };
        assert_eq!(shell("exec sleep 600", || true), Err(CompileError::Stopped));
        let never: fn() -> bool = || false;
        let refused = |result| match result {
            Err(CompileError::Refused(why)) => why,
            other => panic!("{other:?}"),
        };
        assert!(refused(shell("echo no room >&2; exit 7", never)).contains("no room"));
        // Half an answer is none.
        assert!(refused(shell("printf image", never)).contains("broke off"));
        let missing = ChildCompiler::new("/nowhere/billkeep".into(), &[], never);
        assert!(refused(missing.compile(b"x")).contains("cannot be started"));
    }
}
