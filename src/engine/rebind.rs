//! Rebind → Reply with extended leases, or silence (RFC 9915 §18.3.5).
//!
//! Any server may answer a Rebind, so one that knows nothing of an IA leaves it to others, unless the
//! configuration says otherwise: a lease of its own pools or hosts can come from nobody else, and where
//! Rapid Commit is allowed, one server answers for all.

use super::admit::{Query, QueryIa};
use super::assign::Client;
use super::draft::Draft;
use super::{DropReason, Engine};
use crate::lease::IaKind;
use crate::wire::{MessageType, StatusCode};

impl Engine {
    pub(super) fn rebind(
        &self,
        query: &Query<'_>,
        draft: &mut Draft,
    ) -> Result<MessageType, DropReason> {
        let client = self.client(query)?;
        let creates = self.interface.as_ref().is_some_and(|it| it.rapid_commit);
        let mut known = false;
        for ia in query.ias() {
            draft.begin_ia(&ia.key(client.duid));
            if self.extend_binding(query, &client, &ia, draft) {
                known = true;
            } else if creates && client.has_source(ia.kind) {
                self.create_binding(query, &client, &ia, draft);
                self.zero_misplaced(&client, &ia, draft);
                known = true;
            } else if self.reclaim(&client, &ia, draft) {
                known = true;
            } else {
                // Only said if there is anything to say about another IA of the message.
                draft.set_ia_status(StatusCode::NO_BINDING);
            }
        }
        if !known {
            return Err(DropReason::NothingToAnswer);
        }
        draft.with_options = true;
        Ok(MessageType::REPLY)
    }

    /// Answers an IA without a binding from what is certain: a listed lease that is the client's to have is
    /// granted, one that it must not use is shown with lifetimes 0. Says whether there was any.
    fn reclaim(&self, client: &Client<'_>, ia: &QueryIa<'_>, draft: &mut Draft) -> bool {
        self.assign_listed(client, ia, draft);
        self.zero_misplaced(client, ia, draft);
        draft.says_in_ia()
    }

    /// Shows listed leases that the client must not use with lifetimes 0: addresses that do not fit its link,
    /// and what somebody else has. Beside a new lease only the former may stand (RFC 9915 §18.3.5).
    fn zero_misplaced(&self, client: &Client<'_>, ia: &QueryIa<'_>, draft: &mut Draft) {
        let granted = draft.grants_in_ia();
        for prefix in ia.leases() {
            let off_link = ia.kind == IaKind::Na && self.fits_link(client, prefix) == Some(false);
            if off_link || (!granted && self.is_anothers(client, prefix)) {
                draft.zero(prefix);
            }
        }
    }
}
