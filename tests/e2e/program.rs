//! The program `harness`.
