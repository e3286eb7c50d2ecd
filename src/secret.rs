//! Reads secrets as operators write them down: in base64, by the rules of the original server.
//!
//! Not here: where secrets stand, and who may see them. An error never repeats what it is about.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The text is not the base64 form of anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not base64")]
pub struct NotBase64;

/// The octets that a text in base64 stands for (RFC 4648 §4). Spaces, tabs and line ends count for nothing
/// wherever they stand; padding is mandatory, and the bits that it leaves over must be zero. Blanks alone are the
/// empty secret.
///
/// # Errors
/// The text is something else, or cut off.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, NotBase64> {
    let is_blank = |octet: &u8| matches!(octet, b' ' | b'\t' | b'\r' | b'\n');
    let digits: Vec<u8> = text
        .iter()
        .copied()
        .filter(|octet| !is_blank(octet))
        .collect();
    STANDARD.decode(digits).map_err(|_| NotBase64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_may_stand_anywhere() {
        for text in [
            "MTIzNDU2Nzg5MGFiY2RlZg==",
            " MTIzNDU2Nzg5\tMGFi Y2RlZg= =\r\n",
            "\nMTIz\nNDU2\nNzg5\nMGFi\nY2Rl\nZg==\n",
        ] {
            assert_eq!(decode(text.as_bytes()), Ok(b"1234567890abcdef".to_vec()));
        }
        for blank in ["", " ", "\t\r\n"] {
            assert_eq!(decode(blank.as_bytes()), Ok(Vec::new()));
        }
    }

    #[test]
    fn what_is_cut_off_or_strange_is_refused() {
        for text in [
            "MTIzNA",
            "MTIzNA=",
            "MTI",
            "M",
            "=",
            "====",
            "MTIzNA===",
            "MTIzNA==MTIz",
            "MTIzNB==",
            "MTJ=",
            "MT-_",
            "#MTIz",
            "MTIz\0",
            "MTIz\x0b",
            "MTIz\u{a0}",
            "\"MTIz\"",
        ] {
            assert_eq!(decode(text.as_bytes()), Err(NotBase64), "{text:?}");
        }
    }
}
