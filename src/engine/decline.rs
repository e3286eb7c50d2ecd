//! Decline → Reply (RFC 9915 §18.3.8): the listed addresses of the client's own bindings rest.

use super::admit::Query;
use super::draft::Draft;
use super::{DropReason, Engine};
use crate::lease::{IaKind, LeaseState};
use crate::wire::MessageType;

/// How long a declined address is given to nobody: a day.
const REST_SECS: u32 = 86_400;

impl Engine {
    pub(super) fn decline(
        &self,
        query: &Query<'_>,
        draft: &mut Draft,
    ) -> Result<MessageType, DropReason> {
        let client = query.client.ok_or(DropReason::NoClientId)?;
        // Prefixes cannot be declined (RFC 9915 §18.2.8).
        let ending = |kind| (kind == IaKind::Na).then_some((LeaseState::Declined, REST_SECS));
        self.give_back(query, client, ending, draft);
        Ok(MessageType::REPLY)
    }
}
