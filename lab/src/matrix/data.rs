//! The matrix as JSON, for other programs.

use serde_json::{Value, json};

use crate::matrix::survey::{Cell, Matrix};
use crate::matrix::verdict::{Cause, Verdicts};

/// All of it: the servers, and for each scenario and server what came of it.
pub(super) fn data(matrix: &Matrix, verdicts: &Verdicts) -> Value {
    let servers = matrix.servers.iter().map(|it| {
        json!({ "server": it.product.word(), "name": it.product.name(), "version": it.version })
    });
    let rows = matrix.rows.iter().map(|row| {
        let cells = matrix.servers.iter().zip(&row.cells);
        let cells = cells.map(|(server, cell)| {
            let mut outcome = outcome(cell, verdicts);
            if let Some(fields) = outcome.as_object_mut() {
                fields.insert("server".into(), json!(server.product.word()));
            }
            outcome
        });
        json!({
            "scenario": row.name(),
            "path": row.path.display().to_string(),
            "outcomes": cells.collect::<Vec<_>>(),
        })
    });
    json!({
        "servers": servers.collect::<Vec<_>>(),
        "scenarios": rows.collect::<Vec<_>>(),
    })
}

fn outcome(cell: &Cell, verdicts: &Verdicts) -> Value {
    let failed = |outcome, failed: &crate::matrix::survey::Failed| {
        let failures = failed.failures.iter().map(|(text, cause)| {
            let verdict = verdicts.get(*cause);
            json!({
                "text": text,
                "cause": verdict.map(|it| it.cause.as_str()),
                "on_purpose": *cause == Some(Cause::Differs),
                "kind": verdict.map(|it| it.kind.to_string()),
                "rfc": verdict.map(|it| it.rfc.as_slice()),
            })
        });
        json!({
            "outcome": outcome,
            "failures": failures.collect::<Vec<_>>(),
            "transcript": failed.transcript,
        })
    };
    match cell {
        Cell::Passed => json!({ "outcome": "passed" }),
        Cell::Choice(it) => failed("another way", it),
        Cell::Failed(it) if it.is_explained() => failed("failed", it),
        Cell::Failed(it) => failed("unexplained", it),
        Cell::NotExpressible(why) => json!({ "outcome": "not expressible", "reason": why }),
        Cell::NotPlayable(why) => json!({ "outcome": "cannot be played", "reason": why }),
    }
}
