//! Plain types and pure rules: no I/O, no clock, no environment.

pub(crate) mod anchor;
#[cfg(feature = "sync")]
pub(crate) mod clock;
pub(crate) mod dates;
pub(crate) mod effect;
pub(crate) mod exclude;
pub(crate) mod ids;
pub(crate) mod imports;
pub(crate) mod invocation;
pub(crate) mod key;
pub(crate) mod likeness;
pub(crate) mod masked;
pub(crate) mod neutral;
#[cfg_attr(
    not(any(test, feature = "sync")),
    expect(dead_code, reason = "without sharing, nobody writes pages")
)]
pub(crate) mod page;
pub(crate) mod paths;
pub(crate) mod pattern;
pub(crate) mod rank;
pub(crate) mod role;
#[cfg(feature = "sync")]
pub(crate) mod sharing;
pub(crate) mod shell;
pub(crate) mod signature;
pub(crate) mod skill;
pub(crate) mod stated;
pub(crate) mod subject;
pub(crate) mod suspicion;
pub(crate) mod text;
pub(crate) mod tokens;
pub(crate) mod trajectory;
pub(crate) mod trial;
pub(crate) mod vector;
