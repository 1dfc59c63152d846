//! Names that are addresses in truth, and honest names that look a little like them.

use backstop_model::addr::disguise;
use backstop_model::host::HostName;
use expect_test::{Expect, expect};
use std::fmt::Write as _;

fn check(names: &[&str], expected: &Expect) {
    let mut shown = String::new();
    for name in names {
        match disguise(&HostName::parse(name).unwrap()) {
            Some(found) => {
                let address = found.address.map(|a| format!(" {a}")).unwrap_or_default();
                writeln!(shown, "{name} ✗ {}{address}: {}", found.class, found.why)
            }
            None => writeln!(shown, "{name} passes"),
        }
        .unwrap();
    }
    expected.assert_eq(&shown);
}

#[test]
fn names_of_this_machine_its_host_and_its_cloud() {
    check(
        &[
            "localhost",
            "LocalHost.",
            "a.b.localhost",
            "localhost.localdomain",
            "ip6-localhost",
            "_gateway",
            "host.docker.internal",
            "gateway.docker.internal",
            "host.containers.internal",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            "kubernetes.default.svc.corp.example",
            "metadata",
            "metadata.google.internal",
            "x.metadata.google.internal",
            "metadata.goog",
            "instance-data",
            "instance-data.ec2.internal",
            "instance-data.eu-west-1.compute.internal",
            "metadata.azure.internal",
            "metadata.oraclecloud.com",
            "metadata.tencentyun.com",
            "app.localtest.me",
            "lvh.me",
            "7f000001.c0a80001.rbndr.us",
            "make-1.2.3.4-rebind-127.0.0.1-rr.1u.ms",
            // Honest names.
            "localhost.example.com",
            "notlocalhost",
            "metadata.example.com",
            "docker.internal.example",
            "kubernetes.io",
            "kubernetes.default.example",
            "weather.tenant.svc.cluster.local",
            "printer.local",
            "xlvh.me",
            "instance-data.com",
        ],
        &expect![[r#"
            localhost ✗ loopback: a name of this machine (RFC 6761)
            LocalHost. ✗ loopback: a name of this machine (RFC 6761)
            a.b.localhost ✗ loopback: a name of this machine (RFC 6761)
            localhost.localdomain ✗ loopback: a name of this machine in /etc/hosts
            ip6-localhost ✗ loopback: a name of this machine in /etc/hosts
            _gateway ✗ private: the gateway's name of systemd-resolved
            host.docker.internal ✗ private: a name that Docker gives to its host
            gateway.docker.internal ✗ private: a name that Docker gives to its host
            host.containers.internal ✗ private: a name that Podman gives to its host
            kubernetes ✗ private: the Kubernetes API server
            kubernetes.default ✗ private: the Kubernetes API server
            kubernetes.default.svc ✗ private: the Kubernetes API server
            kubernetes.default.svc.cluster.local ✗ private: the Kubernetes API server
            kubernetes.default.svc.corp.example ✗ private: the Kubernetes API server
            metadata ✗ metadata: the metadata service, by search list
            metadata.google.internal ✗ metadata: the metadata service of Google Cloud
            x.metadata.google.internal ✗ metadata: the metadata service of Google Cloud
            metadata.goog ✗ metadata: the metadata service of Google Cloud
            instance-data ✗ metadata: the metadata service of AWS, by search list
            instance-data.ec2.internal ✗ metadata: the metadata service of AWS
            instance-data.eu-west-1.compute.internal ✗ metadata: the metadata service of AWS
            metadata.azure.internal ✗ metadata: the metadata service of Azure
            metadata.oraclecloud.com ✗ metadata: the metadata service of Oracle Cloud
            metadata.tencentyun.com ✗ metadata: the metadata service of Tencent Cloud
            app.localtest.me ✗ loopback: a public name of 127.0.0.1
            lvh.me ✗ loopback: a public name of 127.0.0.1
            7f000001.c0a80001.rbndr.us ✗ loopback: a DNS rebinding service
            make-1.2.3.4-rebind-127.0.0.1-rr.1u.ms ✗ loopback: a DNS rebinding service
            localhost.example.com passes
            notlocalhost passes
            metadata.example.com passes
            docker.internal.example passes
            kubernetes.io passes
            kubernetes.default.example passes
            weather.tenant.svc.cluster.local passes
            printer.local passes
            xlvh.me passes
            instance-data.com passes
        "#]],
    );
}

#[test]
fn names_that_spell_an_address() {
    check(
        &[
            "127.0.0.1.nip.io",
            "app.10.0.0.1.nip.io",
            "app-10-0-0-1.nip.io",
            "10-0-0-1-app.nip.io",
            "7f000001.nip.io",
            "app-7f000001.nip.io",
            "0xa9fea9fe.nip.io",
            "a.169-254-169-254.sslip.io",
            "a.0--1.sslip.io",
            "fe80--1.sslip.io",
            "www.fd00-ec2--254.sslip.io",
            "0--ffff-7f00-1.sslip.io",
            "192.168.1.250.xip.io",
            "10-0-0-1.traefik.me",
            "10.0.0.1.backname.io",
            "010.0.0.01.nip.io",
            "8.8.8.8.10.0.0.1.nip.io",
            "10.0.0.1.8.8.8.8.nip.io",
            "2130706433.nip.io",
            "www.nip.io",
            // Public addresses and the services' own sites.
            "8.8.8.8.nip.io",
            "app-8-8-8-8.nip.io",
            "08080808.nip.io",
            "2606-4700--1111.sslip.io",
            "nip.io",
            "sslip.io",
            "127.0.0.1.notnip.io",
        ],
        &expect![[r#"
            127.0.0.1.nip.io ✗ loopback 127.0.0.1: a name that spells an address
            app.10.0.0.1.nip.io ✗ private 10.0.0.1: a name that spells an address
            app-10-0-0-1.nip.io ✗ private 10.0.0.1: a name that spells an address
            10-0-0-1-app.nip.io ✗ private 10.0.0.1: a name that spells an address
            7f000001.nip.io ✗ loopback 127.0.0.1: a name that spells an address
            app-7f000001.nip.io ✗ loopback 127.0.0.1: a name that spells an address
            0xa9fea9fe.nip.io ✗ metadata 169.254.169.254: a name that spells an address
            a.169-254-169-254.sslip.io ✗ metadata 169.254.169.254: a name that spells an address
            a.0--1.sslip.io ✗ loopback ::1: a name that spells an address
            fe80--1.sslip.io ✗ link-local fe80::1: a name that spells an address
            www.fd00-ec2--254.sslip.io ✗ metadata fd00:ec2::254: a name that spells an address
            0--ffff-7f00-1.sslip.io ✗ embedding ::ffff:127.0.0.1: a name that spells an address
            192.168.1.250.xip.io ✗ private 192.168.1.250: a name that spells an address
            10-0-0-1.traefik.me ✗ private 10.0.0.1: a name that spells an address
            10.0.0.1.backname.io ✗ private 10.0.0.1: a name that spells an address
            010.0.0.01.nip.io ✗ private 10.0.0.1: a name that spells an address
            8.8.8.8.10.0.0.1.nip.io ✗ private 10.0.0.1: a name that spells an address
            10.0.0.1.8.8.8.8.nip.io ✗ private 10.0.0.1: a name that spells an address
            2130706433.nip.io ✗ reserved: a name of a service that spells addresses, and it spells none that can be read
            www.nip.io ✗ reserved: a name of a service that spells addresses, and it spells none that can be read
            8.8.8.8.nip.io passes
            app-8-8-8-8.nip.io passes
            08080808.nip.io passes
            2606-4700--1111.sslip.io passes
            nip.io passes
            sslip.io passes
            127.0.0.1.notnip.io passes
        "#]],
    );
}
