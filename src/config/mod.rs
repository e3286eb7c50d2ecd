//! Text → [`Config`]: the only place that knows the `dhcp6s.conf` grammar.

mod model;

pub use model::{Config, Host, Interface, Lifetimes, Options, Pool, PoolUse, Reservation};
