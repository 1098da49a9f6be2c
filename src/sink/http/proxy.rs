//! Selection of a proxy by the variables that curl documents: `http_proxy` (lower case only: a CGI script gets the
//! client's `Proxy` header as HTTP_PROXY), `https_proxy`, HTTPS_PROXY, `all_proxy`, ALL_PROXY, `no_proxy`, NO_PROXY.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use ureq::{Proxy, ProxyProtocol};

/// Default port, as curl has it; 443 for an `https://` proxy.
const PORT: u16 = 1080;

#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub proxy: Proxy,
    pub variable: &'static str,
}

/// Proxy for a host, unless NO_PROXY excludes it. Errors omit the value of the variable, which may contain a password.
pub(super) fn choose(
    scheme: &str,
    host: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Chosen>, String> {
    let own: &[&'static str] = match scheme {
        "https" => &["https_proxy", "HTTPS_PROXY"],
        _ => &["http_proxy"],
    };
    let names = own.iter().chain(&["all_proxy", "ALL_PROXY"]);
    let Some((variable, value)) = names.into_iter().find_map(|name| Some((*name, env(name)?)))
    else {
        return Ok(None);
    };
    let except = env("no_proxy").or_else(|| env("NO_PROXY")).unwrap_or_default();
    // An empty variable means no proxy, and ends the search.
    if value.trim().is_empty() || is_excepted(host, &except) {
        return Ok(None);
    }
    let proxy = parse(value.trim()).map_err(|why| format!("{variable} {why}"))?;
    Ok(Some(Chosen { proxy, variable }))
}

/// `[SCHEME://][USER[:PASSWORD]@]HOST[:PORT]`.
fn parse(text: &str) -> Result<Proxy, String> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let protocol = match scheme.to_ascii_lowercase().as_str() {
        "http" => ProxyProtocol::Http,
        "https" => ProxyProtocol::Https,
        "socks4" => ProxyProtocol::Socks4,
        "socks4a" => ProxyProtocol::Socks4A,
        "socks5" | "socks" => ProxyProtocol::Socks5,
        "socks5h" => ProxyProtocol::Socks5h,
        _ => {
            return Err(
                "names a kind of proxy that is not supported: write http://, https://, socks5:// or socks5h:// before the host"
                    .to_owned(),
            );
        }
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let (user, place) = split_user(authority);
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (place, None),
    };
    let port = match (port, protocol) {
        (Some(port), _) => port.parse().ok(),
        (None, ProxyProtocol::Https) => Some(443),
        (None, _) => Some(PORT),
    };
    let wrong = || "is not the address of a proxy: write http://HOST:PORT".to_owned();
    let mut builder = Proxy::builder(protocol).host(host).port(port.ok_or_else(wrong)?);
    if let Some((name, password)) = user {
        builder = builder.username(&name).password(&password);
    }
    if host.is_empty() { Err(wrong()) } else { builder.build().map_err(|_| wrong()) }
}

/// Name and password of the user, decoded, and the host of an authority.
pub(super) fn split_user(authority: &str) -> (Option<(String, String)>, &str) {
    let Some((user, host)) = authority.rsplit_once('@') else { return (None, authority) };
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    (Some((decoded(name), decoded(password))), host)
}

/// Matches NO_PROXY: `*`, a domain with its subdomains, an address, or a CIDR block, separated by commas or blanks.
fn is_excepted(host: &str, except: &str) -> bool {
    if except.trim() == "*" {
        return true;
    }
    let host = host.trim_start_matches('[').trim_end_matches([']', '.']).to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    let entries = except.split([',', ' ', '\t', '\n']).filter(|entry| !entry.is_empty());
    entries.into_iter().any(|entry| match address {
        Some(address) => is_in_block(address, entry),
        None => {
            let domain = entry.trim_start_matches('.').trim_end_matches('.').to_ascii_lowercase();
            let front = host.strip_suffix(domain.as_str());
            !domain.is_empty()
                && front.is_some_and(|front| front.is_empty() || front.ends_with('.'))
        }
    })
}

fn is_in_block(address: IpAddr, entry: &str) -> bool {
    let (network, bits) = match entry.split_once('/') {
        Some((network, bits)) => (network, Some(bits)),
        None => (entry, None),
    };
    let Ok(network) = network.trim_matches(['[', ']']).parse::<IpAddr>() else { return false };
    let (a, b, most) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return false,
    };
    let bits = bits.map_or(Some(most), |bits| bits.parse().ok().filter(|n: &u32| *n <= most));
    bits.is_some_and(|bits| (a ^ b).checked_shr(most - bits).unwrap_or_default() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(scheme: &str, host: &str, env: &[(&str, &str)]) -> Option<String> {
        let env = |name: &str| {
            let found = env.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let chosen = choose(scheme, host, &env).unwrap_or_else(|why| panic!("{why}"))?;
        let Chosen { proxy, variable } = chosen;
        Some(format!("{variable} {:?} {}:{}", proxy.protocol(), proxy.host(), proxy.port()))
    }

    #[test]
    fn each_scheme_has_its_variable_as_curl_reads_them() {
        let all = [
            ("https_proxy", "http://a:1"),
            ("HTTPS_PROXY", "b:2"),
            ("http_proxy", "c"),
            ("HTTP_PROXY", "d:4"),
            ("ALL_PROXY", "socks5://e"),
        ];
        let is = |scheme, env: &[(&str, &str)], want: Option<&str>| {
            assert_eq!(chosen(scheme, "h", env).as_deref(), want, "{scheme} {env:?}");
        };
        is("https", &all, Some("https_proxy Http a:1"));
        is("https", &all[1..], Some("HTTPS_PROXY Http b:2"));
        is("http", &all, Some("http_proxy Http c:1080"));
        is("http", &all[3..], Some("ALL_PROXY Socks5 e:1080"));
        is("http", &all[3..4], None);
        is("https", &all[2..4], None);
        is("http", &[("http_proxy", ""), ("all_proxy", "x:1")], None);
        is("https", &[("all_proxy", "HTTPS://u:p@x")], Some("all_proxy Https x:443"));
        is("http", &[("http_proxy", "[::1]:3128")], Some("http_proxy Http [::1]:3128"));
    }

    #[test]
    fn no_proxy_excepts_domains_addresses_and_blocks() {
        for (host, except, excepted) in [
            ("h.example", "*", true),
            ("h.example", "a.b, h.example", true),
            ("h.example", "a.b h.example", true),
            ("h.example", "example", true),
            ("h.example", ".example", true),
            ("example", ".example", true),
            ("notexample", "example", false),
            ("H.Example.", "h.EXAMPLE", true),
            ("h.example", "*.example", false),
            ("h.example", "", false),
            ("127.0.0.1", "127.0.0.0/8", true),
            ("127.0.0.1", "10.0.0.0/8 ,127.0.0.1", true),
            ("10.1.2.3", "10.1.2.0/24", true),
            ("10.1.3.3", "10.1.2.0/24", false),
            ("10.1.3.3", "0.0.0.0/0", true),
            ("10.1.3.3", "10.1.3.3/33", false),
            ("[::1]", "::1", true),
            ("[fd00::1]", "fd00::/8", true),
            ("[fd00::1]", "[fe80::]/10", false),
            ("1.2.3.4", "3.4", false),
        ] {
            assert_eq!(is_excepted(host, except), excepted, "{host} {except}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_said_without_its_password() {
        let env =
            |value: &'static str| move |name: &str| (name == "all_proxy").then(|| value.to_owned());
        for value in
            ["quic://u:SECRET@h", "http://u:SECRET@h:port", "http://u:SECRET@", "u:SECRET@h h"]
        {
            let why = choose("http", "h", &env(value)).unwrap_err();
            assert!(why.starts_with("all_proxy ") && !why.contains("SECRET"), "{why}");
        }
    }
}
