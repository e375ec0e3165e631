//! Reads shell commands: what is run, in a form in which two spellings of the same thing agree.
//! Hot.
//!
//! [`normalise`] is the door. Reading never fails: text that is no shell at all becomes one
//! command whose words are what could be cut from it.

mod category;
mod head;
mod lexer;
mod normal;
mod parse;
mod template;
mod wrappers;

pub(crate) use category::Category;
pub(crate) use normal::{Normal, Part, normalise};
