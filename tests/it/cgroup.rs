//! An agent in a control group of its own, where one is delegated.

use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{LIMIT, Live, bash, command, skip};

/// A delegated group below the one in which the tests run; `None` where that cannot be made.
struct Group(PathBuf);

impl Group {
    fn make(name: &str) -> Option<Self> {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
        let mount = mounts.lines().find(|m| m.contains(" - cgroup2 "))?;
        let point = Path::new(mount.split(' ').nth(4)?);
        let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
        let ours = groups.lines().find_map(|g| g.strip_prefix("0::/"))?;
        let folder = point.join(ours).join(format!("test-{}-{name}", std::process::id()));
        std::fs::create_dir(&folder).ok()?;
        let group = Self(folder);
        if !group.0.join("cgroup.kill").exists() {
            return None;
        }
        let folder = &group.0;
        rustix::fs::setxattr(folder, "user.delegate", b"1", rustix::fs::XattrFlags::empty())
            .ok()?;
        Some(group)
    }

    /// A shell command line in it.
    fn line(&self, command: &str) -> String {
        format!("echo 0 >{}/cgroup.procs && exec {command}", self.0.display())
    }

    /// The groups that spile made in it.
    fn inside(&self) -> usize {
        let entries = std::fs::read_dir(&self.0).unwrap();
        entries.filter(|e| e.as_ref().unwrap().path().is_dir()).count()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::write(self.0.join("cgroup.kill"), "1");
        let since = Instant::now();
        while std::fs::remove_dir(&self.0).is_err() && since.elapsed() < LIMIT {
            std::thread::yield_now();
        }
    }
}

/// The group or, loudly, nothing.
fn group(name: &str) -> Option<Group> {
    let group = Group::make(name);
    if group.is_none() {
        skip("no control group can be delegated here (that takes root and a writable cgroup2)");
    }
    group
}

const SPREAD: &str =
    "(setsid sleep 1000 &) ; (setsid sleep 1000 &) ; cat /proc/self/cgroup; sleep 1000";

#[test]
fn the_agent_has_a_group_of_its_own_and_goes_with_it() {
    let Some(group) = group("own") else { return };
    for (signal, status) in [(Signal::TERM, 143), (Signal::KILL, 137)] {
        let line = group.line(&format!("spile wrap --grace 50ms -- sh -c '{SPREAD}'"));
        let mut live = Live::spawn(&mut command("bash", &["-c", &line]));
        let lines = live.until("/spile-").concat();
        assert!(lines.contains("text_delta"), "{lines}");
        assert_eq!(group.inside(), 1);
        live.signal(signal);
        let (_, ended) = live.end();
        assert_eq!(ended, status);
        // The guardian of a wrap that was killed needs its moment: it takes the agent's group away, and goes itself.
        let since = Instant::now();
        let left = || std::fs::read_to_string(group.0.join("cgroup.procs")).unwrap();
        while group.inside() > 0 || !left().is_empty() {
            assert!(since.elapsed() < LIMIT, "still there: {:?}", left());
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_guardian_that_is_killed_leaves_no_group() {
    let Some(group) = group("guardian") else {
        return;
    };
    let line = group.line(&format!("spile wrap -- sh -c '{SPREAD}'"));
    let mut live = Live::spawn(&mut command("bash", &["-c", &line]));
    let lines = live.until("/spile-").concat();
    let guardian = lines.split("/spile-").nth(1).unwrap();
    let digits: String = guardian.chars().take_while(char::is_ascii_digit).collect();
    kill_process(Pid::from_raw(digits.parse().unwrap()).unwrap(), Signal::KILL).unwrap();
    live.end();
    assert_eq!(group.inside(), 0);
    assert_eq!(std::fs::read_to_string(group.0.join("cgroup.procs")).unwrap(), "");
}

#[test]
fn what_is_not_delegated_is_not_divided() {
    let Some(group) = group("not") else { return };
    rustix::fs::removexattr(&group.0, "user.delegate").unwrap();
    let line = group.line("spile wrap -- sh -c 'cat /proc/self/cgroup'");
    let (stdout, stderr, status) = bash(&line);
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert!(!stdout.contains("/spile-"), "{stdout}");
}
