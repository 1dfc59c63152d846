//! The two libraries by which programs look names up, glibc and musl, in a pod as Kubernetes makes
//! them: five dots before a name is taken as it stands, and the cluster's suffixes behind it.

use crate::dns_scene::{self, needs};
use crate::scene::events;
use backstop_testkit::nameserver::{NameServer, address, soa};
use backstop_testkit::{Pod, World};
use std::path::{Path, PathBuf};
use std::process::Output;

/// What a kubelet writes for a pod of the namespace `research`, with a cloud's own suffix.
const RESOLV: &str = "search research.svc.cluster.local svc.cluster.local cluster.local eu-west-1.compute.internal\n\
                      nameserver GATEWAY\noptions ndots:5\n";
const DNS: &str =
    "  dns: { searchSuffixes: [eu-west-1.compute.internal], clusterZone: cluster.local }\n";

/// Looks each name up as any program does, and says what it got.
const SOURCE: &str = r#"
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
int main(int count, char **names) {
    int failed = 0;
    for (int n = 1; n < count; n++) {
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = 0;
        int fault = getaddrinfo(names[n], "443", &hints, &found);
        if (fault) {
            printf("%s: %s\n", names[n], gai_strerror(fault));
            failed = 1;
            continue;
        }
        char text[64];
        for (struct addrinfo *one = found; one; one = one->ai_next) {
            void *at = one->ai_family == AF_INET
                ? (void *)&((struct sockaddr_in *)one->ai_addr)->sin_addr
                : (void *)&((struct sockaddr_in6 *)one->ai_addr)->sin6_addr;
            printf("%s %s\n", names[n], inet_ntop(one->ai_family, at, text, sizeof text));
        }
        freeaddrinfo(found);
    }
    return failed;
}
"#;

#[track_caller]
fn compiled(world: &World, compiler: &str) -> PathBuf {
    needs(compiler);
    let (source, program) =
        (world.path().join("lookup.c"), world.path().join(format!("lookup-{compiler}")));
    std::fs::write(&source, SOURCE).unwrap();
    world.output(world.command(compiler).args(["-O1", "-o"]).arg(&program).arg(&source));
    program
}

fn look_up(world: &World, pod: &Pod, program: &Path, name: &str) -> (Output, String) {
    let output = pod.command(world, program).arg(name).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, said)
}

#[test]
fn glibc_and_musl_resolve_an_allowed_name_in_a_pod_at_once_and_nobody_hears_of_suffixes() {
    World::run(|world| {
        // musl is linked as a shared library: its own interpreter loads the program.
        let glibc = compiled(world, "gcc");
        let musl = compiled(world, "musl-gcc");
        let text = std::fs::read(&musl).unwrap();
        assert!(text.windows(7).any(|part| part == b"ld-musl"), "that is no musl program");

        let server = NameServer::start(|asked| {
            let reply = asked.reply();
            let zone = "weather.example";
            vec![
                match (asked.name.as_str(), asked.qtype) {
                    ("api.weather.example", 1) => {
                        reply.answer(address(&asked.name, 60, "93.184.1.1"))
                    }
                    ("api.weather.example", 28) => {
                        reply.answer(address(&asked.name, 60, "2606:2800::11"))
                    }
                    // It has no IPv6 at all: musl must not take that for an end.
                    ("four.weather.example", 1) => {
                        reply.answer(address(&asked.name, 60, "93.184.1.2"))
                    }
                    ("four.weather.example", _) => reply.authority(soa(zone, 60)),
                    _ => reply.code(3).authority(soa(zone, 60)),
                }
                .wire(),
            ]
        });
        let pod = Pod::new(world, 7, RESOLV);
        // Everything has an upstream, the suffixes too: nothing but the gateway keeps them here.
        let zones = ["example", "local", "internal"].map(|zone| (zone.to_owned(), server.place()));
        let rows = ["{ host: api.weather.example }", "{ host: four.weather.example }"];
        let policy = dns_scene::policy(DNS, &rows);
        let backstop = dns_scene::start(world, &policy, &[&pod], &zones);

        for (libc, program) in [("glibc", &glibc), ("musl", &musl)] {
            for (name, expected) in [
                ("api.weather.example", vec!["93.184.1.1", "2606:2800::11"]),
                ("four.weather.example", vec!["93.184.1.2"]),
                ("api.weather.example.", vec!["93.184.1.1", "2606:2800::11"]),
            ] {
                let (output, said) = look_up(world, &pod, program, name);
                assert!(output.status.success(), "{libc} {name}: {said}");
                for address in &expected {
                    assert!(said.contains(address), "{libc} {name}: {said}");
                }
                assert_eq!(said.lines().count(), expected.len(), "{libc} {name}: {said}");
            }
        }
        let mut asked: Vec<(String, u16)> =
            server.asked().into_iter().map(|asked| (asked.name, asked.qtype)).collect();
        asked.sort();
        let of = |name: &str, qtype| (format!("{name}.weather.example"), qtype);
        // Each once: no suffix, and what one library was told the other need not ask for.
        assert_eq!(asked, [of("api", 1), of("api", 28), of("four", 1), of("four", 28)]);
        let recorded = events(world, &backstop);
        let loud = recorded.iter().filter(|event| {
            ["AlertRaised", "AttemptRefused"].iter().any(|kind| event["type"] == *kind)
        });
        assert_eq!(loud.count(), 0, "{recorded:?}");

        // A name that nobody allows fails for both, and the suffixes leak nothing of it.
        for program in [&glibc, &musl] {
            let (output, said) = look_up(world, &pod, program, "stolen.evil.example");
            assert!(!output.status.success(), "{said}");
        }
        assert_eq!(server.asked().len(), asked.len());
    });
}
