//! HTTP client of sinks and replay: trust, proxy and credentials. Credentials are never shown.

use std::sync::Arc;
use std::{env, io};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::ClientConfig;
use ureq::config::ConfigBuilder;
use ureq::http::{HeaderName, HeaderValue, Uri};
use ureq::typestate::AgentScope;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, SocksConnector,
    TcpConnector, Transport,
};
use ureq::{Agent, Proxy, ProxyProtocol};

use super::super::access::Access;
use super::super::reach::Reach;
use super::LONG;
use super::proxy::{self, Chosen, split_user};
use super::trust::{self, Tls};

#[derive(Debug)]
pub struct Client {
    pub agent: Agent,
    pub url: Uri,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    secrets: Vec<String>,
    proxy: Option<&'static str>,
}

impl Client {
    pub fn new(
        url: &str,
        access: &Access,
        config: ConfigBuilder<AgentScope>,
    ) -> Result<Self, String> {
        let (url, user) = parse(url)?;
        let mut secrets = Vec::new();
        let mut headers = Vec::new();
        if let Some((name, password)) = &user {
            let basic = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
            headers.push(field("Authorization", &basic)?);
            secrets.extend([password.clone(), basic]);
        }
        for header in &access.headers {
            let value = header.value.read()?;
            headers.retain(|(name, _)| !name.as_str().eq_ignore_ascii_case(&header.name));
            headers.push(field(&header.name, &format!("{}{value}", header.before))?);
            secrets.push(value);
        }
        let (scheme, host) = (url.scheme_str().unwrap_or_default(), url.host().unwrap_or_default());
        // A proxy would resolve the name by itself.
        let chosen = match access.reach {
            Reach::Any => proxy::choose(scheme, host, &|name| env::var(name).ok())?,
            Reach::Public | Reach::Private => None,
        };
        let secure = |chosen: &Chosen| chosen.proxy.protocol() == ProxyProtocol::Https;
        let tls = scheme == "https" || chosen.as_ref().is_some_and(secure);
        let tls = tls.then(|| trust::config(access.ca.as_deref())).transpose()?;
        let variable = chosen.as_ref().map(|chosen| chosen.variable);
        let config = config
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("spile/", env!("CARGO_PKG_VERSION")));
        let agent = match (scheme, chosen) {
            ("http", Some(Chosen { proxy, variable })) if is_http(&proxy) => {
                if proxy.protocol() == ProxyProtocol::Https {
                    return Err(format!(
                        "{variable} names an https:// proxy, which takes no http:// address: write http://HOST:PORT"
                    ));
                }
                if let Some(name) = proxy.username() {
                    let password = proxy.password().unwrap_or_default();
                    let basic = STANDARD.encode(format!("{name}:{password}"));
                    headers.push(field("Proxy-Authorization", &format!("Basic {basic}"))?);
                }
                forwarding(config, &url, &proxy)
            }
            (_, chosen) => {
                let config = config.proxy(chosen.map(|chosen| chosen.proxy));
                direct(config, tls, access.reach)
            }
        };
        secrets.extend(url.query().map(str::to_owned));
        let parts = url.path().split('/').filter(|part| part.len() >= LONG);
        secrets.extend(parts.map(str::to_owned));
        secrets.retain(|secret| secret.len() > 3);
        Ok(Self { agent, url, headers, secrets, proxy: variable })
    }

    pub fn clean(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    pub fn reason(&self, error: &ureq::Error) -> String {
        let why = match error {
            ureq::Error::BadUri(_) => "is no URL".to_owned(),
            ureq::Error::Rustls(e @ rustls::Error::InvalidCertificate(_)) => {
                format!("{e} (SSL_CERT_FILE, or an option ca, names a file with the CA to trust)")
            }
            e => e.to_string(),
        };
        let through = self.proxy.map(|name| format!(" (through the proxy of {name})"));
        self.clean(&format!("{why}{}", through.unwrap_or_default()))
    }
}

/// Agent that sends every request to an HTTP proxy.
fn forwarding(config: ConfigBuilder<AgentScope>, url: &Uri, proxy: &Proxy) -> Agent {
    let origin = url.authority().map(ToString::to_string).unwrap_or_default();
    let connector = TcpConnector::default().chain(Forward { origin });
    let config = config.proxy(None).max_idle_connections(0).build();
    Agent::with_parts(config, connector, To(proxy.uri().clone(), DefaultResolver::default()))
}

/// Agent that connects to the host itself, through a tunnel if a proxy is configured.
fn direct(
    config: ConfigBuilder<AgentScope>,
    tls: Option<Arc<ClientConfig>>,
    reach: Reach,
) -> Agent {
    // Each request of a limited reach resolves its name anew.
    let config = if reach == Reach::Any { config } else { config.max_idle_connections(0) };
    let tunnel = ().chain(SocksConnector::default()).chain(ConnectProxyConnector::default());
    let (config, connector) = (config.build(), tunnel.chain(TcpConnector::default()));
    let resolver = Checked(reach, DefaultResolver::default());
    match tls {
        Some(tls) => Agent::with_parts(config, connector.chain(Tls(tls)), resolver),
        None => Agent::with_parts(config, connector, resolver),
    }
}

fn is_http(proxy: &Proxy) -> bool {
    matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https)
}

/// Builds a header field; an invalid value is not repeated.
fn field(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let parsed = name.parse().ok().zip(value.parse::<HeaderValue>().ok());
    let (name, mut value) = parsed.ok_or_else(|| {
        format!("the value of header {name} has characters that no header can have")
    })?;
    value.set_sensitive(true);
    Ok((name, value))
}

type User = (String, String);

/// Separates a URL from its user.
fn parse(text: &str) -> Result<(Uri, Option<User>), String> {
    let (scheme, rest) = text.split_once("://").ok_or("is no URL")?;
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, host) = split_user(authority);
    if host.is_empty() || host.starts_with(':') {
        return Err("is no URL: it has no host".to_owned());
    }
    let slash = if path.starts_with('/') { "" } else { "/" };
    let url = format!("{}://{host}{slash}{path}", scheme.to_ascii_lowercase());
    let url: Uri = url.parse().map_err(|e| format!("is no URL: {e}"))?;
    Ok((url, user))
}

/// Resolver that leaves out addresses that are not allowed. What it returns is connected to, and nothing else.
#[derive(Debug)]
struct Checked(Reach, DefaultResolver);

impl Resolver for Checked {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.1.resolve(uri, config, timeout)?;
        let mut admitted = self.empty();
        for address in found.iter().filter(|address| self.0.admits(address.ip())) {
            admitted.push(*address);
        }
        if admitted.is_empty() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, refused(self.0)).into());
        }
        Ok(admitted)
    }
}

/// Reason why an address is not allowed.
pub(super) fn refused(reach: Reach) -> &'static str {
    match reach {
        Reach::Public => {
            "its address is not allowed: it is private (--webhook-private allows that), link-local or none of a host"
        }
        Reach::Any | Reach::Private => {
            "its address is not allowed: it is link-local or none of a host"
        }
    }
}

/// Resolver that returns the proxy for every host.
#[derive(Debug)]
struct To(Uri, DefaultResolver);

impl Resolver for To {
    fn resolve(
        &self,
        _: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        self.1.resolve(&self.0, config, timeout)
    }
}

/// Rewrites the request target to an absolute URL, as a proxy requires (RFC 9112, 3.2.2).
#[derive(Debug)]
struct Forward {
    origin: String,
}

impl<In: Transport> Connector<In> for Forward {
    type Out = Forwarded<In>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let before = Some(format!("http://{}", self.origin));
        Ok(chained.map(|inner| Forwarded { inner, before }))
    }
}

#[derive(Debug)]
struct Forwarded<In> {
    inner: In,
    /// Prefix of the request's path, until it is inserted.
    before: Option<String>,
}

impl<In: Transport> Transport for Forwarded<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let Some(before) = self.before.take() else {
            return self.inner.transmit_output(amount, timeout);
        };
        let mut request = self.inner.buffers().output().get(..amount).unwrap_or_default().to_vec();
        let path = request.iter().position(|b| *b == b' ').map_or(0, |at| at + 1);
        request.splice(path..path, before.into_bytes());
        let mut rest = request.as_slice();
        while !rest.is_empty() {
            let room = self.inner.buffers().output();
            let n = rest.len().min(room.len());
            let (now, later) = rest.split_at(n);
            room[..n].copy_from_slice(now);
            self.inner.transmit_output(n, timeout)?;
            rest = later;
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_decoded_and_taken_out_of_the_url() {
        let read = |text| {
            let (url, user) = parse(text).unwrap();
            (url.to_string(), user)
        };
        let user = Some(("a@b".to_owned(), "p:/ ä".to_owned()));
        assert_eq!(
            read("HTTPS://a%40b:p%3A%2F%20%C3%A4@h:1/x?y"),
            ("https://h:1/x?y".into(), user)
        );
        assert_eq!(read("http://h?x"), ("http://h/?x".into(), None));
        assert_eq!(read("http://u@[::1]").1, Some(("u".into(), String::new())));
        for wrong in ["http://", "http://u:p@", "http://:80", "http://a b", "x"] {
            assert!(parse(wrong).unwrap_err().starts_with("is no URL"), "{wrong}");
        }
    }
}
