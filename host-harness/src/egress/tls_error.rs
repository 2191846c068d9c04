//! Finding what TLS and the operating system say in a client's error.

use super::resolver::causes;
use rustls::{AlertDescription, CertificateError};
use std::error::Error as StdError;
use std::io;

/// An error of rustls lies within I/O errors, one in the other, which do not
/// show it as their source.
pub(super) fn find_tls<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        return Some(tls);
    }
    find_tls(cause.downcast_ref::<io::Error>()?.get_ref()?)
}

/// The operating system's own error: I/O errors lie one in the other as well.
pub(super) fn find_io<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a io::Error> {
    let error = cause.downcast_ref::<io::Error>()?;
    let inner = error.get_ref().and_then(|inner| find_io(inner));
    Some(inner.unwrap_or(error))
}

/// The alert with which the server broke off.
pub(super) fn alert(error: &reqwest::Error) -> Option<AlertDescription> {
    if let Some(rustls::Error::AlertReceived(alert)) = causes(error).find_map(find_tls) {
        return Some(*alert);
    }
    // With TLS 1.3 a server looks at a client's certificate when the client takes the
    // handshake for ended; HTTP/2 then keeps of the error its text alone.
    let said = causes(error).find_map(find_io)?.to_string();
    (u8::MIN..=u8::MAX)
        .map(AlertDescription::from)
        .find(|alert| rustls::Error::AlertReceived(*alert).to_string() == said)
}

/// What is wrong with the server's certificate, if that is why no connection came about.
pub(super) fn certificate_error(error: &reqwest::Error) -> Option<&CertificateError> {
    match causes(error).find_map(find_tls)? {
        rustls::Error::InvalidCertificate(error) => Some(error),
        _ => None,
    }
}

/// Whether no connection came about because the server speaks none of the protocols that
/// were offered.
pub(super) fn is_refused_protocol(error: &reqwest::Error) -> bool {
    alert(error) == Some(AlertDescription::NoApplicationProtocol)
}
