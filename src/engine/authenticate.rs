//! Delayed authentication (RFC 3315 §21.4): which messages of a client with a key are good, and signing the answers.
//!
//! RFC 9915 has dropped the protocol. It is here for `host` statements with `delayedkey`, which the original
//! server knows; other clients do not notice it.
//!
//! | message of a host with a key | Solicit | Request, Renew, Rebind, Release, Decline, Confirm |
//! |---|---|---|
//! | without authentication | Advertise, not signed | as without a key |
//! | the same, once the client has authenticated | Advertise, not signed | dropped: `unauthenticated` |
//! | the same, with `required` | dropped: `unauthenticated` | dropped: `unauthenticated` |
//! | authentication without information | signed Advertise | dropped: `authentication-failed` |
//! | another realm or key id, or a wrong MAC | signed Advertise | dropped: `authentication-failed` |
//! | an expired key | dropped: `key-expired` | dropped: `key-expired` |
//! | good, but no newer than an earlier one | signed Advertise | dropped: `replayed` |
//! | good | signed Advertise | signed Reply, and the counter moves |
//!
//! *Authentication* means an option for this protocol with algorithm 1 and replay detection method 0. Any other
//! counts as none: what somebody else understands by it is not ours to refuse. Without a key for the client a
//! Solicit is answered as if the option were not there, and any other message that has one is dropped, because
//! the server does not know the key (§21.4.5.2).
//!
//! - **A Solicit is not checked.** The client cannot know which key the server will choose, so its first
//!   message has nothing to check (§21.4.4.1), and a client that was installed anew, or lost its key, must be able
//!   to begin. An Advertise promises nothing and changes nothing. With Rapid Commit it would: so a client that has
//!   asked for authentication gets a signed Advertise instead of a Reply and goes on with a Request, and an
//!   unauthenticated Solicit that would commit is refused where an unauthenticated Request is.
//! - **An Information-request is answered as any other**, without authentication. The answer has the options that
//!   everybody gets, and nothing changes. The original server does the same.
//! - **An expired key signs nothing** (§21.4.3). That the client is silent until it has a new key is what an end
//!   of its lifetime is for.
//! - **The counter moves with the answer.** It is a change like that of a lease: the answer leaves when it is
//!   durable, so a message that was answered is never accepted again, not after a crash either. A message that is
//!   dropped moves nothing. That the client has authenticated once is known by its counter,
//!   whichever key that is of: a new key opens no door for whoever has none.
//!
//! What the server counts: the value is the time as an NTP timestamp in whole seconds, in the upper half, and at
//! least one more than the last Reply's, so that it grows if the clock steps back. A Reply takes the next
//! multiple of [`REPLY_STEP`] above that. Advertise messages, which leave no trace, take what lies in between: a
//! Reply is above all of them even if a crash made the server forget the last Reply but one. Two
//! Advertise messages within a second have the same value; the client goes on with one of them.

use super::admit::{Kind, Query};
use super::draft::Draft;
use super::{DropReason, Engine};
use crate::config::{Key, KeyUse};
use crate::lease::counter::is_newer;
use crate::lease::{Fingerprint, ReplayCounter, Secret, Timestamp};
use crate::wire::{Authentication, DelayedInformation, OptionCode, Options, Writer};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::Sha256;

/// From 1900, where NTP begins, to 1970, in seconds (RFC 5905 §6).
const NTP_OFFSET_SECS: u64 = 2_208_988_800;
/// The values of Replies are multiples of this; those between are for Advertise messages.
const REPLY_STEP: u64 = 1 << 16;

/// The keys of the configuration, ready for use.
#[derive(Clone, Debug)]
pub(super) struct Authenticator {
    /// HMAC-SHA-256 with the server's secret already absorbed.
    fingerprints: Hmac<Sha256>,
    /// At the positions of `config.keys`.
    keys: Vec<ReadyKey>,
}

#[derive(Clone, Debug)]
struct ReadyKey {
    /// HMAC-MD5 with the key already absorbed.
    keyed: Hmac<Md5>,
    fingerprint: Fingerprint,
}

impl Authenticator {
    /// Takes these keys into use.
    pub(super) fn new(secret: &Secret, keys: &[Key]) -> Self {
        let fingerprints =
            Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
        let mut authenticator = Self {
            fingerprints,
            keys: Vec::new(),
        };
        authenticator.set_keys(keys);
        authenticator
    }

    /// Takes these keys into use instead.
    pub(super) fn set_keys(&mut self, keys: &[Key]) {
        let ready = keys.iter().map(|key| ReadyKey {
            keyed: Hmac::new_from_slice(&key.secret.0).expect("HMAC takes keys of any length"),
            fingerprint: self.fingerprint(key),
        });
        self.keys = ready.collect();
    }

    /// The name of the key does not belong to it: renamed, it is the same key.
    fn fingerprint(&self, key: &Key) -> Fingerprint {
        let mut mac = self.fingerprints.clone();
        mac.update(b"keyinfo");
        mac.update(&key.id.to_be_bytes());
        mac.update(&(key.realm.len() as u64).to_be_bytes());
        mac.update(&key.realm);
        mac.update(&key.secret.0);
        let digest = mac.finalize().into_bytes();
        digest.first_chunk().copied().unwrap_or_default()
    }

    /// Whether the MAC of a message was made with that key. Takes the same time wherever it differs.
    fn is_authentic(
        &self,
        key: usize,
        (ahead, behind): (&[u8], &[u8]),
        mac: &[u8; Authentication::MAC_LEN],
    ) -> bool {
        let Some(ready) = self.keys.get(key) else {
            return false;
        };
        let mut keyed = ready.keyed.clone();
        keyed.update(ahead);
        keyed.update(&[0; Authentication::MAC_LEN]);
        keyed.update(behind);
        keyed.verify_slice(mac).is_ok()
    }

    /// The MAC of a message in which there are zeros in its place.
    fn mac(&self, key: usize, message: &[u8]) -> [u8; Authentication::MAC_LEN] {
        let Some(ready) = self.keys.get(key) else {
            return Default::default();
        };
        let mut keyed = ready.keyed.clone();
        keyed.update(message);
        keyed.finalize().into_bytes().into()
    }
}

/// What authentication means for a message and its answer.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Session {
    /// What comes of Rapid Commit.
    pub(super) rapid_commit: RapidCommit,
    /// The key that the answer is signed with, and what its replay detection field says.
    signature: Option<(usize, u64)>,
    /// How far the client has counted once it is answered.
    pub(super) counter: Option<ReplayCounter>,
}

/// What comes of a Solicit that could be answered with a Reply.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum RapidCommit {
    /// That Reply.
    #[default]
    Granted,
    /// An Advertise: the Request that follows will say who it is from.
    Deferred,
    /// Nothing.
    Refused,
}

/// What a message says about who it is from.
enum Claim<'a> {
    /// Nothing that is understood here.
    None,
    /// That the client wants to authenticate.
    Wish,
    /// That it is authentic; without information if that cannot be read.
    Proof(u64, Option<DelayedInformation<'a>>),
}

impl<'a> Claim<'a> {
    fn read(options: Options<'a>) -> Self {
        let option = options.first(OptionCode::AUTHENTICATION);
        let Some(Ok(option)) = option.map(Authentication::read) else {
            return Self::None;
        };
        match (option.protocol, option.algorithm, option.method) {
            (Authentication::DELAYED, Authentication::HMAC_MD5, Authentication::MONOTONIC) => {}
            _ => return Self::None,
        }
        match option.information {
            [] => Self::Wish,
            information => Self::Proof(option.replay, DelayedInformation::read(information).ok()),
        }
    }
}

impl Engine {
    /// What authentication means for this message.
    ///
    /// # Errors
    /// The message is not good enough for what it asks.
    pub(super) fn authenticate(
        &self,
        query: &Query<'_>,
        draft: &mut Draft,
    ) -> Result<(), DropReason> {
        if query.kind == Kind::InformationRequest {
            return Ok(());
        }
        let claim = Claim::read(query.options);
        let Some((key_use, key)) = self.key_of(query) else {
            return match claim {
                Claim::Wish | Claim::Proof(..) if query.kind != Kind::Solicit => {
                    Err(DropReason::AuthenticationFailed)
                }
                Claim::None | Claim::Wish | Claim::Proof(..) => Ok(()),
            };
        };
        let counter = self.counter(query, key_use);
        // Whoever has used an older key has shown that it can: a new key opens no door for others.
        let is_proven = query
            .client
            .is_some_and(|it| self.table.counter(&it).is_some());
        match (query.kind, claim) {
            (_, Claim::None) if key_use.required => Err(DropReason::Unauthenticated),
            (Kind::Solicit, Claim::None) => {
                if is_proven {
                    draft.session.rapid_commit = RapidCommit::Refused;
                }
                Ok(())
            }
            (_, Claim::None) if is_proven => Err(DropReason::Unauthenticated),
            (_, Claim::None) => Ok(()),
            (Kind::Solicit, Claim::Wish | Claim::Proof(..)) => {
                let now = in_force(key, draft.now())?;
                let sent = counter.map_or(now, |it| at_least(now, it.sent.wrapping_add(1)));
                draft.session.rapid_commit = RapidCommit::Deferred;
                draft.session.signature = Some((key_use.key, sent));
                Ok(())
            }
            (_, Claim::Wish | Claim::Proof(_, None)) => Err(DropReason::AuthenticationFailed),
            (_, Claim::Proof(received, Some(information))) => {
                let other = (information.realm, information.key_id) != (&key.realm, key.id);
                if other {
                    return Err(DropReason::AuthenticationFailed);
                }
                let now = in_force(key, draft.now())?;
                let authentic = query
                    .message
                    .around_mac()
                    .is_some_and(|it| self.keys.is_authentic(key_use.key, it, information.mac));
                if !authentic {
                    return Err(DropReason::AuthenticationFailed);
                }
                if counter.is_some_and(|it| !is_newer(received, it.received)) {
                    return Err(DropReason::Replayed);
                }
                let last = counter.map_or(now, |it| at_least(now, it.sent));
                let sent = (last | (REPLY_STEP - 1)).wrapping_add(1);
                draft.session.signature = Some((key_use.key, sent));
                draft.session.counter = self.next_counter(query, key_use, received, sent);
                Ok(())
            }
        }
    }

    /// The key of the client, if there is one.
    fn key_of(&self, query: &Query<'_>) -> Option<(KeyUse, &Key)> {
        if self.config.keys.is_empty() {
            return None;
        }
        let index = self.hosts.get(&query.client?)?;
        let key_use = self.config.hosts.get(*index)?.key?;
        Some((key_use, self.config.keys.get(key_use.key)?))
    }

    /// How far the client has counted with its present key; `None` if it has never authenticated with it.
    fn counter(&self, query: &Query<'_>, key_use: KeyUse) -> Option<&ReplayCounter> {
        let ready = self.keys.keys.get(key_use.key)?;
        let counter = self.table.counter(&query.client?)?;
        (counter.key == ready.fingerprint).then_some(counter)
    }

    fn next_counter(
        &self,
        query: &Query<'_>,
        key_use: KeyUse,
        received: u64,
        sent: u64,
    ) -> Option<ReplayCounter> {
        Some(ReplayCounter {
            duid: query.client?,
            key: self.keys.keys.get(key_use.key)?.fingerprint,
            received,
            sent,
        })
    }

    /// Ends the message at hand with a signature, if it gets one.
    pub(super) fn sign(&self, session: &Session, writer: &mut Writer<'_>) {
        let Some((index, sent)) = session.signature else {
            return;
        };
        if let Some(key) = self.config.keys.get(index) {
            writer.delayed_authentication(sent, &key.realm, key.id, |message| {
                self.keys.mac(index, message)
            });
        }
    }
}

/// The NTP timestamp of now, if a key may be used now.
fn in_force(key: &Key, now: Timestamp) -> Result<u64, DropReason> {
    if now > key.expires {
        return Err(DropReason::KeyExpired);
    }
    // In 2036 the seconds begin again, which is why values are compared the way they are.
    Ok(now.0.wrapping_add(NTP_OFFSET_SECS) << 32)
}

/// The value, or the bound if that is newer.
fn at_least(value: u64, bound: u64) -> u64 {
    if is_newer(bound, value) { bound } else { value }
}
