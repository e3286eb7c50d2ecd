//! Asks tshark what it sees.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write as _};
use std::net::Ipv6Addr;
use std::net::SocketAddrV6;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Error;
use super::account::{FIELDS, SOFTWIRES};
use crate::capture;
use crate::rig::Datagram;

/// Stands between the values of a field: a character that no value has.
const BETWEEN: char = '\u{1e}';
/// How our fields begin the list of columns.
const COLUMNS: [&str; 4] = [
    "frame.number",
    "udp.payload",
    "_ws.malformed",
    "_ws.expert.message",
];
/// What an expert message has to hold to be a complaint about the form of a message.
const COMPLAINT: &str = "alformed";

/// What tshark says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The number of its frame in the capture, from 1.
    pub frame: usize,
    /// What UDP carries.
    pub payload: Vec<u8>,
    /// What it calls malformed.
    pub complaints: Vec<String>,
    /// What it sees, by field.
    pub lists: BTreeMap<&'static str, Vec<String>>,
}

impl Statement {
    /// The values of a field, in the order of the octets.
    #[must_use]
    pub fn values(&self, field: &str) -> &[String] {
        self.lists.get(field).map_or(&[], Vec::as_slice)
    }

    fn of(line: &str) -> Option<Self> {
        let mut columns = line.split('\t');
        let mut column = || columns.next().map(list);
        let frame = column()?.first()?.parse().ok()?;
        let payload = unhex(column()?.first().map_or("", String::as_str))?;
        let (malformed, experts) = (column()?, column()?);
        let mut complaints: Vec<String> = experts
            .into_iter()
            .filter(|it| it.contains(COMPLAINT))
            .collect();
        if complaints.is_empty() && !malformed.is_empty() {
            complaints.push("malformed".to_owned());
        }
        let lists = FIELDS.iter().map(|field| Some((*field, column()?)));
        let lists = without_softwires(lists.collect::<Option<_>>()?);
        Some(Self {
            frame,
            payload,
            complaints,
            lists,
        })
    }
}

/// The DHCPv6 messages of a capture, as tshark sees them.
///
/// # Errors
/// There is no tshark, or it cannot read the capture.
pub fn read(capture: &Path) -> Result<Vec<Statement>, Error> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(capture);
    command.args(["-n", "-Y", "dhcpv6", "-T", "fields", "-E", "separator=/t"]);
    command.args(["-E", &format!("aggregator={BETWEEN}")]);
    for field in COLUMNS.iter().chain(FIELDS) {
        command.args(["-e", field]);
    }
    let output = command.stdin(Stdio::null()).output().map_err(|error| {
        if error.kind() == ErrorKind::NotFound {
            Error::Missing
        } else {
            Error::Failed(error.to_string())
        }
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::Failed(said.trim().to_owned()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let statement =
        |line: &str| Statement::of(line).ok_or_else(|| Error::Failed(format!("it says `{line}`")));
    text.lines().map(statement).collect()
}

/// What tshark sees in these messages of a server, one after the other; `None` where it sees no message.
///
/// # Errors
/// There is no tshark, or it cannot be used.
pub fn question(payloads: &[&[u8]]) -> Result<Vec<Option<Statement>>, Error> {
    let mut file = tempfile::Builder::new().suffix(".pcap").tempfile()?;
    let at = |port| SocketAddrV6::new(Ipv6Addr::LOCALHOST, port, 0, 0);
    let datagrams: Vec<Datagram> = payloads
        .iter()
        .map(|payload| Datagram {
            source: at(547),
            destination: at(546),
            payload: payload.to_vec(),
        })
        .collect();
    let timed = datagrams.iter().map(|it| (Duration::ZERO, it));
    capture::write(timed, io::BufWriter::new(file.as_file_mut()))
        .map_err(|error| Error::Failed(error.to_string()))?;
    file.flush()?;
    let mut statements = vec![None; payloads.len()];
    for statement in read(file.path())? {
        if let Some(place) = statements.get_mut(statement.frame.saturating_sub(1)) {
            *place = Some(statement);
        }
    }
    Ok(statements)
}

/// Leaves out what is inside the containers of softwires.
fn without_softwires(
    mut lists: BTreeMap<&'static str, Vec<String>>,
) -> BTreeMap<&'static str, Vec<String>> {
    const TYPES: &str = "dhcpv6.option.type";
    const LENGTHS: &str = "dhcpv6.option.length";
    let mut list = |name| lists.remove(name).unwrap_or_default();
    let pairs = list(TYPES).into_iter().zip(list(LENGTHS));
    let kept = pairs.filter(|(code, _)| !code.parse().is_ok_and(|it| SOFTWIRES.contains(&it)));
    let (types, lengths) = kept.unzip();
    lists.insert(TYPES, types);
    lists.insert(LENGTHS, lengths);
    lists
}

fn list(column: &str) -> Vec<String> {
    let values = column.split(BETWEEN).filter(|it| !it.is_empty());
    values.map(str::to_owned).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_statement_whatever_its_values_hold() {
        let mut columns = vec!["3", "0700", "", "a\u{1e}DUID: malformed option"];
        columns.extend(FIELDS.iter().map(|field| match *field {
            "dhcpv6.option.type" => "94\u{1e}89\u{1e}13",
            "dhcpv6.option.length" => "9\u{1e}5\u{1e}2",
            "dhcpv6.status_msg" => "one, two | three",
            _ => "",
        }));
        let statement = Statement::of(&columns.join("\t")).expect("a statement");
        assert_eq!(statement.frame, 3);
        assert_eq!(statement.payload, [7, 0]);
        assert_eq!(statement.complaints, ["DUID: malformed option"]);
        assert_eq!(statement.values("dhcpv6.option.type"), ["94", "13"]);
        assert_eq!(statement.values("dhcpv6.option.length"), ["9", "2"]);
        assert_eq!(statement.values("dhcpv6.status_msg"), ["one, two | three"]);
        assert_eq!(Statement::of("nonsense"), None);
    }
}
