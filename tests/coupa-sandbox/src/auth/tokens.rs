//! Tokens: shaped like the JWTs that Coupa issues, and about as long. A client
//! can have several at once, and a new one may not work at once (a switch).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::random::Random;
use crate::switches::Switches;

struct Issued {
    scopes: Vec<String>,
    from: Instant,
    until: Instant,
}

/// The tokens that were issued.
#[derive(Default)]
pub struct Tokens {
    issued: Mutex<HashMap<String, Issued>>,
}

impl Tokens {
    /// Issues a token for these scopes.
    pub fn mint(&self, client: &str, scopes: &[String], seed: u64, switches: &Switches) -> String {
        let mut issued = self.lock();
        let mut random = Random::new(seed, "token", issued.len() as u64);
        let signature: Vec<u8> = (0..32).flat_map(|_| random.next().to_le_bytes()).collect();
        let header =
            json!({"alg": "RS256", "typ": "JWT", "kid": format!("{:016x}", random.next())});
        let payload = json!({
            "sub": client,
            "scope": scopes,
            "jti": format!("{:016x}", random.next()),
            "expires_in": switches.token_lifetime_s,
        });
        let token = [
            header.to_string().into_bytes(),
            payload.to_string().into_bytes(),
            signature,
        ]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
        let now = Instant::now();
        let valid = Issued {
            scopes: scopes.to_vec(),
            from: now + Duration::from_millis(switches.token_delay_ms),
            until: now + Duration::from_secs(switches.token_lifetime_s),
        };
        issued.insert(token.clone(), valid);
        token
    }

    /// The scopes of a token; none where it is not valid now.
    pub fn scopes(&self, token: &str) -> Option<Vec<String>> {
        let now = Instant::now();
        let issued = self.lock();
        let token = issued.get(token)?;
        (token.from <= now && now < token.until).then(|| token.scopes.clone())
    }

    /// Ends the life of every token.
    pub fn revoke_all(&self) {
        let now = Instant::now();
        for token in self.lock().values_mut() {
            token.until = now;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Issued>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
