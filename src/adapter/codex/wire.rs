//! The lines that carry items, as borrowed structs. Whatever has another shape is read as a value instead.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::codec::Str;

/// Any line of the second and third generation; only its item.
#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(rename = "type", borrow)]
    pub type_: Option<Str<'a>>,
    #[serde(borrow)]
    pub item: Option<Item<'a>>,
}

/// An item, of any type.
#[derive(Debug, Deserialize)]
pub(super) struct Item<'a> {
    #[serde(borrow)]
    pub id: Option<Str<'a>>,
    #[serde(rename = "type", borrow)]
    pub type_: Option<Str<'a>>,
    #[serde(borrow)]
    pub item_type: Option<Str<'a>>,
    #[serde(borrow)]
    pub text: Option<Str<'a>>,
    #[serde(borrow)]
    pub status: Option<Str<'a>>,
    #[serde(borrow)]
    pub command: Option<&'a RawValue>,
    #[serde(borrow)]
    pub aggregated_output: Option<&'a RawValue>,
    pub exit_code: Option<i64>,
    #[serde(borrow)]
    pub changes: Option<&'a RawValue>,
    #[serde(borrow)]
    pub server: Option<Str<'a>>,
    #[serde(borrow)]
    pub tool: Option<Str<'a>>,
    #[serde(borrow)]
    pub arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    pub result: Option<&'a RawValue>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
    #[serde(borrow)]
    pub query: Option<&'a RawValue>,
    #[serde(borrow)]
    pub action: Option<&'a RawValue>,
    #[serde(borrow)]
    pub prompt: Option<&'a RawValue>,
    #[serde(borrow)]
    pub receiver_thread_ids: Option<&'a RawValue>,
    #[serde(borrow)]
    pub agents_states: Option<&'a RawValue>,
}
