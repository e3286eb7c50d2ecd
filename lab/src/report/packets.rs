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
    let mut comments = vec![format!(
        "{} on {}: {}",
        row.path.display(),
        row.rig,
        why.trim()
    )];
    let mut faults = row.faults(true).into_iter().peekable();
    for entry in played.transcript.entries() {
        // What went wrong in the steps before.
        while let Some((step, text)) = faults.next_if(|(step, _)| *step < Some(entry.step)) {
            comments.push(fault(step, &text));
        }
        let (by, datagram) = match &entry.what {
            What::Sent { by, datagram } => (by.as_str(), datagram),
            What::Received(datagram) => ("the server", datagram),
            What::Note(note) => {
                let fate = note.strip_prefix("∅ ");
                match (fate, packets.last_mut()) {
                    (Some(fate), Some(packet)) => packet.comments.push(format!("then: {fate}")),
                    _ => comments.push(note.trim_start_matches("— ").to_owned()),
                }
                continue;
            }
            What::Ended(how) => {
                comments.push(format!("the server ended: {how}"));
                continue;
            }
        };
        comments.push(format!("step {}: {by} sends", entry.step));
        packets.push(Annotated {
            at: entry.at,
            datagram,
            comments: std::mem::take(&mut comments),
        });
    }
    // What comes after the last packet stands on it.
    if let Some(packet) = packets.last_mut() {
        packet.comments.append(&mut comments);
        packet
            .comments
            .extend(faults.map(|(step, text)| fault(step, &text)));
    }
    capture::write_annotated(&packets, out)
}

fn fault(step: Option<usize>, text: &str) -> String {
    let step = step.map_or_else(String::new, |it| format!("step {it}: "));
    format!("✗ {step}{text}")
}

/// The name of the capture of a row: topic, claim and rig.
#[must_use]
pub fn packets_path(folder: &Path, row: &Row) -> PathBuf {
    let stem = row.path.file_stem().unwrap_or_default().to_string_lossy();
    let parts = [topic(&row.path), stem.into_owned(), row.rig.to_owned()];
    let parts: Vec<String> = parts.into_iter().filter(|it| !it.is_empty()).collect();
    folder.join(format!("{}.pcapng", parts.join("-")))
}
