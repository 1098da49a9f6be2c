//! What gateways do, in small.
