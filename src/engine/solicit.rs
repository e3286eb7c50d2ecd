//! Solicit → Advertise, or Reply with Rapid Commit (RFC 9915 §18.3.1, §18.3.9).

use super::admit::Query;
use super::authenticate::RapidCommit;
use super::draft::Draft;
use super::{DropReason, Engine};
use crate::wire::{MessageType, OptionCode};

impl Engine {
    pub(super) fn solicit(
        &self,
        query: &Query<'_>,
        draft: &mut Draft,
    ) -> Result<MessageType, DropReason> {
        let client = self.client(query)?;
        for ia in query.ias() {
            self.obtain(query, &client, &ia, draft);
        }
        draft.with_options = true;
        let allowed = self.interface.as_ref().is_some_and(|it| it.rapid_commit);
        let asked = query
            .options
            .first(OptionCode::RAPID_COMMIT)
            .is_some_and(<[u8]>::is_empty);
        // With nothing to give, an Advertise says so and leaves the client to other servers.
        if allowed && asked && (draft.grants() || query.ias().next().is_none()) {
            match draft.session.rapid_commit {
                RapidCommit::Granted => {
                    draft.rapid_commit = true;
                    return Ok(MessageType::REPLY);
                }
                RapidCommit::Deferred => {}
                RapidCommit::Refused => return Err(DropReason::Unauthenticated),
            }
        }
        // An offer promises nothing (RFC 9915 §18.3.2).
        draft.drop_changes();
        draft.preference = self.interface.as_ref().and_then(|it| it.preference);
        Ok(MessageType::ADVERTISE)
    }
}
