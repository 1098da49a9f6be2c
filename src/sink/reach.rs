//! Addresses that requests may go to. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Range of addresses to connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Every address, through the proxy that the environment names.
    #[default]
    Any,
    /// Public addresses, without a proxy.
    Public,
    /// Public and private addresses, without a proxy.
    Private,
}

impl Reach {
    /// True if a connection to this address is allowed.
    pub fn admits(self, address: IpAddr) -> bool {
        match (self, scope(address)) {
            (Reach::Any, _) | (_, Scope::Public) => true,
            (Reach::Private, Scope::Private) => true,
            (Reach::Public, Scope::Private) | (_, Scope::Never) => false,
        }
    }
}

/// Kind of an address by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Public,
    /// Loopback, or an address of a private network.
    Private,
    /// Link-local, unspecified, multicast or reserved.
    Never,
}

fn scope(address: IpAddr) -> Scope {
    match address {
        IpAddr::V4(address) => scope_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(address) => scope_v4(address),
            None => scope_v6(address),
        },
    }
}

fn scope_v4(address: Ipv4Addr) -> Scope {
    match address.octets() {
        [0 | 224..=255, ..] | [169, 254, ..] => Scope::Never,
        [10 | 127, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [100, 64..=127, ..]
        | [192, 0, 0, _]
        | [198, 18..=19, ..] => Scope::Private,
        _ => Scope::Public,
    }
}

fn scope_v6(address: Ipv6Addr) -> Scope {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Scope::Private,
        [0, 0, 0, 0, 0, 0, 0, 0] => Scope::Never,
        // Link-local and multicast.
        [0xfe80..=0xfebf | 0xff00..=0xffff, ..] => Scope::Never,
        // Unique local and the older site-local.
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Scope::Private,
        // NAT64 of a local network, and Teredo.
        [0x64, 0xff9b, 1, ..] | [0x2001, 0, ..] => Scope::Private,
        _ => Scope::Public,
    }
}

/// IPv4 address inside an IPv6 one: mapped, translated, compatible, NAT64 (RFC 6052) or 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_addresses_are_never_reached_and_private_ones_if_that_is_allowed() {
        let never = [
            "169.254.169.254",
            "169.254.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "::ffff:169.254.169.254",
            "::ffff:0:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0.0.0.0",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
        ];
        let private = [
            "127.0.0.1",
            "127.8.8.8",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.0.1",
            "192.0.0.1",
            "198.18.0.1",
            "::1",
            "fc00::1",
            "fd00:ec2::254",
            "fec0::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:c0a8:101::1",
            "2001::1",
        ];
        let public = [
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "192.167.0.1",
            "169.253.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ];
        for (addresses, by_public, by_private) in
            [(&never[..], false, false), (&private, false, true), (&public, true, true)]
        {
            for address in addresses {
                let parsed: IpAddr = address.parse().unwrap();
                assert_eq!(Reach::Public.admits(parsed), by_public, "{address}");
                assert_eq!(Reach::Private.admits(parsed), by_private, "{address}");
                assert!(Reach::Any.admits(parsed));
            }
        }
    }
}
