//! Plain types and pure rules: no I/O, no clock, no environment.

pub(crate) mod anchor;
pub(crate) mod effect;
pub(crate) mod exclude;
pub(crate) mod ids;
pub(crate) mod imports;
pub(crate) mod key;
pub(crate) mod likeness;
pub(crate) mod masked;
pub(crate) mod neutral;
pub(crate) mod paths;
pub(crate) mod pattern;
pub(crate) mod rank;
pub(crate) mod role;
pub(crate) mod shell;
pub(crate) mod signature;
pub(crate) mod skill;
pub(crate) mod stated;
pub(crate) mod subject;
pub(crate) mod suspicion;
pub(crate) mod text;
pub(crate) mod tokens;
pub(crate) mod trajectory;
pub(crate) mod vector;
