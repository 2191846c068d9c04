//! A server that is a program of its own, on free ports of this machine.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
/// A port that was free a moment ago may be taken by now.
const TRIES: u32 = 10;

/// A program that is killed at the end of the test.
pub struct Process(Child);

/// A port that is free at the moment.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Process {
    /// Starts a server on as many ports as are asked for, and waits until it listens on
    /// each. `command` says how it is called for these.
    pub fn serving<const PORTS: usize>(
        command: impl Fn([u16; PORTS]) -> Command,
    ) -> (Self, [u16; PORTS]) {
        let mut name = String::new();
        for _ in 0..TRIES {
            // All are held while the next is looked for, so that no two are the same.
            let held = [(); PORTS].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
            let ports = held
                .each_ref()
                .map(|held| held.local_addr().unwrap().port());
            drop(held);
            let mut command = command(ports);
            name = command.get_program().to_string_lossy().into_owned();
            let mut process = Self::start(&mut command);
            if ports.iter().all(|port| process.listens(*port)) {
                return (process, ports);
            }
        }
        panic!("{name} did not start");
    }

    /// Starts one, and does not wait for it.
    pub fn start(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap_or_else(|error| {
            let name = command.get_program().to_string_lossy().into_owned();
            panic!("{name} cannot be started ({error}): run `cargo xtask test`")
        }))
    }

    /// Waits until it takes connections; false where it ended, or never does.
    pub fn listens(&mut self, port: u16) -> bool {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until && self.0.try_wait().unwrap().is_none() {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }

    pub fn stop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}
