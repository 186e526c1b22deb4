//! Stores of waves that go in one message, in the order in which they were made, and how much memory a message has.
//!
//! Not for: when they are sent (`child::behind`), nor the message around them (`wire`).

use zerocopy::byteorder::{NativeEndian, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The most bytes of memory in one message, each way.
pub const PAYLOAD_MAX: usize = 32 << 10;
/// The most stores in one message.
pub const STORES_MAX: usize = 64;

/// Where a store goes, and how many bytes it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct StoreHead {
    va: U64<NativeEndian>,
    len: U64<NativeEndian>,
}

impl StoreHead {
    /// A store of so many bytes.
    #[must_use]
    pub fn new(va: u64, len: usize) -> Self {
        Self { va: U64::new(va), len: U64::new(len as u64) }
    }

    /// Where it goes.
    #[must_use]
    pub fn va(&self) -> u64 {
        self.va.get()
    }

    /// How many bytes it has.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.len.get()
    }

    /// The same with so many bytes more.
    #[must_use]
    pub fn longer(&self, more: usize) -> Self {
        Self { len: U64::new(self.bytes() + more as u64), ..*self }
    }
}

/// Stores in the order in which they were made, at most [`STORES_MAX`] with at most [`PAYLOAD_MAX`] bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stores<'a> {
    heads: &'a [StoreHead],
    bytes: &'a [u8],
}

impl<'a> Stores<'a> {
    /// Stores with their bytes one after the other; `None` when the bytes are not so many, or too many.
    #[must_use]
    pub fn new(heads: &'a [StoreHead], bytes: &'a [u8]) -> Option<Self> {
        let all = heads.iter().try_fold(0_u64, |all, head| all.checked_add(head.bytes()))?;
        let fits = heads.len() <= STORES_MAX && bytes.len() <= PAYLOAD_MAX && all == bytes.len() as u64;
        fits.then_some(Self { heads, bytes })
    }

    pub(super) fn heads(&self) -> &'a [StoreHead] {
        self.heads
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Each of them: where it goes, and its bytes.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &'a [u8])> + use<'a> {
        let (heads, mut rest) = (self.heads, self.bytes);
        heads.iter().map(move |head| {
            let (bytes, after) = rest.split_at(head.bytes() as usize);
            rest = after;
            (head.va(), bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{PAYLOAD_MAX, STORES_MAX, StoreHead, Stores};

    #[test]
    fn stores_have_the_bytes_that_they_say() {
        let heads = [StoreHead::new(0x10, 2), StoreHead::new(0x8, 0), StoreHead::new(u64::MAX, 3)];
        let stores = Stores::new(&heads, b"abcde").expect("five bytes");
        let each: Vec<_> = stores.iter().collect();
        assert_eq!(each, [(0x10, &b"ab"[..]), (0x8, b""), (u64::MAX, b"cde")]);
        assert_eq!((Stores::new(&heads, b"abcd"), Stores::new(&heads, b"abcdef")), (None, None));
        let endless = [StoreHead::new(0, 1).longer(usize::MAX - 1), StoreHead::new(0, 1)];
        assert_eq!(Stores::new(&endless, b""), None);
        assert_eq!(Stores::new(&[StoreHead::new(0, 0); STORES_MAX + 1], b""), None);
        assert_eq!(Stores::new(&[StoreHead::new(0, PAYLOAD_MAX + 1)], &[0; PAYLOAD_MAX + 1]), None);
    }
}
