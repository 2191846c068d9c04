//! Frames of HTTP/2 (RFC 9113, 4.1), so far as a front has to tell them apart that ends
//! connections in ways its library does not offer.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

const HEAD: usize = 9;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Data,
    Headers,
    Reset,
    Settings,
    Other,
}

/// One frame, as it is sent.
pub struct Frame(Vec<u8>);

impl Frame {
    /// The next one; none where the stream of bytes has ended.
    pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let mut bytes = vec![0; HEAD];
        match from.read_exact(&mut bytes).await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        };
        let length = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        bytes.resize(HEAD + length as usize, 0);
        from.read_exact(&mut bytes[HEAD..]).await?;
        Ok(Some(Self(bytes)))
    }

    /// Streams up to this one are answered, later ones not even looked at.
    pub fn goaway(last: u32) -> Self {
        let mut payload = last.to_be_bytes().to_vec();
        payload.extend(0_u32.to_be_bytes());
        Self::new(7, &payload)
    }

    /// So many more bytes of data are taken on the connection.
    pub fn window_update(more: u32) -> Self {
        Self::new(8, &more.to_be_bytes())
    }

    /// Of no stream.
    fn new(kind: u8, payload: &[u8]) -> Self {
        let mut bytes = vec![0, 0, payload.len() as u8, kind, 0, 0, 0, 0, 0];
        bytes.extend(payload);
        Self(bytes)
    }

    pub fn kind(&self) -> Kind {
        match self.0[3] {
            0 => Kind::Data,
            1 => Kind::Headers,
            3 => Kind::Reset,
            4 => Kind::Settings,
            _ => Kind::Other,
        }
    }

    /// Zero: it is of the connection.
    pub fn stream(&self) -> u32 {
        u32::from_be_bytes([self.0[5], self.0[6], self.0[7], self.0[8]])
    }

    /// Whether it is its sender's last one of its stream.
    pub fn ends_stream(&self) -> bool {
        match self.kind() {
            Kind::Data | Kind::Headers => self.0[4] & END_STREAM != 0,
            Kind::Reset => true,
            Kind::Settings | Kind::Other => false,
        }
    }

    /// Whether its sender says that it keeps to the settings that it was sent.
    pub fn acknowledges_settings(&self) -> bool {
        self.kind() == Kind::Settings && self.0[4] & ACK != 0
    }

    /// Why a stream was reset.
    pub fn reason(&self) -> h2::Reason {
        let code = self.payload().first_chunk().copied().unwrap_or_default();
        h2::Reason::from(u32::from_be_bytes(code))
    }

    pub fn payload(&self) -> &[u8] {
        &self.0[HEAD..]
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}
