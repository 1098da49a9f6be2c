//! Trusted certificates, and TLS connections.
//!
//! Order: the file named for the address, CURL_CA_BUNDLE, SSL_CERT_FILE and SSL_CERT_DIR, the system's store, and if
//! that is empty Mozilla's roots.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::{env, fmt, fs};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, OtherError,
    RootCertStore, SignatureScheme, StreamOwned,
};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

pub(super) fn config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let named = match ca {
        Some(path) => Some(file(path)?),
        None => by_environment()?,
    };
    let mut roots = RootCertStore::empty();
    let exact = match named {
        Some(certificates) => {
            roots.add_parsable_certificates(certificates.iter().cloned());
            certificates
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
            Vec::new()
        }
    };
    let provider = Arc::new(ring::default_provider());
    let webpki =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let webpki = webpki.map_err(|e| format!("no certificate is trusted: {e}"))?;
    let verifier = Verifier { webpki, exact };
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| e.to_string())?.dangerous();
    let config = builder.with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    Ok(Arc::new(config))
}

/// Certificates named by environment variables, if any is set.
fn by_environment() -> Result<Option<Vec<CertificateDer<'static>>>, String> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    let within = |name: &str, why: String| format!("{name}: {why}");
    if let Some(path) = set("CURL_CA_BUNDLE") {
        return file(Path::new(&path)).map(Some).map_err(|why| within("CURL_CA_BUNDLE", why));
    }
    let mut found = Vec::new();
    let (bundle, folders) = (set("SSL_CERT_FILE"), set("SSL_CERT_DIR"));
    if let Some(path) = &bundle {
        found.extend(file(Path::new(path)).map_err(|why| within("SSL_CERT_FILE", why))?);
    }
    for path in folders.iter().flat_map(|folders| env::split_paths(folders)) {
        // One of several may be missing.
        found.extend(folder(&path).unwrap_or_default());
    }
    if folders.is_some() && found.is_empty() {
        return Err("SSL_CERT_DIR: there is no certificate in PEM form".to_owned());
    }
    Ok(bundle.or(folders).map(|_| found))
}

fn file(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let text = fs::read(path).map_err(|e| format!("cannot read {shown}: {e}"))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(format!("{shown} holds no certificate in PEM form")),
        Err(e) => Err(format!("{shown} holds a certificate that cannot be read: {e}")),
    }
}

/// Certificates of a folder; files without any are skipped.
fn folder(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let entries = fs::read_dir(path)?;
    let files = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file());
    Ok(files.filter_map(|path| file(&path).ok()).flatten().collect())
}

/// Verifies as webpki does, and accepts a named server certificate even if it is a CA's (`openssl req -x509`).
#[derive(Debug)]
struct Verifier {
    webpki: Arc<WebPkiServerVerifier>,
    exact: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.webpki.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            // webpki reports this for a certificate that is valid now.
            Err(e) if is_ca(&e) && self.exact.iter().any(|trusted| trusted == end_entity) => {
                let certificate = ParsedCertificate::try_from(end_entity)?;
                rustls::client::verify_server_name(&certificate, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// True if the error is a CA certificate used for a server.
fn is_ca(error: &rustls::Error) -> bool {
    let rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(e))) = error else {
        return false;
    };
    matches!(e.downcast_ref::<webpki::Error>(), Some(webpki::Error::CaUsedAsEndEntity))
}

#[derive(Debug)]
pub(super) struct Tls(pub Arc<ClientConfig>);

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else { return Ok(None) };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let host = details.uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host).map_err(|_| ureq::Error::Tls("no name of a host"))?;
        let mut conn = ClientConnection::new(Arc::clone(&self.0), name)?;
        let mut sock = TransportAdapter::new(
            Box::new(transport) as Box<dyn Transport>,
            details.current_time.clone(),
        );
        sock.set_timeout(details.timeout);
        // A failed handshake has sent no request.
        conn.complete_io(&mut sock).map_err(|e| match e.get_ref() {
            Some(inner) => match inner.downcast_ref::<rustls::Error>() {
                Some(inner) => ureq::Error::Rustls(inner.clone()),
                None => e.into(),
            },
            None => e.into(),
        })?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Either::B(TlsTransport { buffers, stream: StreamOwned { conn, sock } })))
    }
}

pub(super) struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        self.stream.write_all(output)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsTransport")
    }
}
