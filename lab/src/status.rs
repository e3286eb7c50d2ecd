//! The exit statuses of every command of the lab.

/// Everything went as it should.
pub const PASSED: u8 = 0;
/// Something was played or compared, and is not as it should be.
pub const FAILED: u8 = 1;
/// A file cannot be read or written or does not say what it should, or the server does not start with a
/// configuration.
pub const BAD_INPUT: u8 = 2;
/// This machine, or this user on it, lacks what it takes.
pub const LACKING: u8 = 3;
