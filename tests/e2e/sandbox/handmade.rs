//! Components that no compiler makes: the hostile one, with something added to its
//! bytes.

/// What is added.
#[derive(Default)]
pub struct Added {
    /// The body of a function that runs when the module is instantiated.
    pub start: Option<Vec<u8>>,
    /// Whether that function asks for a larger table than there may be instead.
    pub large_table: bool,
    /// Whether it calls itself without end instead.
    pub recursion: bool,
    /// Bodies of functions that nobody calls.
    pub bodies: Vec<Vec<u8>>,
    /// An interface that it imports as well, such as `wasi:sockets/types@0.3.0`.
    pub import: Option<&'static str>,
}

/// The hostile component with something added.
pub fn component(added: &Added) -> Vec<u8> {
    let bytes = super::bytes();
    let mut sections = sections(&bytes);
    let starts = added.start.is_some() || added.large_table || added.recursion;
    if starts || !added.bodies.is_empty() {
        // The largest of its modules is the one that was compiled; the others
        // only bind things together.
        let modules = sections.iter_mut().filter(|(id, _)| *id == CORE_MODULE);
        let (_, module) = modules.max_by_key(|(_, module)| module.len()).unwrap();
        *module = with_added(module, added);
    }
    if let Some(name) = added.import {
        // One import, by its name, of an instance of the first type.
        let mut import = vec![1, 0];
        import.extend(leb(name.len()));
        import.extend(name.as_bytes());
        import.extend([5, 0]);
        sections.push((IMPORT, import));
    }
    joined(&bytes[..8], sections)
}

/// `loop br 0 end end`: for ever.
pub const FOR_EVER: &[u8] = &[0x00, 0x03, 0x40, 0x0c, 0x00, 0x0b, 0x0b];

/// Asks the first table for 30,000 more elements, for ever.
const LARGE_TABLE: &[u8] = &[
    0x00, 0x03, 0x40, 0xd0, 0x70, 0x41, 0xb0, 0xea, 0x01, 0xfc, 0x0f, 0x00, 0x1a, 0x0c, 0x00, 0x0b,
    0x0b,
];

/// Sections of a component.
const CORE_MODULE: u8 = 1;
const IMPORT: u8 = 10;

/// Sections of a module.
const TYPES: u8 = 1;
const IMPORTS: u8 = 2;
const FUNCTIONS: u8 = 3;
const START: u8 = 8;
const CODE: u8 = 10;

fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

fn read_leb(bytes: &[u8], at: &mut usize) -> usize {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = bytes[*at];
        *at += 1;
        number |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return number;
        }
    }
}

/// The sections of a module or a component: their ids and contents.
fn sections(module: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut at, mut found) = (8, Vec::new());
    while at < module.len() {
        let id = module[at];
        at += 1;
        let length = read_leb(module, &mut at);
        found.push((id, module[at..at + length].to_vec()));
        at += length;
    }
    found
}

/// Adds items to a section that is a list; answers how many it had before.
fn append(sections: &mut Vec<(u8, Vec<u8>)>, id: u8, items: &[Vec<u8>]) -> usize {
    let place = sections.iter().position(|(known, _)| *known == id);
    let place = place.unwrap_or_else(|| {
        let after = sections
            .iter()
            .position(|(known, _)| *known > id || *known == 0);
        let after = after.unwrap_or(sections.len());
        sections.insert(after, (id, vec![0]));
        after
    });
    let (_, content) = &mut sections[place];
    let mut at = 0;
    let before = read_leb(content, &mut at);
    let mut changed = leb(before + items.len());
    changed.extend_from_slice(&content[at..]);
    changed.extend(items.concat());
    *content = changed;
    before
}

fn with_added(module: &[u8], added: &Added) -> Vec<u8> {
    let mut sections = sections(module);
    let imported = imported_functions(&sections);
    let mut start = added.start.clone();
    if added.large_table {
        start = Some(LARGE_TABLE.to_vec());
    }
    if added.recursion {
        let place = imported + append(&mut sections.clone(), FUNCTIONS, &[]);
        start = Some([&[0x00, 0x10], leb(place).as_slice(), &[0x0b]].concat());
    }
    let bodies: Vec<Vec<u8>> = start.iter().chain(&added.bodies).cloned().collect();
    if !bodies.is_empty() {
        // The type of a function that takes and gives nothing.
        let kind = append(&mut sections, TYPES, &[vec![0x60, 0, 0]]);
        let declared = vec![leb(kind); bodies.len()];
        let first = append(&mut sections, FUNCTIONS, &declared);
        let bodies: Vec<Vec<u8>> = bodies
            .iter()
            .map(|body| [leb(body.len()), body.clone()].concat())
            .collect();
        append(&mut sections, CODE, &bodies);
        if start.is_some() {
            let place = imported + first;
            let after = sections.iter().position(|(known, _)| *known > START);
            let after = after.unwrap_or(sections.len());
            sections.insert(after, (START, leb(place)));
        }
    }
    joined(&module[..8], sections)
}

fn joined(head: &[u8], sections: Vec<(u8, Vec<u8>)>) -> Vec<u8> {
    let mut bytes = head.to_vec();
    for (id, content) in sections {
        bytes.push(id);
        bytes.extend(leb(content.len()));
        bytes.extend(content);
    }
    bytes
}

/// How many functions a module imports: they come before its own. The modules here
/// import nothing but functions.
fn imported_functions(sections: &[(u8, Vec<u8>)]) -> usize {
    let found = sections.iter().find(|(id, _)| *id == IMPORTS);
    found.map_or(0, |(_, content)| read_leb(content, &mut 0))
}
