//! Webhooks: an event for each request, by Standard Webhooks. 410 means that no more are wanted.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use super::super::access::{Statuses, Web};
use super::super::reach::Reach;
use super::super::signature::SigningKeys;
use super::super::{Delivery, Form, Gone, Needs, SendOutcome, Sink, one_by_one};
use super::Poster;

/// Sink that posts events with an id, a time and, with keys, a signature.
#[derive(Debug)]
pub struct HookSink {
    poster: Poster,
    keys: Option<SigningKeys>,
}

impl HookSink {
    /// Sink at a URL. Every status but 2xx and 410 is retried, unless the address says otherwise.
    pub fn new(
        url: &str,
        web: &Web,
        keys: Option<SigningKeys>,
        reach: Reach,
    ) -> Result<Self, String> {
        let mut web = web.clone();
        web.retry.get_or_insert_with(Statuses::failures);
        web.access.reach = reach;
        let poster = Poster::new(url, &web)?;
        let host = poster.client.url.host().unwrap_or_default().trim_matches(['[', ']']);
        if host.parse().is_ok_and(|address: IpAddr| !reach.admits(address)) {
            return Err(super::client::refused(reach).to_owned());
        }
        Ok(Self { poster, keys })
    }

    fn deliver(&self, delivery: &Delivery<'_>) -> SendOutcome {
        let id = delivery.id.unwrap_or_default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut headers =
            vec![("webhook-id", id.to_owned()), ("webhook-timestamp", now.to_string())];
        let signature = self.keys.as_ref().map(|keys| keys.sign(id, now, delivery.bytes));
        headers.extend(signature.map(|signature| ("webhook-signature", signature)));
        match self.poster.post_with(delivery.bytes, &headers) {
            Ok(answer) if answer.status == 410 => {
                SendOutcome::Gone(Gone::Broken, "status 410".to_owned())
            }
            Ok(answer) => self.poster.outcome(&answer),
            Err(outcome) => outcome,
        }
    }
}

impl Sink for HookSink {
    fn needs(&self) -> Needs {
        Needs { form: Form::Event, batch: 1, idempotent: true }
    }

    fn send(&mut self, batch: &[Delivery<'_>]) -> Vec<SendOutcome> {
        one_by_one(batch, |delivery| self.deliver(delivery))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_not_allowed_is_refused_before_the_first_event() {
        let open = |url, reach| HookSink::new(url, &Web::default(), None, reach).map(drop);
        for never in ["http://169.254.169.254/x", "http://[fe80::1]/x", "http://[::ffff:a9fe:1]/"] {
            assert!(open(never, Reach::Private).unwrap_err().contains("not allowed"), "{never}");
        }
        for private in ["http://127.0.0.1:1/x", "http://[::1]/x", "http://10.0.0.1/"] {
            let why = open(private, Reach::Public).unwrap_err();
            assert!(why.contains("--webhook-private"), "{why}");
            open(private, Reach::Private).unwrap();
        }
        open("https://1.1.1.1/x", Reach::Public).unwrap();
    }
}
