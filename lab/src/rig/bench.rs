//! Several servers on several links: a rig each, and the lab between them, which hands on what is sent on a link to the
//! servers on it and to no others.

use std::thread;
use std::time::Duration;

use crate::link::Device;
use crate::rig::live::Live;
use crate::rig::server::Program;
use crate::rig::sim::Sim;
use crate::rig::{Change, Datagram, Disk, Event, IaName, Identity, Rig, RigError, Setup};

/// A server of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The number of its link, from 0.
    pub link: u32,
    /// Who it is.
    pub identity: Identity,
    /// Its configuration and addresses.
    pub setup: Setup,
}

/// A rig with these servers, each the engine in process.
///
/// # Errors
/// One does not start.
pub fn sim(places: &[Place]) -> Result<Box<dyn Rig + Send>, RigError> {
    start(places, |it| Sim::start_as(&it.identity, &it.setup))
}

/// A rig with these servers, each a process of its own.
///
/// # Errors
/// There can be no link here, or one does not start.
pub fn live(
    places: &[Place],
    device: Device,
    program: &Program,
) -> Result<Box<dyn Rig + Send>, RigError> {
    start(places, |it| {
        Live::start_as(&it.identity, device, &it.setup, program.clone())
    })
}

fn start<R: Rig + Send + 'static>(
    places: &[Place],
    start: impl Fn(&Place) -> Result<R, RigError>,
) -> Result<Box<dyn Rig + Send>, RigError> {
    if let [only] = places {
        return Ok(Box::new(start(only)?));
    }
    let mut posts = Vec::new();
    for place in places {
        posts.push(Post {
            link: place.link,
            rig: Box::new(start(place)?),
        });
    }
    Ok(Box::new(Bench { posts }))
}

/// Several servers.
struct Bench {
    posts: Vec<Post>,
}

/// One of them, and where it is.
struct Post {
    link: u32,
    rig: Box<dyn Rig + Send>,
}

impl Bench {
    /// What steps mean that name no server.
    fn first(&mut self) -> Result<&mut dyn Rig, RigError> {
        self.server(0)
    }
}

impl Rig for Bench {
    fn name(&self) -> &'static str {
        self.posts.first().map_or("bench", |it| it.rig.name())
    }

    fn server(&mut self, index: usize) -> Result<&mut dyn Rig, RigError> {
        match self.posts.get_mut(index) {
            Some(post) => Ok(post.rig.as_mut()),
            None => Err(RigError(format!("there is no server {index}"))),
        }
    }

    fn deliver(&mut self, datagram: &Datagram) -> Result<(), RigError> {
        let link = datagram.link();
        let on_link = self.posts.iter_mut().filter(|it| it.link == link);
        for post in on_link {
            post.rig.deliver(&datagram.clone().on(0))?;
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<Vec<Event>, RigError> {
        let mut events = Vec::new();
        for post in &mut self.posts {
            for event in post.rig.settle()? {
                events.push(match event {
                    Event::Answer(datagram) => Event::Answer(datagram.on(post.link)),
                    other @ (Event::Drop(_) | Event::Ended(_)) => other,
                });
            }
        }
        Ok(events)
    }

    fn advance(&mut self, time: Duration) -> Result<(), RigError> {
        // Where time is real, it passes for all of them at once.
        thread::scope(|scope| {
            let waits: Vec<_> = self
                .posts
                .iter_mut()
                .map(|post| scope.spawn(|| post.rig.advance(time)))
                .collect();
            waits.into_iter().try_for_each(|it| {
                it.join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        })
    }

    fn crash(&mut self, config: Option<&str>) -> Result<(), RigError> {
        self.first()?.crash(config)
    }

    fn restart(&mut self, config: Option<&str>) -> Result<(), RigError> {
        self.first()?.restart(config)
    }

    fn reload(&mut self, config: &str) -> Result<bool, RigError> {
        self.first()?.reload(config)
    }

    fn remove(&mut self, duid: &[u8], ia: IaName) -> Result<bool, RigError> {
        self.first()?.remove(duid, ia)
    }

    fn disk(&mut self, disk: Disk) -> Result<(), RigError> {
        self.first()?.disk(disk)
    }

    fn interface(&mut self, change: &Change) -> Result<(), RigError> {
        self.first()?.interface(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::AGENTS_AND_SERVERS;
    use std::net::{Ipv6Addr, SocketAddrV6};

    fn places(links: &[u32]) -> Vec<Place> {
        let place = |(index, link): (usize, &u32)| Place {
            link: *link,
            identity: Identity::numbered(u8::try_from(index + 1).expect("a few")),
            setup: Setup {
                config: "interface eth0 { };".into(),
                addresses: Vec::new(),
            },
        };
        links.iter().enumerate().map(place).collect()
    }

    /// An Information-request without anything, to all servers on a link.
    fn question(link: u32) -> Datagram {
        let client = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xc1);
        Datagram {
            source: SocketAddrV6::new(client, 546, 0, 0),
            destination: SocketAddrV6::new(AGENTS_AND_SERVERS, 547, 0, 0),
            payload: vec![11, 0, 0, 1],
        }
        .on(link)
    }

    #[test]
    fn what_is_sent_to_all_reaches_the_servers_on_the_link_and_no_others() {
        let mut bench = sim(&places(&[0, 1, 0])).expect("servers");
        bench.deliver(&question(0)).expect("a link");
        let events = bench.settle().expect("answers");
        let source = |event: &Event| match event {
            Event::Answer(answer) => (*answer.source.ip(), answer.link()),
            Event::Drop(_) | Event::Ended(_) => panic!("{event:?}"),
        };
        let sources: Vec<_> = events.iter().map(source).collect();
        let [first, third] = [1, 3].map(|number| Identity::numbered(number).address());
        assert_eq!(sources, [(first, 0), (third, 0)]);
        bench.deliver(&question(1)).expect("a link");
        let events = bench.settle().expect("answers");
        let sources: Vec<_> = events.iter().map(source).collect();
        assert_eq!(sources, [(Identity::numbered(2).address(), 1)]);
    }

    #[test]
    fn nobody_hears_what_is_sent_on_a_link_without_servers() {
        let mut bench = sim(&places(&[0, 1])).expect("servers");
        bench.deliver(&question(7)).expect("a link");
        assert_eq!(bench.settle().expect("nothing"), []);
    }
}
