//! What lies at a sink can be encrypted for its reader, and manifests signed.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::support::{Home, PAYER, bucket, demo_file};
use billkeep_core::deliveries::{Destination, DueItem, NoMeter, Seal, SinkRecord, Ways};

use billkeep_core::engine::{Access, Actor, OpenOptions, Store};
use billkeep_core::exports::RenderSettings;
use billkeep_core::values::Basis;

fn decrypted(bytes: &[u8], identity: &age::x25519::Identity) -> Vec<u8> {
    let decryptor = age::Decryptor::new(bytes).unwrap();
    let mut opened = Vec::new();
    let mut reader = decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)).unwrap();
    reader.read_to_end(&mut opened).unwrap();
    opened
}

/// A store with a month, enabled for a sink with options.
fn enabled(options: &[&str]) -> Home {
    let home = Home::with(&[demo_file(3, 31)]);
    home.sink("bucket", options);
    home.enable(PAYER, "bucket", "daily,monthly", false);
    home
}

/// The files that a store without encryption delivers.
fn plain() -> BTreeMap<String, Vec<u8>> {
    let home = enabled(&[]);
    home.ok(["run", "--on", "2021-04-02"]);
    bucket::listing(&home.path("bucket"))
}

#[test]
fn an_encrypted_export_is_the_plain_one_to_its_reader_and_noise_to_others() {
    let identity = age::x25519::Identity::generate();
    let recipient = format!("encrypt={}", identity.to_public());
    let plain = plain();
    for manifests in ["no", "yes"] {
        let home = enabled(&[&recipient, &format!("encrypt_manifest={manifests}")]);
        home.ok(["run", "--on", "2021-04-02"]);
        let held = bucket::listing(&home.path("bucket"));
        assert_eq!(held.len(), plain.len());
        for (name, bytes) in &held {
            let Some(inside) = name.strip_suffix(".age") else {
                let manifest = serde_json::from_slice(bytes).unwrap();
                bucket::follows_the_schema(name, &manifest);
                let sealed = &manifest["parts"][0]["sealed"];
                let there = &held[sealed["name"].as_str().unwrap()];
                assert_eq!(sealed["bytes"], there.len());
                assert_eq!(sealed["sha256"], crate::support::sha256::sha256(there).as_str());
                continue;
            };
            let opened = decrypted(bytes, &identity);
            if name.contains(".zip") {
                assert!(opened == plain[inside], "{name}");
            }
        }
        assert_eq!(
            held.keys().filter(|name| name.ends_with(".json.age")).count(),
            if manifests == "yes" { 2 } else { 0 }
        );
        home.ok(["delivery", "verify"]).says(0, &["All 4 delivered files"]);
        home.ok(["run", "--on", "2021-04-02"]).says(0, &["Nothing was due"]);

        // What is sent again is encrypted anew, and its manifest tells of that.
        let zip = held.keys().find(|name| name.ends_with(".zip.age")).unwrap();
        fs::remove_file(home.path("bucket").join(zip)).unwrap();
        home.run(["delivery", "verify"]).says(4, &["1 of 4"]);
        home.ok(["delivery", "repair"]);
        home.ok(["delivery", "verify"]).says(0, &["All 4 delivered files"]);
        let again = fs::read(home.path("bucket").join(zip)).unwrap();
        assert!(
            again != held[zip] && decrypted(&again, &identity) == plain[zip.strip_suffix(".age").unwrap()]
        );
    }
}

/// Encrypts nothing, and looks meanwhile whether the sink's folder has anything that was not encrypted.
struct Looking(std::path::PathBuf);

impl Seal for Looking {
    fn format(&self) -> &'static str {
        "age"
    }

    fn suffix(&self) -> &'static str {
        ".age"
    }

    fn seals_manifests(&self) -> bool {
        false
    }

    fn seal(&self, from: &mut dyn std::io::Read, to: &mut dyn std::io::Write) -> std::io::Result<()> {
        for folder in [self.0.clone(), self.0.join(".billkeep-staging")] {
            for entry in fs::read_dir(folder).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                assert!(!name.ends_with(".zip"), "`{name}` lies at the sink, and is not encrypted");
            }
        }
        std::io::copy(from, to).map(drop)
    }
}

#[test]
fn what_is_to_be_encrypted_never_lies_at_the_sink_before() {
    let home = enabled(&[]);
    let store = Store::open(&home.store(), &OpenOptions::default(), Access::Write).unwrap();
    let record = SinkRecord::get(&store.read().unwrap(), "bucket").unwrap();
    let folder = home.path("bucket");
    let to = Destination {
        record,
        sink: Box::new(billkeep_sinks::Folder::create(&folder).unwrap()),
        seal: Some(Box::new(Looking(folder.clone()))),
        sign: None,
    };
    let (stage, on) = (home.path("staging"), "2021-04-02".parse().unwrap());
    let render = RenderSettings { threads: 1, cache: None };
    let ways = Ways { render, stage: &stage, meter: &NoMeter, at_once: false };
    let actor = Actor { name: "ann".into(), at_unix_s: 1 };
    for item in DueItem::on(&store.read().unwrap(), on, Basis::Used).unwrap() {
        if let Ok(wanted) = item.verdict {
            store.deliver(&to, wanted, on, &ways, &actor).unwrap();
        }
    }
    let held = bucket::listing(&folder);
    assert_eq!(held.keys().filter(|name| name.ends_with(".zip.age")).count(), 2);
}

#[test]
fn a_manifest_is_signed_and_another_program_says_that_the_signature_is_right() {
    let home = Home::with(&[demo_file(3, 31)]);
    let (key, public) = (home.path("key.pem"), home.path("public.pem"));
    let openssl = |args: &[&str]| Command::new("openssl").args(args).current_dir(home.path("")).output();
    match openssl(&["genpkey", "-algorithm", "ed25519", "-out", "key.pem"]) {
        Ok(output) if output.status.success() => {}
        _ => return crate::support::python::skip("the signature of a manifest", "openssl"),
    }
    assert!(openssl(&["pkey", "-in", "key.pem", "-pubout", "-out", "public.pem"]).unwrap().status.success());
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    home.sink("bucket", &[&format!("sign_key={}", key.display())]);
    home.ok(["storage", "allow", PAYER]);
    home.ok(["storage", "authorize", PAYER]);
    home.ok(["storage", "enable", PAYER, "--sink", "bucket", "--kinds", "monthly"]);
    home.run(["run", "--on", "2021-04-02"]).says(1, &["chmod 600"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    home.ok(["run", "--on", "2021-04-02"]);
    let folder = home.path("bucket");
    let held = bucket::listing(&folder);
    assert_eq!(held.len(), 3);
    let manifest = held.keys().find(|name| name.ends_with(".json")).unwrap();
    let verified = |manifest: &std::path::Path| {
        let (m, s) =
            (manifest.to_str().unwrap(), folder.join(held.keys().find(|n| n.ends_with(".sig")).unwrap()));
        let args = [
            "pkeyutl",
            "-verify",
            "-pubin",
            "-inkey",
            public.to_str().unwrap(),
            "-rawin",
            "-in",
            m,
            "-sigfile",
        ];
        openssl(&[&args[..], &[s.to_str().unwrap()]].concat()).unwrap().status.success()
    };
    assert!(verified(&folder.join(manifest)));
    let altered = home.write("altered.json", &[&held[manifest][..], b" "].concat());
    assert!(!verified(&altered));
    home.ok(["delivery", "verify"]).says(0, &["All 3 delivered files"]);
    fs::write(folder.join(format!("{manifest}.sig")), b"forged").unwrap();
    home.run(["delivery", "verify"]).says(4, &["1 of 3"]);
    home.ok(["delivery", "repair"]);
    assert!(verified(&folder.join(manifest)));
    home.ok(["delivery", "verify"]).says(0, &["All 3 delivered files"]);
}
