//! Confirm → Reply whose status says whether the client's addresses fit its link (RFC 9915 §18.3.3).
//!
//! A test of the link, not of bindings: none is needed, looked at or refreshed, and IA_PDs are ignored.

use super::admit::Query;
use super::draft::Draft;
use super::{DropReason, Engine};
use crate::lease::IaKind;
use crate::wire::{MessageType, StatusCode};

impl Engine {
    pub(super) fn confirm(
        &self,
        query: &Query<'_>,
        draft: &mut Draft,
    ) -> Result<MessageType, DropReason> {
        let client = self.client(query)?;
        let mut addresses = query
            .ias()
            .filter(|ia| ia.kind == IaKind::Na)
            .flat_map(|ia| ia.leases())
            .map(|address| self.fits_link(&client, address))
            .peekable();
        if addresses.peek().is_none() {
            return Err(DropReason::NothingToConfirm);
        }
        let mut status = StatusCode::SUCCESS;
        for fits in addresses {
            if !fits.ok_or(DropReason::LinkUnknown)? {
                status = StatusCode::NOT_ON_LINK;
            }
        }
        draft.status = Some(status);
        Ok(MessageType::REPLY)
    }
}
