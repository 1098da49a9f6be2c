//! What a sink is called on the command line. Pure: it opens nothing.
