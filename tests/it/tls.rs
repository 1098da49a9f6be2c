//! https: which certificates are trusted. The server is Python's, its certificates are made by openssl.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::harness::{bash, bin};
use crate::replay::{Folder, recording};

/// Makes a CA, a certificate by it, and one that is its own CA, as `openssl req -x509` makes them.
const MAKE: &str = r#"
export OPENSSL_CONF=/dev/null
new() { openssl req -newkey rsa:2048 -nodes -keyout "$1.key" "${@:2}" 2>/dev/null; }
printf '[req]\ndistinguished_name=n\n[n]\n' >conf
export OPENSSL_CONF=$PWD/conf
new ca -x509 -out ca.pem -subj /CN=ca -days 2 -addext basicConstraints=critical,CA:TRUE &&
new leaf -out leaf.csr -subj /CN=leaf &&
printf 'subjectAltName=IP:127.0.0.1\n' >ext &&
openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile ext -days 2 -out leaf.pem 2>/dev/null &&
new own -x509 -out own.pem -subj /CN=own -days 2 -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:TRUE
"#;

/// Answers each GET with the file of this name and takes each POST.
const SERVE: &str = r#"
import http.server, ssl, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + ".pem", sys.argv[1] + ".key")
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

struct Server(Child, String);

impl Server {
    fn start(folder: &Folder, certificate: &str) -> Self {
        let mut child = Command::new("python3")
            .args(["-c", SERVE, certificate])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self(child, format!("https://127.0.0.1:{}", port.trim()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn certificates() -> Folder {
    let folder = Folder::new();
    let made = Command::new("bash").args(["-c", MAKE]).current_dir(folder.path()).status().unwrap();
    assert!(made.success());
    folder.put("run.ndjson", recording("s", 3));
    std::fs::create_dir(folder.path().join("certs")).unwrap();
    std::fs::copy(folder.path().join("ca.pem"), folder.path().join("certs/any.crt")).unwrap();
    folder
}

/// What a script says in a folder, with the status behind it.
fn said(folder: &Folder, script: &str) -> (String, i32) {
    assert!(bin().contains("spile"));
    let (_, stderr, status) = bash(&format!("cd {} && {script}", folder.path().display()));
    (stderr, status)
}

#[test]
fn a_ca_is_trusted_where_it_is_named_and_nowhere_else() {
    let folder = certificates();
    let server = Server::start(&folder, "leaf");
    let url = &server.1;
    let post = |env: &str, options: &str| {
        said(
            &folder,
            &format!(
                "{env} spile tee --linger 1s --output-error=exit '{url}/x{options}' <run.ndjson >/dev/null"
            ),
        )
    };
    let get = |env: &str, options: &str| {
        said(
            &folder,
            &format!(
                "{env} spile replay --instant {url}/run.ndjson {options} >got && cmp got run.ndjson"
            ),
        )
    };
    for env in [
        "SSL_CERT_FILE=ca.pem",
        "SSL_CERT_DIR=certs",
        "SSL_CERT_DIR=missing:certs",
        "CURL_CA_BUNDLE=ca.pem SSL_CERT_FILE=own.pem",
        "CURL_CA_BUNDLE= SSL_CERT_FILE=ca.pem",
    ] {
        assert_eq!(post(env, ""), (String::new(), 0), "{env}");
        assert_eq!(get(env, ""), (String::new(), 0), "{env}");
    }
    assert_eq!(post("SSL_CERT_FILE=own.pem", "#ca=ca.pem"), (String::new(), 0));
    assert_eq!(get("SSL_CERT_FILE=own.pem", "--ca ca.pem"), (String::new(), 0));
    for env in ["", "SSL_CERT_FILE=own.pem", "SSL_CERT_DIR=missing SSL_CERT_FILE=own.pem"] {
        let (stderr, status) = post(env, "");
        assert!(stderr.contains("SSL_CERT_FILE") && status == 1, "{env}: {stderr}");
        let (stderr, status) = get(env, "");
        assert!(stderr.contains("SSL_CERT_FILE") && status == 69, "{env}: {stderr}");
    }
}

#[test]
fn a_certificate_that_is_its_own_ca_is_trusted_when_it_is_named() {
    let folder = certificates();
    let server = Server::start(&folder, "own");
    let post = |ca: &str| {
        let url =
            server.1.replace("127.0.0.1", if ca == "name" { "localhost" } else { "127.0.0.1" });
        let ca = if ca == "name" { "own.pem" } else { ca };
        said(
            &folder,
            &format!(
                "spile tee --linger 1s --output-error=exit '{url}/x#ca={ca}' <run.ndjson >/dev/null"
            ),
        )
    };
    assert_eq!(post("own.pem"), (String::new(), 0));
    for wrong in ["ca.pem", "name"] {
        let (stderr, status) = post(wrong);
        assert!(stderr.contains("certificate") && status == 1, "{wrong}: {stderr}");
    }
}

#[test]
fn what_holds_no_certificate_is_said_with_its_name() {
    let folder = certificates();
    for (env, options, want) in [
        ("SSL_CERT_FILE=run.ndjson", "", "SSL_CERT_FILE: run.ndjson holds no certificate"),
        ("CURL_CA_BUNDLE=missing", "", "CURL_CA_BUNDLE: cannot read missing"),
        ("SSL_CERT_DIR=.git", "", "SSL_CERT_DIR: there is no certificate"),
        ("", "#ca=missing", "cannot read missing"),
        ("", "#ca=leaf.key", "leaf.key holds no certificate"),
    ] {
        let (stderr, status) = said(
            &folder,
            &format!("{env} spile tee 'https://127.0.0.1:1{options}' <run.ndjson >/dev/null"),
        );
        assert!(stderr.contains(want) && status == 1, "{env} {options}: {stderr}");
    }
}
