//! Tells hosts and addresses that anybody knows from those that say where somebody works.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ends of names that only a private network answers to.
const INTERNAL: &[&str] =
    &["internal", "intranet", "corp", "lan", "local", "localdomain", "home.arpa", "private"];

/// Ends of names in front of which stands the name of a customer, or of one machine of theirs.
const TENANTS: &[&str] = &[
    "amazonaws.com",
    "atlassian.net",
    "azurecr.io",
    "azurewebsites.net",
    "cloudapp.azure.com",
    "core.windows.net",
    "database.windows.net",
    "documents.azure.com",
    "jfrog.io",
    "mongodb.net",
    "my.salesforce.com",
    "neon.tech",
    "ngrok-free.app",
    "ngrok.app",
    "ngrok.io",
    "okta.com",
    "redis-cloud.com",
    "servicebus.windows.net",
    "sharepoint.com",
    "slack.com",
    "snowflakecomputing.com",
    "supabase.co",
    "ts.net",
    "upstash.io",
    "vault.azure.net",
    "visualstudio.com",
    "zendesk.com",
];

/// Names in front of those ends that belong to the service itself.
const OF_SERVICE: &[&str] = &[
    "www",
    "api",
    "docs",
    "app",
    "status",
    "hooks",
    "files",
    "developer",
    "marketplace",
    "public.ecr",
    "s3",
    "dl",
    "console",
];

/// Names that stand for a machine without naming one.
const WELL_KNOWN: &[&str] = &[
    "host.docker.internal",
    "gateway.docker.internal",
    "kubernetes.docker.internal",
    "metadata.google.internal",
    "host.containers.internal",
    "host.lima.internal",
    "localhost.localdomain",
    "kubernetes.default.svc.cluster.local",
    "kubernetes.default.svc",
];

/// Names of one label by which services of one composition, or of an example, call each other.
const SERVICES: &[&str] = &[
    "admin",
    "api",
    "app",
    "auth",
    "backend",
    "cache",
    "client",
    "consul",
    "db",
    "database",
    "elasticsearch",
    "es",
    "example",
    "frontend",
    "gateway",
    "grafana",
    "host",
    "hostname",
    "ip",
    "kafka",
    "keycloak",
    "kubernetes",
    "loki",
    "mailhog",
    "mariadb",
    "memcached",
    "minio",
    "mock",
    "mongo",
    "mongodb",
    "mysql",
    "nats",
    "nginx",
    "node",
    "ollama",
    "pg",
    "postgres",
    "postgresql",
    "prometheus",
    "proxy",
    "queue",
    "rabbitmq",
    "redis",
    "registry",
    "remote",
    "s3",
    "selenium",
    "server",
    "service",
    "storage",
    "target",
    "test",
    "traefik",
    "vault",
    "vite",
    "web",
    "worker",
    "zookeeper",
    "localstack",
    "temporal",
    "qdrant",
    "clickhouse",
    "opensearch",
    "jaeger",
];

/// Ends of names that are kept for examples and tests, or mean this machine.
const RESERVED: &[&str] =
    &["localhost", "example", "test", "invalid", "example.com", "example.org", "example.net"];

/// Addresses that everybody knows.
const KNOWN_ADDRESSES: &[&str] = &[
    "8.8.8.8",
    "8.8.4.4",
    "1.1.1.1",
    "1.0.0.1",
    "9.9.9.9",
    "169.254.169.254",
    "169.254.170.2",
    "2001:4860:4860::8888",
    "2001:4860:4860::8844",
    "2606:4700:4700::1111",
    "224.0.0.1",
    "224.0.0.251",
];

/// Whether `host` (of a URL, without port) says nothing of who uses it: a public one, this
/// machine, a variable, or a name of a composition.
pub(super) fn is_public(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = address.parse::<IpAddr>() {
        return !tells_v4_or_v6(address);
    }
    if host.is_empty() || host.contains(['$', '{', '<', '*', '%']) || is_reserved(&host) {
        return true;
    }
    if !host.contains('.') {
        return SERVICES.contains(&host.as_str());
    }
    WELL_KNOWN.contains(&host.as_str()) || !(is_internal(&host) || is_tenant(&host))
}

/// Whether `host`, in lower case, is this machine or a name kept for examples.
pub(super) fn is_reserved(host: &str) -> bool {
    RESERVED.iter().any(|end| ends_at_label(host, end))
}

/// Whether `host`, in lower case, ends as names of private networks do.
pub(super) fn is_internal(host: &str) -> bool {
    INTERNAL.iter().any(|end| ends_at_label(host, end) && host != *end)
}

/// Whether `host`, in lower case, stands for everybody though it ends like a private name.
pub(super) fn is_well_known(host: &str) -> bool {
    WELL_KNOWN.contains(&host)
}

/// Whether `host`, in lower case, names a customer of a service.
pub(super) fn is_tenant(host: &str) -> bool {
    TENANTS.iter().any(|end| {
        let Some(front) = host.strip_suffix(end).and_then(|front| front.strip_suffix('.')) else {
            return false;
        };
        // `s3.eu-west-1.amazonaws.com` is the service's own door.
        let own = |label: &str| OF_SERVICE.contains(&label);
        !(own(front)
            || (*end == "amazonaws.com" && front.split('.').next().is_some_and(is_aws_door)))
    })
}

/// Whether `label` is the name of a service at Amazon, which then has no customer in front.
fn is_aws_door(label: &str) -> bool {
    [
        "s3",
        "sts",
        "sqs",
        "sns",
        "ec2",
        "lambda",
        "iam",
        "dynamodb",
        "logs",
        "ssm",
        "kms",
        "secretsmanager",
    ]
    .contains(&label)
}

fn ends_at_label(host: &str, end: &str) -> bool {
    host.strip_suffix(end).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

/// Whether an address leads to one machine: not loopback, an example, a mask, or everybody's.
pub(super) fn tells(address: &str) -> bool {
    !KNOWN_ADDRESSES.contains(&address) && address.parse::<IpAddr>().is_ok_and(tells_v4_or_v6)
}

fn tells_v4_or_v6(address: IpAddr) -> bool {
    if KNOWN_ADDRESSES.contains(&address.to_string().as_str()) {
        return false;
    }
    match address {
        IpAddr::V4(address) => tells_v4(address),
        IpAddr::V6(address) => tells_v6(address),
    }
}

fn tells_v4(address: Ipv4Addr) -> bool {
    let [a, .., d] = address.octets();
    !(address.is_loopback()
        || address.is_documentation()
        || address.is_broadcast()
        || a == 0
        || a >= 240
        // The network itself, as in `10.0.0.0/8`.
        || (d == 0 && is_private_v4(address)))
}

/// Whether an address belongs to a private network.
pub(super) fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_private() || address.is_link_local() || (a == 100 && (64..128).contains(&b))
}

fn tells_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = address.to_ipv4_mapped() {
        return tells_v4(inner);
    }
    let first = address.segments()[0];
    let documentation = first == 0x2001 && address.segments()[1] == 0xdb8;
    let private = first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80;
    (private || first & 0xe000 == 0x2000) && !documentation
}

/// Hosts to which a link of somebody else may lead: documents and packages.
pub(super) const DOCUMENTS: &[&str] = &[
    "bitbucket.org",
    "cmake.org",
    "code.claude.com",
    "crates.io",
    "cppreference.com",
    "deno.com",
    "deno.land",
    "developer.apple.com",
    "developer.mozilla.org",
    "django-project.com",
    "doc.rust-lang.org",
    "docker.com",
    "docs.anthropic.com",
    "docs.aws.amazon.com",
    "docs.docker.com",
    "docs.github.com",
    "docs.gitlab.com",
    "docs.python.org",
    "docs.rs",
    "eslint.org",
    "git-scm.com",
    "github.com",
    "gitlab.com",
    "gnu.org",
    "go.dev",
    "golang.org",
    "gradle.org",
    "hex.pm",
    "ietf.org",
    "jestjs.io",
    "kernel.org",
    "kubernetes.io",
    "learn.microsoft.com",
    "man7.org",
    "maven.apache.org",
    "nextjs.org",
    "nixos.org",
    "nodejs.org",
    "npmjs.com",
    "numpy.org",
    "opensource.org",
    "packagist.org",
    "pkg.go.dev",
    "playwright.dev",
    "pnpm.io",
    "postgresql.org",
    "pypi.org",
    "python.org",
    "pytorch.org",
    "react.dev",
    "readthedocs.io",
    "registry.npmjs.org",
    "rfc-editor.org",
    "ruby-lang.org",
    "rubygems.org",
    "rust-lang.org",
    "sqlite.org",
    "stackoverflow.com",
    "svelte.dev",
    "typescriptlang.org",
    "vite.dev",
    "vitejs.dev",
    "vitest.dev",
    "vuejs.org",
    "w3.org",
    "wikipedia.org",
    "yarnpkg.com",
];

/// Whether `host` may be linked to by somebody else: this machine, an example or a place of
/// documents.
pub(super) fn is_document(host: &str) -> bool {
    let host = host.to_lowercase();
    let loopback = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|a| a.is_loopback());
    loopback || is_reserved(&host) || DOCUMENTS.iter().any(|known| ends_at_label(&host, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_apart() {
        for (host, public) in [
            ("github.com", true),
            ("GitHub.com.", true),
            ("localhost", true),
            ("app.localhost", true),
            ("127.0.0.1", true),
            ("[::1]", true),
            ("db", true),
            ("api.example.com", true),
            ("host.docker.internal", true),
            ("${HOST}", true),
            ("s3.eu-west-1.amazonaws.com", true),
            ("slack.com", true),
            ("hooks.slack.com", true),
            ("8.8.8.8", true),
            ("buildbox", false),
            ("git.acme.corp", false),
            ("10.0.0.7", false),
            ("[fd00::1]", false),
            ("52.19.8.7", false),
            ("acme.slack.com", false),
            ("shop.c1x.eu-west-1.rds.amazonaws.com", false),
            ("acme-dev.supabase.co", false),
        ] {
            assert_eq!(is_public(host), public, "{host}");
        }
    }

    #[test]
    fn addresses_are_told_apart() {
        for (address, telling) in [
            ("192.168.1.20", true),
            ("10.0.0.0", false),
            ("0.0.0.0", false),
            ("255.255.255.0", false),
            ("192.0.2.7", false),
            ("100.64.3.4", true),
            ("169.254.169.254", false),
            ("fe80::1", true),
            ("2a01:4f8::2", true),
            ("2001:db8::1", false),
            ("::1", false),
            ("a::b", false),
            ("::ffff:192.168.1.20", true),
            ("300.1.1.1", false),
        ] {
            assert_eq!(tells(address), telling, "{address}");
        }
    }

    #[test]
    fn links_may_lead_to_documents_only() {
        assert!(
            is_document("docs.rs") && is_document("WWW.GitHub.com") && is_document("localhost")
        );
        assert!(!is_document("github.com.evil.io") && !is_document("evilgithub.com"));
        assert!(!is_document("raw.githubusercontent.com") && !is_document("10.0.0.1"));
    }
}
