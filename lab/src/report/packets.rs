//! A played scenario as a capture whose packets say which step they belong to, and what went wrong there.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::capture::{self, Annotated};
use crate::player::Played;
use crate::report::Row;
use crate::report::document::topic;
use crate::transcript::What;

/// Writes the packets of a scenario that was played; `why` is what it shows.
///
/// # Errors
/// The writer does not take it.
pub fn write_packets(
    row: &Row,
    played: &Played,
    why: &str,
    out: impl Write,
) -> Result<(), capture::Error> {
    let mut packets: Vec<Annotated<'_>> = Vec::new();
    // What happened since the last packet stands on the next one; at the end, on the last one.
    let mut before = String::new();
    let mut told = Told { row, step: 0 };
    for entry in played.transcript.entries() {
        match &entry.what {
            What::Sent { by, datagram } => {
                let comment = told.step(entry.step, &format!("{by} sends"), &mut before);
                packets.push(Annotated {
                    at: entry.at,
                    datagram,
                    comment,
                });
            }
            What::Received(datagram) => {
                let comment = told.step(entry.step, "the server sends", &mut before);
                packets.push(Annotated {
                    at: entry.at,
                    datagram,
                    comment,
                });
            }
            What::Note(note) => match (note.strip_prefix("∅ "), packets.last_mut()) {
                (Some(fate), Some(packet)) => packet.comment.push_str(&format!("\nthen: {fate}")),
                _ => before.push_str(&format!("{}\n", note.trim_start_matches("— "))),
            },
            What::Ended(how) => before.push_str(&format!("the server ended: {how}\n")),
        }
    }
    let rest = format!("{before}{}", told.faults(usize::MAX));
    if let Some(packet) = packets.last_mut() {
        packet.comment.push_str(&format!("\n{}", rest.trim_end()));
        packet.comment.truncate(packet.comment.trim_end().len());
    }
    let about = format!("{} on {}\n{}", row.path.display(), row.rig, why.trim());
    capture::write_annotated(&about, &packets, out)
}

/// What has been told of a row so far.
struct Told<'a> {
    row: &'a Row,
    /// The last step whose failures were told.
    step: usize,
}

impl Told<'_> {
    /// The comment on a packet of a step: what happened before, and the failures of steps that are over.
    fn step(&mut self, step: usize, what: &str, before: &mut String) -> String {
        let faults = self.faults(step.saturating_sub(1));
        format!("{}{faults}step {step}: {what}", std::mem::take(before))
    }

    /// The failures up to a step that were not told yet.
    fn faults(&mut self, step: usize) -> String {
        let from = self.step;
        self.step = from.max(step);
        let faults = self.row.faults(true);
        let due = faults
            .iter()
            .filter(|(at, _)| at.is_some_and(|it| it > from && it <= step));
        due.map(|(at, text)| format!("✗ step {}: {text}\n", at.unwrap_or_default()))
            .collect()
    }
}

/// The name of the capture of a row: topic, claim and rig.
#[must_use]
pub fn packets_path(folder: &Path, row: &Row) -> PathBuf {
    let stem = row.path.file_stem().unwrap_or_default().to_string_lossy();
    let parts = [topic(&row.path), stem.into_owned(), row.rig.to_owned()];
    let parts: Vec<String> = parts.into_iter().filter(|it| !it.is_empty()).collect();
    folder.join(format!("{}.pcapng", parts.join("-")))
}
