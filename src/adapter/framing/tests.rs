//! Framing in small; and the property that slices change nothing.
