//! What is known of text itself: how channels count it, how Markdown is built, where it may be cut. Pure, and about text
//! alone: nothing here knows an event.

pub mod cut;
pub(crate) mod escapes;
pub(crate) mod glob;
mod inline;
mod markdown;
mod prefix;
pub mod units;
