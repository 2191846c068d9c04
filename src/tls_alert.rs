//! What a server means by the alert with which it breaks off a TLS handshake.

use crate::host::SendError;

/// The error for an alert, by its number (RFC 8446, section 6) and what the host said of it.
pub fn received(id: Option<u8>, said: Option<String>) -> SendError {
    let meaning = match id {
        Some(120) => return SendError::NoCommonProtocol,
        Some(40) => "the server accepts none of the ciphers offered, or wants a client certificate",
        Some(42 | 43 | 46) => {
            "the server does not accept the client's certificate, or that there is none"
        }
        Some(44) => "the server says that the client's certificate was revoked",
        Some(45) => "the server says that the client's certificate has expired",
        Some(48) => "the server does not know the authority of the client's certificate",
        Some(49) => "the server accepted the client's certificate and lets it nowhere",
        Some(70) => "the server speaks none of the versions of TLS offered",
        Some(71) => "the server wants stronger ciphers than those offered",
        Some(80) => "the server failed in the handshake",
        Some(112) => "the server knows no host of this name",
        Some(116) => "the server wants a client certificate, and there is none",
        _ => "the server broke off the handshake",
    };
    SendError::Tls(match (id, said) {
        (_, Some(said)) => format!("{meaning} (alert: {said})"),
        (Some(id), None) => format!("{meaning} (alert {id})"),
        (None, None) => meaning.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_told_in_words() {
        for (id, said, expected) in [
            (
                Some(112),
                Some("UnrecognizedName"),
                "knows no host of this name (alert: UnrecognizedName)",
            ),
            (Some(40), None, "or wants a client certificate (alert 40)"),
            (Some(42), None, "does not accept the client's certificate"),
            (Some(43), None, "does not accept the client's certificate"),
            (Some(46), None, "does not accept the client's certificate"),
            (Some(48), None, "authority of the client's certificate"),
            (Some(70), None, "none of the versions of TLS"),
            (
                Some(116),
                None,
                "wants a client certificate, and there is none",
            ),
            (Some(10), None, "broke off the handshake (alert 10)"),
            (
                None,
                Some("AccessDenied"),
                "broke off the handshake (alert: AccessDenied)",
            ),
            (None, None, "broke off the handshake"),
        ] {
            let error = received(id, said.map(str::to_owned));
            assert!(matches!(error, SendError::Tls(_)), "{id:?}");
            assert!(error.to_string().contains(expected), "{id:?}: {error}");
        }
        assert_eq!(received(Some(120), None), SendError::NoCommonProtocol);
    }
}
