//! `Follower`: what is to be done about one served interface as the kernel tells of links. Pure.

use super::message::Message;
use super::table::{Condition, Table};
use crate::engine::Link;
use crate::unconfigured::OwnAddress;

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// The interface is there, with that index: the port can be taken on it.
    Attach(u32),
    /// It is gone, and with it all that was attached to it.
    Detach,
    /// It goes by that name now, and is served all the same.
    Renamed(String),
    /// It has other addresses than before.
    Addresses(Link),
    /// Something about its addresses has changed, be it that one is deprecated now.
    Readdressed,
}

/// Follows the interface that has, or had, the name that the operator gave.
#[derive(Debug)]
pub(crate) struct Follower {
    name: String,
    /// The interface that it is now. It stays the same one under another name.
    index: Option<u32>,
    /// What the kernel called it last.
    called: String,
    link: Link,
    own: Vec<OwnAddress>,
}

impl Follower {
    pub(super) fn new(name: &str) -> Self {
        let link = Link {
            name: name.to_owned(),
            ..Link::default()
        };
        Self {
            name: name.to_owned(),
            index: None,
            called: String::new(),
            link,
            own: Vec::new(),
        }
    }

    /// The name that the operator gave.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The interface and the addresses that it has, or had when it was last there: while it is away they are
    /// given to nobody.
    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// The index of the interface while it is there.
    pub(crate) fn index(&self) -> Option<u32> {
        self.index
    }

    /// What follows from a message that the table has taken over.
    pub(super) fn follow(&mut self, message: &Message, table: &Table) -> Vec<Step> {
        let mut steps = Vec::new();
        if let Message::LinkGone(index) = message
            && self.index == Some(*index)
        {
            self.index = None;
            // What it has when it is back is news, even if it is the same.
            self.own.clear();
            steps.push(Step::Detach);
        }
        match self.index {
            None => self.look(table, &mut steps),
            Some(index) => self.look_at(index, table, &mut steps),
        }
        steps
    }

    /// Looks for an interface of that name.
    fn look(&mut self, table: &Table, steps: &mut Vec<Step>) {
        let Some(index) = table.index(&self.name) else {
            return;
        };
        self.index = Some(index);
        self.called = table.name(index).unwrap_or_default().to_owned();
        steps.push(Step::Attach(index));
        self.look_at(index, table, steps);
    }

    fn look_at(&mut self, index: u32, table: &Table, steps: &mut Vec<Step>) {
        if let Some(called) = table.name(index)
            && called != self.called
        {
            called.clone_into(&mut self.called);
            steps.push(Step::Renamed(called.to_owned()));
        }
        if let Some(link) = table.link(&self.name, index)
            && link != self.link
        {
            self.link = link.clone();
            steps.push(Step::Addresses(link));
        }
        let own = table.own(index);
        if own != self.own {
            self.own = own;
            steps.push(Step::Readdressed);
        }
    }

    /// What it waits for; `None` while that is being found out.
    pub(super) fn condition(&self, table: &Table) -> Option<Condition> {
        match self.index {
            None => Some(Condition::Absent),
            Some(index) => table.condition(index),
        }
    }
}
