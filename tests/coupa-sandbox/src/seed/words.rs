//! Words that believable records are made of.

pub const FIRST_NAMES: [&str; 16] = [
    "Ada", "Bruno", "Chiara", "David", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Keiko",
    "Liam", "Mina", "Noor", "Oskar", "Priya",
];
pub const LAST_NAMES: [&str; 16] = [
    "Adler", "Brandt", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Hansen", "Ito",
    "Jansen", "Kowalski", "Lopez", "Meyer", "Novak", "Okafor", "Patel",
];
pub const COMPANY_FIRST: [&str; 20] = [
    "Harbor",
    "Summit",
    "Nordlicht",
    "Riverside",
    "Blue Oak",
    "Granite",
    "Silver Birch",
    "Atlas",
    "Meridian",
    "Lakeview",
    "Pioneer",
    "Copper",
    "Evergreen",
    "Beacon",
    "Falcon",
    "Juniper",
    "Cobalt",
    "Redwood",
    "Sterling",
    "Aurora",
];
pub const COMPANY_SECOND: [&str; 16] = [
    "Tools",
    "Logistics",
    "Paper",
    "Systems",
    "Foods",
    "Chemicals",
    "Print",
    "Components",
    "Consulting",
    "Packaging",
    "Energy",
    "Textiles",
    "Media",
    "Motors",
    "Glass",
    "Software",
];
pub const COMPANY_FORM: [&str; 6] = ["Ltd", "Inc", "GmbH", "LLC", "AG", "& Sons"];
pub const STREETS: [&str; 8] = [
    "Dock Road",
    "Mill Lane",
    "Station Street",
    "Oak Avenue",
    "Market Square",
    "Hill Road",
    "Canal Street",
    "Park Row",
];
/// City, state, postal code and country.
pub const PLACES: [(&str, &str, &str, &str); 6] = [
    ("Oakland", "CA", "94607", "US"),
    ("Austin", "TX", "78701", "US"),
    ("Boston", "MA", "02110", "US"),
    ("Hamburg", "", "20095", "DE"),
    ("Leeds", "", "LS1 4AP", "GB"),
    ("Lyon", "", "69002", "FR"),
];
pub const GOODS: [&str; 10] = [
    "Torque wrench",
    "Copy paper",
    "Laptop stand",
    "Safety gloves",
    "Steel bracket",
    "Network switch",
    "Shipping carton",
    "Office chair",
    "Label printer",
    "Cable drum",
];
pub const INITIATIVES: [&str; 8] = [
    "Office relocation",
    "Laptop refresh",
    "Fleet renewal",
    "Packaging tender",
    "Travel policy",
    "Print services",
    "Plant extension",
    "Energy audit",
];
pub const DEPARTMENTS: [&str; 8] = [
    "Purchasing",
    "Logistics",
    "Legal",
    "Research",
    "Facilities",
    "Sales",
    "Quality",
    "Treasury",
];
pub const SITES: [&str; 4] = ["depot", "plant", "office", "warehouse"];
pub const JOBS: [&str; 6] = [
    "Electrician",
    "Data analyst",
    "Project manager",
    "Welder",
    "Translator",
    "Site engineer",
];
pub const REMARKS: [&str; 6] = [
    "Please deliver before noon.",
    "Agreed by phone.",
    "Replaces the earlier one.",
    "Checked against the delivery note.",
    "Price as in the last quarter.",
    "Waiting for the supplier's answer.",
];
