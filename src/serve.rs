//! HTTP server in front of background runs, without IO: who may ask, what may be started, requests, frames, and the list of
//! routes.

pub mod agents;
pub mod conversation;
pub mod doors;
pub mod index;
pub mod only;
pub mod openapi;
pub mod place;
pub mod request;
pub mod routes;
pub mod sse;
pub mod webhook;
