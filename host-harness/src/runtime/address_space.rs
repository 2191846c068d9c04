//! How much of its address space a process may reserve, and how guests get their
//! memories by that.
//!
//! Usually a memory is reserved in full before it is used, which costs nothing but
//! addresses, and spares compiled code the look whether an access is within bounds. A
//! batch scheduler or a shared host may limit addresses (`ulimit -v`).

use wasmtime::{Config, Engine, Memory, MemoryType, Store};

/// A page of WebAssembly has so many bytes, as a power of two.
const PAGE_BITS: u32 = 16;
/// What a memory gets beyond its need where it is allocated on demand, so that it is
/// not moved each time that it grows.
const ROOM_TO_GROW: u64 = 16 << 20;

/// How the instances of an engine get their memories. Code that was compiled for one
/// way is of no use in the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memories {
    /// Addresses for all that they may ever have are reserved.
    Reserved,
    /// They get what they need when they need it.
    OnDemand,
}

impl Memories {
    /// The word for it, for another process.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::OnDemand => "on-demand",
        }
    }

    /// What a [name](Self::name) means; any other word is the usual way.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "on-demand" => Self::OnDemand,
            _ => Self::Reserved,
        }
    }

    pub(super) fn configure(self, config: &mut Config) {
        if self == Self::OnDemand {
            config
                .memory_reservation(0)
                .memory_guard_size(0)
                .memory_reservation_for_growth(ROOM_TO_GROW);
        }
    }
}

/// Whether so many bytes of addresses can be reserved: by doing so, as `wasmtime serve`
/// decides whether it takes a pool.
pub(super) fn has_room_for(bytes: usize) -> bool {
    if is_unlimited() {
        return true;
    }
    reserves(bytes)
}

/// Whether the process may have all addresses that there are.
#[cfg(unix)]
fn is_unlimited() -> bool {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::As).current.is_none()
}

#[cfg(not(unix))]
fn is_unlimited() -> bool {
    true
}

fn reserves(bytes: usize) -> bool {
    let bytes = bytes as u64;
    let mut config = Config::new();
    config.wasm_memory64(true).memory_reservation(bytes);
    let Ok(engine) = Engine::new(&config) else {
        return false;
    };
    let memory = MemoryType::new64(0, Some(bytes >> PAGE_BITS));
    Memory::new(&mut Store::new(&engine, ()), memory).is_ok()
}

#[cfg(test)]
mod tests {
    use super::reserves;

    #[test]
    fn there_is_room_for_what_fits_into_an_address_space() {
        assert!(reserves(1 << 30));
        assert!(!reserves(1 << 60));
    }
}
