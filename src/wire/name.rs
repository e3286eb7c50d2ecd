//! DNS names for the domain-list options (RFC 9915 §10: RFC 1035 labels, no compression).

use std::fmt;

/// One domain name in its wire form: labels with their lengths, ending with the root label.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DomainName {
    octets: Vec<u8>,
}

/// Why a text is not a domain name that can be encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// Two dots in a row, or a dot at the start.
    #[error("it has an empty label")]
    EmptyLabel,
    /// A label of more than 63 octets.
    #[error("a label is longer than 63 octets")]
    LongLabel,
    /// More than 255 octets on the wire.
    #[error("it is longer than 255 octets")]
    LongName,
    /// An octet that is a space, a control character or outside ASCII.
    #[error("it holds a character that is not printable ASCII")]
    Character,
}

impl DomainName {
    /// The most octets of an encoded name (RFC 1035 §3.1).
    pub const LEN_MAX: usize = 255;

    /// Encodes a name as written in the configuration: lower-cased, with or without the final dot.
    ///
    /// The empty text and `.` are the root. Letters, digits, `-` and `_` and every other printable ASCII
    /// character may stand anywhere in a label, so `1and1.com` and `_tcp.example` work.
    ///
    /// # Errors
    /// What about the text cannot be encoded.
    pub fn encode(text: &str) -> Result<Self, NameError> {
        let mut octets = Vec::with_capacity(text.len() + 2);
        let labels = text.strip_suffix('.').unwrap_or(text);
        if !labels.is_empty() {
            for label in labels.split('.') {
                if label.is_empty() {
                    return Err(NameError::EmptyLabel);
                }
                if !label.bytes().all(|b| b.is_ascii_graphic()) {
                    return Err(NameError::Character);
                }
                let len = u8::try_from(label.len()).map_err(|_| NameError::LongLabel)?;
                if len > 63 {
                    return Err(NameError::LongLabel);
                }
                octets.push(len);
                octets.extend(label.bytes().map(|b| b.to_ascii_lowercase()));
            }
        }
        octets.push(0);
        if octets.len() > Self::LEN_MAX {
            return Err(NameError::LongName);
        }
        Ok(Self { octets })
    }

    /// The wire form.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.octets.as_slice();
        let mut first = true;
        while let Some((&len, tail)) = rest.split_first() {
            let Some((label, tail)) = tail.split_at_checked(usize::from(len)) else {
                break;
            };
            if label.is_empty() {
                break;
            }
            if !first {
                f.write_str(".")?;
            }
            first = false;
            f.write_str(&String::from_utf8_lossy(label))?;
            rest = tail;
        }
        if first { f.write_str(".") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_as_labels_with_a_root() {
        let name = DomainName::encode("Corp.Example.com.").expect("a name");
        assert_eq!(name.as_bytes(), b"\x04corp\x07example\x03com\x00");
        assert_eq!(name.to_string(), "corp.example.com");
    }

    #[test]
    fn names_that_silenced_the_original_server_work() {
        for text in ["1and1.com", "_tcp.example", "foo_bar.com", "-x.y"] {
            assert_eq!(DomainName::encode(text).expect("a name").to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_encoded_is_refused() {
        assert_eq!(DomainName::encode("a..b"), Err(NameError::EmptyLabel));
        assert_eq!(
            DomainName::encode(&"a".repeat(64)),
            Err(NameError::LongLabel)
        );
        assert_eq!(
            DomainName::encode(&"a".repeat(300)),
            Err(NameError::LongLabel)
        );
        assert_eq!(
            DomainName::encode(&"abc.".repeat(64)),
            Err(NameError::LongName)
        );
        assert_eq!(DomainName::encode("a b"), Err(NameError::Character));
        assert_eq!(
            DomainName::encode("bücher.example"),
            Err(NameError::Character)
        );
    }

    #[test]
    fn a_name_of_255_octets_fits() {
        let name = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(61));
        assert_eq!(
            DomainName::encode(&name).map(|n| n.as_bytes().len()),
            Ok(255)
        );
    }
}
