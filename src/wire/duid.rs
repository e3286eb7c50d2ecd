//! DUIDs: compared, never interpreted (RFC 9915 §11).

use std::fmt;

/// The name that a client or server goes by: an opaque string of 1 to 130 octets.
///
/// RFC 9915 §11.1 allows 3 to 130; the shorter ones are what configuration and DUID files of the original
/// server may hold, so the bound for received messages is checked where messages are admitted. Octets past
/// `len` are zero, which is what lets equality and hashing be derived.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Duid {
    len: u8,
    octets: [u8; Self::LEN_MAX],
}

impl Duid {
    /// The most octets a DUID has: a type of 2 and an identifier of 128 (RFC 9915 §11.1).
    pub const LEN_MAX: usize = 130;
    /// The fewest octets that a DUID on the wire has (RFC 9915 §11.1).
    pub const WIRE_LEN_MIN: usize = 3;

    /// The DUID made of these octets, or `None` if there are none or more than 130.
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        let len = u8::try_from(octets.len()).ok()?;
        let mut duid = Self {
            len,
            octets: [0; Self::LEN_MAX],
        };
        if octets.is_empty() {
            return None;
        }
        duid.octets.get_mut(..octets.len())?.copy_from_slice(octets);
        Some(duid)
    }

    /// The octets, without their length.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.octets
            .get(..usize::from(self.len))
            .unwrap_or(&self.octets)
    }

    /// Reads the text form of the configuration, `00:03:00:01:…`: pairs of hex digits joined by colons.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut octets = Vec::new();
        for pair in text.split(':') {
            if pair.len() != 2 || !pair.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            octets.push(u8::from_str_radix(pair, 16).ok()?);
        }
        Self::new(&octets)
    }
}

impl fmt::Display for Duid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, octet) in self.as_bytes().iter().enumerate() {
            if index > 0 {
                f.write_str(":")?;
            }
            write!(f, "{octet:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Duid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Duid({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duids_that_differ_only_in_length_are_different() {
        assert_ne!(Duid::new(&[0, 1, 0]), Duid::new(&[0, 1, 0, 0]));
    }

    #[test]
    fn the_longest_duid_has_130_octets() {
        assert!(Duid::new(&[7; 130]).is_some());
        assert!(Duid::new(&[7; 131]).is_none());
        assert!(Duid::new(&[7; 300]).is_none());
        assert!(Duid::new(&[]).is_none());
    }

    #[test]
    fn the_text_form_reads_back() {
        let duid = Duid::parse("00:03:00:01:02:00:5E:10:00:17").expect("a DUID");
        assert_eq!(duid.to_string(), "00:03:00:01:02:00:5e:10:00:17");
        for wrong in ["", "0", "00:", "0001", "00:0g", "+1:00", "00::01"] {
            assert_eq!(Duid::parse(wrong), None, "{wrong}");
        }
    }
}
