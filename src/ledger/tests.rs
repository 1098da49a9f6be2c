//! Lanes under virtual time; the scenarios against the real store are in tests/it/ledger.rs.
