//! A block of addresses: a delegated prefix, or one address as a block of length 128.

use std::fmt;
use std::net::Ipv6Addr;

/// A prefix whose bits beyond its length are zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    address: Ipv6Addr,
    length: u8,
}

impl Prefix {
    /// The block that this address lies in; bits beyond `length` are cleared. `None` if it is over 128.
    #[must_use]
    pub fn new(address: Ipv6Addr, length: u8) -> Option<Self> {
        if length > 128 {
            return None;
        }
        let host = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
        Some(Self {
            address: Ipv6Addr::from_bits(address.to_bits() & !host),
            length,
        })
    }

    /// The block that holds one address alone.
    #[must_use]
    pub fn host(address: Ipv6Addr) -> Self {
        Self {
            address,
            length: 128,
        }
    }

    /// The first address of the block.
    #[must_use]
    pub fn address(self) -> Ipv6Addr {
        self.address
    }

    /// The number of leading bits that all addresses of the block share.
    #[must_use]
    pub fn length(self) -> u8 {
        self.length
    }

    /// The first and the last address of the block as numbers.
    #[must_use]
    pub fn bounds(self) -> (u128, u128) {
        let first = self.address.to_bits();
        (
            first,
            first | u128::MAX.checked_shr(u32::from(self.length)).unwrap_or(0),
        )
    }

    /// Whether this block holds that address.
    #[must_use]
    pub fn contains(self, address: Ipv6Addr) -> bool {
        let (first, last) = self.bounds();
        (first..=last).contains(&address.to_bits())
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.length == 128 {
            self.address.fmt(f)
        } else {
            write!(f, "{}/{}", self.address, self.length)
        }
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_beyond_the_length_are_cleared() {
        let address = "2001:db8:d00:1::5".parse().expect("an address");
        let prefix = Prefix::new(address, 56).expect("a prefix");
        assert_eq!(prefix.to_string(), "2001:db8:d00::/56");
        assert_eq!(
            Prefix::new(address, 0).expect("a prefix").to_string(),
            "::/0"
        );
        assert_eq!(
            Prefix::new(address, 128).expect("a prefix").to_string(),
            "2001:db8:d00:1::5"
        );
        assert_eq!(Prefix::new(address, 129), None);
    }

    #[test]
    fn bounds_cover_the_block() {
        let all = Prefix::new(Ipv6Addr::UNSPECIFIED, 0).expect("a prefix");
        assert_eq!(all.bounds(), (0, u128::MAX));
        let one = Prefix::host(Ipv6Addr::LOCALHOST);
        assert_eq!(one.bounds(), (1, 1));
        assert!(one.contains(Ipv6Addr::LOCALHOST) && !one.contains(Ipv6Addr::UNSPECIFIED));
    }
}
