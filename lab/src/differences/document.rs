//! The document: what differs, why, and what could not be compared.

use super::Survey;

/// The text of `docs/differences.md`.
#[must_use]
pub fn document(survey: &Survey) -> String {
    survey.summary()
}
