//! Rules about who may ask, as functions over header values: host, origin, token, content type.

#[cfg(test)]
mod tests;

use core::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::text::number;

/// Refusal of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Status of the answer.
    pub status: u16,
    /// Reason for people.
    pub why: &'static str,
}

impl Refused {
    const NO_HOST: Self = Self::new(400, "the request has no Host");
    /// A `Host` that is none of this server's, as after DNS rebinding.
    const HOST: Self = Self::new(
        403,
        "this Host is not served here; name one that is with --host when the server is started",
    );
    /// A page of another origin.
    const ORIGIN: Self = Self::new(403, "pages of this origin may not ask; allow one with --cors");
    const NO_TOKEN: Self = Self::new(401, "write the token as Authorization: Bearer TOKEN");
    const TOKEN: Self = Self::new(401, "this is not the token of this server");
    /// A token in the URL, where logs and histories keep it.
    const TOKEN_IN_URL: Self =
        Self::new(401, "a token in the URL is not taken: write it as Authorization: Bearer TOKEN");
    const CONTENT_TYPE: Self = Self::new(415, "the body must be application/json");

    const fn new(status: u16, why: &'static str) -> Self {
        Self { status, why }
    }
}

/// Names under which the server is reached, and origins whose pages may ask.
#[derive(Debug, Clone, Default)]
pub struct Doors {
    /// Addresses at which it listens for TCP.
    pub listens: Vec<(IpAddr, u16)>,
    /// Further names, as those of a proxy; with any port.
    pub hosts: Vec<String>,
    /// Foreign origins, as `https://example.org`.
    pub cors: Vec<String>,
}

impl Doors {
    /// Checks the `Host` of a request by TCP. A name that leads here by another owner's DNS is refused.
    pub fn host(&self, host: Option<&str>) -> Result<(), Refused> {
        let host = host.filter(|host| !host.is_empty()).ok_or(Refused::NO_HOST)?;
        if self.is_ours(host, 80) { Ok(()) } else { Err(Refused::HOST) }
    }

    /// Checks the `Origin`. A request without one comes from no page of another origin, or from a form without a token.
    pub fn origin(&self, origin: Option<&str>) -> Result<(), Refused> {
        let Some(origin) = origin else { return Ok(()) };
        let is_ours = match origin.split_once("://") {
            Some(("http", host)) => self.is_ours(host, 80),
            Some(("https", host)) => self.is_named(host),
            _ => false,
        };
        let is_ours = is_ours || self.allows(origin);
        if is_ours { Ok(()) } else { Err(Refused::ORIGIN) }
    }

    /// True for a foreign origin that was allowed.
    pub fn allows(&self, origin: &str) -> bool {
        self.cors.iter().any(|allowed| allowed == origin)
    }

    fn is_ours(&self, host: &str, default_port: u16) -> bool {
        if self.is_named(host) {
            return true;
        }
        let Some((name, port)) = split_port(host) else { return false };
        let port = port.unwrap_or(default_port);
        self.listens.iter().filter(|(_, ours)| *ours == port).any(|(address, _)| {
            let name =
                name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
            match name.parse::<IpAddr>() {
                // Nobody's DNS is asked for an address, so where all are listened at, each may be written.
                Ok(written) => {
                    written == *address
                        || address.is_unspecified()
                        || written.is_loopback() && address.is_loopback()
                }
                Err(_) => {
                    let is_local = address.is_loopback() || address.is_unspecified();
                    name.eq_ignore_ascii_case("localhost") && is_local
                }
            }
        })
    }

    fn is_named(&self, host: &str) -> bool {
        let Some((name, _)) = split_port(host) else { return false };
        self.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(name))
    }
}

/// Name and port of a host.
fn split_port(host: &str) -> Option<(&str, Option<u16>)> {
    let end = host.rfind(']').map_or(0, |end| end + 1);
    match host[end..].find(':') {
        None => Some((host, None)),
        Some(colon) => {
            let port = number(&host[end + colon + 1..])?;
            Some((&host[..end + colon], Some(port)))
        }
    }
}

/// Token of the server. Only its digest is kept, so that comparing takes the same time for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// The token with this text.
    pub fn new(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Checks `Authorization` and the query of a request.
    pub fn check(&self, authorization: Option<&str>, query: Option<&str>) -> Result<(), Refused> {
        let in_url = query.unwrap_or_default().split('&').any(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            name.eq_ignore_ascii_case("token") || name.eq_ignore_ascii_case("access_token")
        });
        if in_url {
            return Err(Refused::TOKEN_IN_URL);
        }
        let (scheme, token) =
            authorization.and_then(|it| it.split_once(' ')).ok_or(Refused::NO_TOKEN)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refused::NO_TOKEN);
        }
        let given: [u8; 32] = Sha256::digest(token.trim()).into();
        let difference = given.iter().zip(self.0).fold(0, |sum, (one, other)| sum | (one ^ other));
        if difference == 0 { Ok(()) } else { Err(Refused::TOKEN) }
    }
}

/// Bodies that a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// None.
    Nothing,
    /// A JSON object.
    Json,
    /// A JSON object, or none.
    JsonOrNothing,
    /// A JSON object, or the bytes themselves.
    JsonOrBytes,
}

/// Form of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Nothing,
    Json,
    Bytes,
}

impl Takes {
    /// Checks the type of a body. A form of a page has a type of its own, and no JSON.
    pub fn check(self, content_type: Option<&str>) -> Result<Form, Refused> {
        let essence = content_type.map(|it| it.split(';').next().unwrap_or_default().trim());
        let is = |name: &str| essence.is_some_and(|essence| essence.eq_ignore_ascii_case(name));
        match self {
            Takes::Nothing => Ok(Form::Nothing),
            Takes::JsonOrNothing if content_type.is_none() => Ok(Form::Nothing),
            _ if is("application/json") => Ok(Form::Json),
            Takes::JsonOrBytes if is("text/plain") || is("application/octet-stream") => {
                Ok(Form::Bytes)
            }
            _ => Err(Refused::CONTENT_TYPE),
        }
    }
}
