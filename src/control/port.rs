//! What `-p` names: a TCP port, by number or by the name of a service.
//!
//! Names are looked up in `/etc/services` and nowhere else: a static program cannot load what the C library would
//! ask.

use std::fs;

/// Where services have their names.
const SERVICES: &str = "/etc/services";

/// What was named is no port.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is neither a port number nor a TCP service in {SERVICES}")]
pub struct UnknownPort(String);

/// The port that this text names, and whether that is another number than stands there: nothing is 0, and numbers
/// above 65535 wrap around, as in the original.
///
/// # Errors
/// It is no number, and no service has that name.
pub fn resolve(text: &str) -> Result<(u16, bool), UnknownPort> {
    if text.is_empty() {
        return Ok((0, false));
    }
    let unknown = || UnknownPort(text.to_owned());
    if text.bytes().all(|octet| octet.is_ascii_digit()) {
        let number: u64 = text.parse().map_err(|_| unknown())?;
        let port = u16::try_from(number % 65536).unwrap_or_default();
        return Ok((port, u64::from(port) != number));
    }
    // A system without the file has no names.
    let services = fs::read(SERVICES).unwrap_or_default();
    let port = service(&String::from_utf8_lossy(&services), text);
    port.map(|port| (port, false)).ok_or_else(unknown)
}

/// Finds a TCP service by its name or an alias: `http 80/tcp www # the web`.
fn service(services: &str, name: &str) -> Option<u16> {
    services.lines().find_map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let own = words.next()?;
        let port = words.next()?.strip_suffix("/tcp")?;
        let mut names = std::iter::once(own).chain(words);
        names
            .any(|it| it == name)
            .then(|| port.parse().ok())
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_wrap_and_nothing_is_0() {
        for (text, port) in [
            ("5547", 5547),
            ("0", 0),
            ("", 0),
            ("00080", 80),
            ("65535", 65535),
            ("65536", 0),
            ("99999", 34463),
        ] {
            let wraps = matches!(text, "65536" | "99999");
            assert_eq!(resolve(text), Ok((port, wraps)), "{text}");
        }
        for text in ["-1", "+1", " 1", "0x10", "1.", "no-such-service"] {
            let error = resolve(text).expect_err("no port");
            assert!(error.to_string().starts_with(&format!("`{text}`")));
        }
        assert!(resolve("99999999999999999999999").is_err());
    }

    #[test]
    fn services_go_by_name_and_alias_over_tcp() {
        let services = "# services\n\ntime\t37/tcp timserver\ntime 38/udp\nsip 5060/udp\n\
                        http 80/tcp www # www2\nbad\nworse 99999/tcp\nsip 5061/tcp\n";
        for (name, port) in [
            ("time", Some(37)),
            ("timserver", Some(37)),
            ("http", Some(80)),
            ("www", Some(80)),
            ("sip", Some(5061)),
            ("www2", None),
            ("#", None),
            ("bad", None),
            ("worse", None),
            ("37/tcp", None),
        ] {
            assert_eq!(service(services, name), port, "{name}");
        }
    }
}
