//! Tests of the rules about who may ask.

use super::*;

fn doors() -> Doors {
    Doors {
        listens: vec![("127.0.0.1".parse().unwrap(), 8181)],
        hosts: vec!["agents.example.org".into()],
        cors: vec!["https://page.example".into()],
    }
}

#[test]
fn only_own_names_are_hosts() {
    let doors = doors();
    for host in [
        "127.0.0.1:8181",
        "localhost:8181",
        "LOCALHOST:8181",
        "[::1]:8181",
        "agents.example.org",
        "Agents.Example.org:443",
    ] {
        assert_eq!(doors.host(Some(host)), Ok(()), "{host}");
    }
    for host in [
        "evil.example:8181",
        "127.0.0.1",
        "127.0.0.1:80",
        "localhost:8182",
        "10.0.0.1:8181",
        "localhost.evil.example:8181",
        "127.0.0.1:8181@evil.example",
        "127.0.0.1:+8181",
        "agents.example.org.evil:443",
        "a:b:c",
    ] {
        assert_eq!(doors.host(Some(host)), Err(Refused::HOST), "{host}");
    }
    assert_eq!(doors.host(None), Err(Refused::NO_HOST));
    assert_eq!(doors.host(Some("")), Err(Refused::NO_HOST));
}

#[test]
fn where_all_addresses_are_listened_at_each_is_a_host_and_no_name_is() {
    let all = Doors { listens: vec![("0.0.0.0".parse().unwrap(), 80)], ..Doors::default() };
    for host in ["10.1.2.3", "10.1.2.3:80", "localhost", "[fe80::1]"] {
        assert_eq!(all.host(Some(host)), Ok(()), "{host}");
    }
    assert_eq!(all.host(Some("evil.example")), Err(Refused::HOST));
    let one = Doors { listens: vec![("10.1.2.3".parse().unwrap(), 80)], ..Doors::default() };
    assert_eq!(one.host(Some("10.1.2.3")), Ok(()));
    assert_eq!(one.host(Some("localhost")), Err(Refused::HOST));
    assert_eq!(one.host(Some("127.0.0.1")), Err(Refused::HOST));
}

#[test]
fn only_own_pages_and_allowed_ones_ask() {
    let doors = doors();
    for origin in [
        "http://127.0.0.1:8181",
        "http://localhost:8181",
        "https://agents.example.org",
        "https://page.example",
    ] {
        assert_eq!(doors.origin(Some(origin)), Ok(()), "{origin}");
    }
    for origin in [
        "null",
        "",
        "http://127.0.0.1:9999",
        "http://evil.example",
        "https://127.0.0.1:8181",
        "https://page.example.evil",
        "file://",
    ] {
        assert_eq!(doors.origin(Some(origin)), Err(Refused::ORIGIN), "{origin}");
    }
    assert_eq!(doors.origin(None), Ok(()));
}

#[test]
fn a_token_is_taken_from_its_header_alone() {
    let token = Token::new("secret");
    assert_eq!(token.check(Some("Bearer secret"), None), Ok(()));
    assert_eq!(token.check(Some("bearer secret"), Some("limit=3")), Ok(()));
    assert_eq!(token.check(None, None), Err(Refused::NO_TOKEN));
    assert_eq!(token.check(Some("secret"), None), Err(Refused::NO_TOKEN));
    assert_eq!(token.check(Some("Basic secret"), None), Err(Refused::NO_TOKEN));
    assert_eq!(token.check(Some("Bearer secre"), None), Err(Refused::TOKEN));
    assert_eq!(token.check(Some("Bearer "), None), Err(Refused::TOKEN));
    for query in ["token=secret", "a=1&access_token=secret", "TOKEN=x", "token"] {
        assert_eq!(token.check(None, Some(query)), Err(Refused::TOKEN_IN_URL), "{query}");
        assert_eq!(token.check(Some("Bearer secret"), Some(query)), Err(Refused::TOKEN_IN_URL));
    }
}

#[test]
fn a_body_is_what_its_type_says() {
    let json = Some("application/json");
    assert_eq!(Takes::Json.check(json), Ok(Form::Json));
    assert_eq!(Takes::Json.check(Some("Application/JSON; charset=utf-8")), Ok(Form::Json));
    for form in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=application/json"),
        Some("application/jsonx"),
        Some(""),
    ] {
        assert_eq!(Takes::Json.check(form), Err(Refused::CONTENT_TYPE), "{form:?}");
    }
    assert_eq!(Takes::JsonOrNothing.check(None), Ok(Form::Nothing));
    assert_eq!(Takes::JsonOrNothing.check(Some("text/plain")), Err(Refused::CONTENT_TYPE));
    assert_eq!(Takes::JsonOrBytes.check(Some("text/plain")), Ok(Form::Bytes));
    assert_eq!(Takes::JsonOrBytes.check(json), Ok(Form::Json));
    assert_eq!(Takes::JsonOrBytes.check(None), Err(Refused::CONTENT_TYPE));
}
