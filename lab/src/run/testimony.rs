//! Has a second decoder look at all answers of a run.

use std::collections::BTreeMap;

use crate::player::Failure;
use crate::report::{Outcome, Row};
use crate::transcript::What;
use crate::witness;

/// An answer: the number of its row, and of its step.
type Place = (usize, usize);

/// Compares what we see in every answer with what tshark sees. The scenarios of answers that the two do not agree on
/// have failed. Returns the numbers of their rows.
pub(super) fn hear(rows: &mut [Row]) -> Result<Vec<usize>, witness::Error> {
    // Most answers come more than once: on both rigs, and in many scenarios.
    let mut answers: BTreeMap<&[u8], Vec<Place>> = BTreeMap::new();
    for (row, entries) in rows.iter().enumerate().filter_map(|(index, row)| {
        let played = row.played.as_ref()?;
        Some((index, played.transcript.entries()))
    }) {
        for entry in entries {
            if let What::Received(datagram) = &entry.what {
                let places = answers.entry(&datagram.payload).or_default();
                places.push((row, entry.step));
            }
        }
    }
    if answers.is_empty() {
        return Ok(Vec::new());
    }
    let payloads: Vec<&[u8]> = answers.keys().copied().collect();
    let statements = witness::question(&payloads)?;
    let mut found: Vec<(Place, String)> = Vec::new();
    for (places, statement) in answers.values().zip(statements) {
        let fault = match statement {
            Some(statement) => witness::disagreement(&statement),
            None => Some("tshark sees no DHCPv6 message in it".to_owned()),
        };
        if let Some(fault) = fault {
            found.extend(places.iter().map(|place| (*place, fault.clone())));
        }
    }
    found.sort();
    let mut contested: Vec<usize> = found.iter().map(|((row, _), _)| *row).collect();
    contested.dedup();
    for ((row, step), fault) in found {
        if let Some(row) = rows.get_mut(row) {
            let text = format!("an answer is not read alike by all: {fault}");
            contest(&mut row.outcome, Failure { step, text });
        }
    }
    Ok(contested)
}

/// Adds a failure to an outcome, whatever it was.
fn contest(outcome: &mut Outcome, failure: Failure) {
    if let Outcome::Failed(failures) = outcome {
        failures.push(failure);
    } else {
        *outcome = Outcome::Failed(vec![failure]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_contested_fails_what_had_passed_and_adds_to_what_had_failed() {
        let failure = |step| Failure {
            step,
            text: "no".into(),
        };
        let mut outcome = Outcome::Passed;
        contest(&mut outcome, failure(4));
        contest(&mut outcome, failure(5));
        assert_eq!(outcome, Outcome::Failed(vec![failure(4), failure(5)]));
    }
}
