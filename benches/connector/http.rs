//! Requests as the servers of the bench read them: HTTP/1.1, and no more of it than
//! their clients send.

use super::Result;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;

/// Bodies up to this size are kept; larger ones are only read.
const KEPT: u64 = 64 * 1024;

pub struct Request {
    pub method: String,
    pub target: String,
    /// Empty where it was too large, or came without telling its length.
    pub body: Vec<u8>,
}

impl Request {
    /// The next request of a connection; none at its end.
    pub fn next(requests: &mut BufReader<&TcpStream>) -> Result<Option<Self>> {
        let mut first = String::new();
        if requests.read_line(&mut first)? == 0 {
            return Ok(None);
        }
        let mut words = first.split(' ').map(str::to_owned);
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err("a request without a target".into());
        };
        let mut length = 0;
        let mut in_chunks = false;
        let mut line = String::new();
        loop {
            line.clear();
            requests.read_line(&mut line)?;
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse()?;
                }
                Some((name, _)) if name.eq_ignore_ascii_case("transfer-encoding") => {
                    in_chunks = true;
                }
                Some(_) => {}
                None => break,
            }
        }
        let mut body = Vec::new();
        if in_chunks {
            pass_over_chunks(requests)?;
        } else if length <= KEPT {
            requests.take(length).read_to_end(&mut body)?;
        } else {
            std::io::copy(&mut requests.take(length), &mut std::io::sink())?;
        }
        Ok(Some(Self {
            method,
            target,
            body,
        }))
    }
}

fn pass_over_chunks(requests: &mut BufReader<&TcpStream>) -> Result<()> {
    let mut line = String::new();
    loop {
        line.clear();
        requests.read_line(&mut line)?;
        let size = line.trim_end().split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size, 16)?;
        // With the end of its line; after the last there is nothing else.
        std::io::copy(&mut requests.by_ref().take(size + 2), &mut std::io::sink())?;
        if size == 0 {
            return Ok(());
        }
    }
}
