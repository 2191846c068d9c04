//! Other processes of this same program.
//!
//! A child says what it has to say as lines on its standard output, and ends
//! with its standard input: with its parent at the latest, however that ends.

use super::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a child may take to end by itself.
const TO_END: Duration = Duration::from_secs(5);

/// A child, which is ended when this is dropped.
pub struct Child {
    process: std::process::Child,
    output: BufReader<ChildStdout>,
}

impl Child {
    pub fn start(arguments: &[&str]) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or("a child without output")?;
        Ok(Self {
            process,
            output: BufReader::new(output),
        })
    }

    /// Its number.
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// The next line that it says.
    pub fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err("a child ended without an answer".into());
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It ends with its input, and so does what it has started itself.
        drop(self.process.stdin.take());
        let until = Instant::now() + TO_END;
        while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a child that answers one line of JSON.
pub fn measure<T: DeserializeOwned>(arguments: &[&str]) -> Result<T> {
    let line = Child::start(arguments)?.line()?;
    Ok(serde_json::from_str(&line)?)
}

/// Answers the parent.
pub fn answer(measured: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string(measured)?);
    Ok(())
}

/// From now on this process ends with its standard input.
pub fn end_with_parent() {
    std::thread::spawn(|| {
        // Nothing is ever written to it.
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
}
