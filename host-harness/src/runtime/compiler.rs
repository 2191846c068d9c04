//! Compiles components within limits.
//!
//! A component can be written so that compiling it takes hours, or all the memory
//! of the machine, and what compiles cannot be interrupted from within its
//! process. So the program compiles in a process of its own, at the lowest
//! priority, that is killed at its limit of time and refused memory beyond its
//! limit. A library that has no such program compiles in a thread: that is given
//! up on at the limit of time, but nothing can end it before the process ends.

use super::address_space::Memories;
use super::engine::Engine;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often it is looked whether the process has ended.
const LOOKS: Duration = Duration::from_millis(2);
/// Bytes of what the process says that are told.
const MOST_SAID: u64 = 2000;

/// What compiling one component may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// From start to end. Default 120 s.
    pub time: Duration,
    /// Bytes of memory, where it is a process of its own. Default 2 GiB.
    pub memory: u64,
    /// Bytes that a component may have. Default 64 MiB.
    pub component: usize,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(120),
            memory: 2 << 30,
            component: 64 << 20,
        }
    }
}

/// Why a component was not compiled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// It is larger than any connector has to be.
    #[error("it has {bytes} bytes, and a connector may have {most}")]
    TooLarge {
        /// What it has.
        bytes: usize,
        /// What it may have.
        most: usize,
    },
    /// It took too long.
    #[error("compiling it took longer than {} s", .0.as_secs_f64())]
    Time(Duration),
    /// It took too much memory, in bytes.
    #[error("compiling it needed more than {0} bytes of memory")]
    Memory(u64),
    /// The compiler refused it.
    #[error("{0}")]
    Refused(String),
    /// The compiler could not be run.
    #[error("the compiler could not be run: {0}")]
    Broken(String),
}

impl CompileError {
    /// Stable, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "runtime.component-too-large",
            Self::Time(_) => "runtime.compile-time",
            Self::Memory(_) => "runtime.compile-memory",
            Self::Refused(_) => "runtime.compile",
            Self::Broken(_) => "runtime.compiler",
        }
    }
}

/// Compiles components.
#[derive(Debug, Clone, Default)]
pub struct Compiler {
    program: Option<PathBuf>,
    limits: CompileLimits,
}

impl Compiler {
    /// Compiles in processes of `program`, which has to hand its standard input
    /// and output to [`compile`] where its only argument is `compile-component`.
    pub fn in_processes_of(program: PathBuf, limits: CompileLimits) -> Self {
        Self {
            program: Some(program),
            limits,
        }
    }

    /// Compiles in threads of this process.
    pub const fn in_threads(limits: CompileLimits) -> Self {
        Self {
            program: None,
            limits,
        }
    }

    /// The limits that it keeps to.
    pub const fn limits(&self) -> CompileLimits {
        self.limits
    }

    /// Compiled code for the engine that runs connectors. Blocks.
    pub(super) fn compile(&self, engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
        let most = self.limits.component;
        if bytes.len() > most {
            return Err(CompileError::TooLarge {
                bytes: bytes.len(),
                most,
            });
        }
        match &self.program {
            Some(program) => self.in_process(program, engine.memories(), bytes),
            None => self.in_thread(engine.wasmtime(), bytes),
        }
    }

    fn in_thread(&self, engine: &wasmtime::Engine, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
        let (done, compiled) = std::sync::mpsc::channel();
        let (engine, bytes) = (engine.clone(), bytes.to_vec());
        std::thread::Builder::new()
            .name("compile".to_owned())
            .spawn(move || {
                // Whoever waited may have given up.
                let _ = done.send(engine.precompile_component(&bytes));
            })
            .map_err(|error| CompileError::Broken(error.to_string()))?;
        match compiled.recv_timeout(self.limits.time) {
            Ok(compiled) => compiled.map_err(|error| CompileError::Refused(format!("{error:#}"))),
            Err(_) => Err(CompileError::Time(self.limits.time)),
        }
    }

    fn in_process(
        &self,
        program: &PathBuf,
        memories: Memories,
        bytes: &[u8],
    ) -> Result<Vec<u8>, CompileError> {
        let broken = |error: std::io::Error| CompileError::Broken(error.to_string());
        // Files, and not pipes: nobody has to keep up with anybody.
        let mut given = tempfile::tempfile().map_err(broken)?;
        let mut taken = tempfile::tempfile().map_err(broken)?;
        let mut said = tempfile::tempfile().map_err(broken)?;
        given.write_all(bytes).map_err(broken)?;
        given.seek(SeekFrom::Start(0)).map_err(broken)?;
        let output = taken.try_clone().map_err(broken)?;
        let complaints = said.try_clone().map_err(broken)?;
        let process = Command::new(program)
            .arg("compile-component")
            .env(MEMORY, self.limits.memory.to_string())
            .env(MEMORIES, memories.name())
            .stdin(Stdio::from(given))
            .stdout(Stdio::from(output))
            .stderr(Stdio::from(complaints))
            .spawn()
            .map_err(broken)?;
        let Some(status) = ends_within(process, self.limits.time).map_err(broken)? else {
            return Err(CompileError::Time(self.limits.time));
        };
        let mut text = String::new();
        said.seek(SeekFrom::Start(0)).map_err(broken)?;
        // What is no text is not worth telling.
        let _ = said.take(MOST_SAID).read_to_string(&mut text);
        if !status.success() {
            return Err(self.why(status, text.trim()));
        }
        let mut code = Vec::new();
        taken.seek(SeekFrom::Start(0)).map_err(broken)?;
        taken.read_to_end(&mut code).map_err(broken)?;
        Ok(code)
    }

    fn why(&self, status: ExitStatus, said: &str) -> CompileError {
        if OUT_OF_MEMORY.iter().any(|words| said.contains(words)) {
            return CompileError::Memory(self.limits.memory);
        }
        match status.code() {
            Some(REFUSED) => CompileError::Refused(said.to_owned()),
            _ => CompileError::Broken(format!("it ended with {status}: {said}")),
        }
    }
}

/// None where it was killed.
fn ends_within(mut process: Child, time: Duration) -> std::io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = process.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= time {
            process.kill()?;
            process.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOKS);
    }
}

/// Where a process is told how much memory it may have.
const MEMORY: &str = "HARNESS_COMPILE_MEMORY";
/// Where it is told how instances of what it compiles get their memories.
const MEMORIES: &str = "HARNESS_COMPILE_MEMORIES";
/// How whoever needs memory that there is no more of says so: Rust's allocator, the
/// operating system, and what of wasmtime and Cranelift looks after it itself.
const OUT_OF_MEMORY: [&str; 3] = [
    "memory allocation of",
    "Cannot allocate memory",
    "out of memory (failed to allocate",
];
/// How it ends where the component is at fault.
const REFUSED: i32 = 65;

/// Compiles the component on standard input to standard output: what a process of
/// [`Compiler::in_processes_of`] does. Answers the code to end with.
pub fn compile() -> u8 {
    let refused = u8::try_from(REFUSED).unwrap_or(1);
    let mut bytes = Vec::new();
    // It was held against its limit of size before.
    if let Err(error) = std::io::stdin().read_to_end(&mut bytes) {
        eprintln!("the component cannot be read: {error}");
        return 1;
    }
    let memories = std::env::var(MEMORIES).unwrap_or_default();
    let engine = match Engine::compiling_for(Memories::named(&memories)) {
        Ok(engine) => engine,
        Err(error) => {
            eprintln!("{error}");
            return 1;
        }
    };
    bound();
    match engine.wasmtime().precompile_component(&bytes) {
        Ok(code) => match std::io::stdout().write_all(&code) {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("the code cannot be written: {error}");
                1
            }
        },
        Err(error) => {
            eprintln!("{error:#}");
            refused
        }
    }
}

/// Takes no more memory than it was told, and no processor that others want.
#[cfg(unix)]
fn bound() {
    use rustix::process::{Resource, Rlimit, nice, setrlimit};
    if let Some(memory) = std::env::var(MEMORY)
        .ok()
        .and_then(|text| text.parse().ok())
    {
        // Not the address space: the engine reserves more of that than any machine
        // has memory.
        let limit = Rlimit {
            current: Some(memory),
            maximum: Some(memory),
        };
        // Where it cannot be bound, the limit of time still holds.
        let _ = setrlimit(Resource::Data, limit);
    }
    let _ = nice(19);
}

#[cfg(not(unix))]
fn bound() {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn a_compiler_that_runs_out_of_memory_is_told_as_that_however_it_says_so() {
        let program = PathBuf::from("harness");
        let compiler = Compiler::in_processes_of(program, CompileLimits::default());
        let aborted = ExitStatus::from_raw(6);
        for said in [
            "memory allocation of 1048576 bytes failed",
            "mmap failed to reserve 0x1000 bytes: Cannot allocate memory (os error 12)",
            "thread '<unnamed>' panicked at map.rs:402:55:\n\
             unhandled out-of-memory error: out of memory (failed to allocate 65537 bytes)",
        ] {
            let why = compiler.why(aborted, said);
            assert!(matches!(why, CompileError::Memory(_)), "{why}");
        }
        let why = compiler.why(aborted, "assertion failed");
        assert!(matches!(why, CompileError::Broken(_)), "{why}");
    }
}
