//! Names of the values of an enum, for command lines, files and messages.

/// An enum whose values have names.
pub trait Named: Copy + PartialEq + Send + Sync + 'static {
    /// Name, help and value, in the order in which they are listed.
    const ALL: &'static [(&'static str, &'static str, Self)];

    /// Name of the value; empty for one that is not listed.
    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(.., value)| *value == self).map_or("", |(name, ..)| name)
    }

    /// The value of this name.
    fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, ..)| *known == name).map(|(.., value)| *value)
    }
}
