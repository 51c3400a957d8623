#!/usr/bin/env python3
"""Copies between two of Debian's docker-registry on loopback, with their storage in memory, by us and by others.

`make bench` runs this; by itself, `tests/bench/registries.py [WORD...]` measures what is built, only the rows with one of
the words in their names, and writes nothing.
"""

import hashlib
import http.client
import io
import itertools
import json
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib

sys.dont_write_bytecode = True
from measuring import CACHE, RELEASE, ROOT, beside, ratios, shown

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
TOOLS = ROOT / "tests/tools/build"
HEAD = ["| what | with | measured | copy-image beside it | wanted |", "| --- | --- | --- | --- | --- |"]


class Registry:
    """A docker-registry; `fresh` gives it an empty storage, and Go's runtime a new life."""

    def __init__(self, directory):
        self.directory = directory
        self.storage = directory / "storage"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{free.getsockname()[1]}"
        directory.mkdir()
        self.config = directory / "config.yml"
        self.config.write_text(json.dumps({
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(self.storage)}},
            "http": {"addr": self.host},
        }))
        self.process = None
        self.fresh()

    def fresh(self):
        self.stop()
        shutil.rmtree(self.storage, ignore_errors=True)
        self.process = subprocess.Popen(["docker-registry", "serve", self.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while True:
            try:
                return self.request("GET", "/v2/")
            except ConnectionError:
                if time.monotonic() > until or self.process.poll() is not None:
                    sys.exit(f"docker-registry does not start with {self.config}")
                time.sleep(0.01)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def request(self, method, path, body=None, headers={}):
        connection = http.client.HTTPConnection(self.host)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        if answer.status >= 300:
            sys.exit(f"{method} {path}: {answer.status} {said.decode()}")
        return answer

    def push(self, repository, content, media_type):
        """Puts a blob there and says how a manifest refers to it."""
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        upload = self.request("POST", f"/v2/{repository}/blobs/uploads/", headers={"Content-Length": "0"}).headers["Location"]
        path = upload.removeprefix(f"http://{self.host}")
        self.request("PUT", f"{path}&digest={digest}", content, {"Content-Type": "application/octet-stream"})
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def tag(self, repository, tag, manifest):
        content = json.dumps(manifest).encode()
        self.request("PUT", f"/v2/{repository}/manifests/{tag}", content, {"Content-Type": manifest["mediaType"]})
        return {"mediaType": manifest["mediaType"], "digest": "sha256:" + hashlib.sha256(content).hexdigest(), "size": len(content)}


def layer(size):
    """A layer with one file that no compression makes smaller, and its digest when unpacked."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("data")
        entry.size = size
        tar.addfile(entry, io.BytesIO(os.urandom(size)))
    gzip = zlib.compressobj(0, wbits=31)
    return gzip.compress(archive.getbuffer()) + gzip.flush(), hashlib.sha256(archive.getbuffer()).hexdigest()


def image(registry, repository, tag, layers, size, architecture="amd64"):
    """Pushes an image with so many layers of so many bytes."""
    pushed, unpacked = [], []
    for _ in range(layers):
        content, diff_id = layer(size)
        pushed.append(registry.push(repository, content, LAYER))
        unpacked.append(f"sha256:{diff_id}")
    config = {"architecture": architecture, "os": "linux", "config": {"Labels": {"name": repository}}, "rootfs": {"type": "layers", "diff_ids": unpacked}}
    config = registry.push(repository, json.dumps(config).encode(), CONFIG)
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": pushed}
    platform = {"architecture": architecture, "os": "linux"}
    return registry.tag(repository, tag, manifest) | {"platform": platform}, [config, *pushed]


def tools():
    """How each copies one image; those that are there."""
    ours = lambda source, target: [RELEASE / "copy-image", f"--source={source}", "--", target]
    copiers = {"copy-image": ours}
    if shutil.which("skopeo"):
        version = subprocess.run(["skopeo", "--version"], capture_output=True, text=True).stdout.split()[-1]
        plain = ["--all", "--src-tls-verify=false", "--dest-tls-verify=false"]
        copiers[f"skopeo {version}"] = lambda a, b: ["skopeo", "--insecure-policy", "copy", *plain, f"docker://{a}", f"docker://{b}"]
    crane = built(TOOLS, "crane")
    if crane:
        copiers[f"crane {crane.name.removeprefix('crane-')}"] = lambda a, b: [crane, "copy", a, b]
    return copiers, crane


def built(*command):
    """The program that a build script made, as it says at the end; None when it could not."""
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    return pathlib.Path(said.stdout.split()[-1]) if said.returncode == 0 else None


def oci_client():
    """The copier over the crate oci-client."""
    target = CACHE / "target/oci-client"
    built = subprocess.run(["cargo", "build", "--release", "--quiet", "--locked"], cwd=ROOT / "tests/bench/oci-client", env=os.environ | {"CARGO_TARGET_DIR": str(target)})
    return target / "release/oci-client-copy" if built.returncode == 0 else None


def rows(wanted):
    """The rows that are wanted, as a section of docs/benchmarks.md."""
    names = {
        "large": "copy 1 GB: 10 layers, to an empty registry",
        "mounted": "copy 1 GB to another repository of its registry",
        "present": "copy 1 GB that is there already",
        "small": "copy 200 images of 5 MB, a process for each",
        "inspect": "inspect an index of 4 images",
    }
    names = {key: name for key, name in names.items() if wanted(name)}
    if not names:
        return []
    copiers, crane = tools()
    lines = []

    def row(name, measured, wish):
        ours = next(iter(measured))
        for who in measured:
            beside_it = "" if who == ours else ratios(measured[ours], measured[who])
            lines.append(f"| {name} | {who} | {shown(measured[who])} | {beside_it} | {wish if who == ours else ''} |")
            print(lines[-1], flush=True)

    memory = pathlib.Path("/dev/shm")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="stepwright-bench-", dir=memory if memory.is_dir() else None))
    source, target = None, None
    try:
        source, target = Registry(directory / "source"), Registry(directory / "target")
        if {"large", "mounted", "present"} & names.keys():
            _, blobs = image(source, "big", "1", 10, 100_000_000)
        all_of = lambda a, b: {name: copy(a, b) for name, copy in copiers.items()}
        pipe = lambda repository, blobs: [RELEASE / "examples/pipe", source.host, target.host, repository, "4", *(blob["digest"] for blob in blobs)]
        big, there = f"{source.host}/big:1", f"{target.host}/big:1"
        if "large" in names:
            commands = all_of(big, there)
            if peer := oci_client():
                commands["oci-client 0.18, each blob in one request"] = [peer, big, there]
                commands["oci-client 0.18, as it comes"] = [peer, big, there, "default"]
            commands["a bare GET into a PUT"] = pipe("big", blobs)
            row(names["large"], beside(commands, 7, target.fresh, min), "wall at most 0.7, CPU 0.3 of the better of skopeo and crane; 20 MiB")
        if "mounted" in names:
            count = itertools.count()
            fresh = lambda copy: lambda: copy(big, f"{source.host}/other-{next(count)}:1")
            row(names["mounted"], beside({name: fresh(copy) for name, copy in copiers.items()}, 7, of=min), "at most 50 ms")
        if "present" in names:
            subprocess.run(copiers["copy-image"](big, there), check=True, capture_output=True)
            row(names["present"], beside(all_of(big, there), 21, of=min), "at most 50 ms")
        if "small" in names:
            target.fresh()
            small = [image(source, f"small/{n}", "1", 1, 5_000_000)[1] for n in range(200)]
            loop = lambda commands: ["sh", "-ec", "\n".join(shlex.join(map(str, command)) for command in commands)]
            commands = {
                name: loop(copy(f"{source.host}/small/{n}:1", f"{target.host}/small/{n}:1") for n in range(200))
                for name, copy in copiers.items()
            }
            commands["a bare GET into a PUT"] = loop(pipe(f"small/{n}", blobs) for n, blobs in enumerate(small))
            row(names["small"], beside(commands, 3, target.fresh, min), "wall at most 1/3 of the better one")
        inspect = RELEASE / "inspect-image"
        if "inspect" in names and inspect.exists():
            images = [image(source, "multi", f"{n}", 1, 1000, architecture)[0] for n, architecture in enumerate(["amd64", "arm64", "ppc64le", "s390x"])]
            source.tag("multi", "all", {"schemaVersion": 2, "mediaType": INDEX, "manifests": images})
            name = f"{source.host}/multi:all"
            commands = {"inspect-image": [inspect, f"--image={name}"]}
            for tool in copiers:
                if tool.startswith("skopeo"):
                    commands[f"{tool} inspect"] = ["skopeo", "inspect", "--tls-verify=false", f"docker://{name}"]
                    commands[f"{tool} inspect --raw"] = ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}"]
                if tool.startswith("crane"):
                    commands[f"{tool} manifest"] = [crane, "manifest", name]
            row(names["inspect"], beside(commands, 21, of=min), "at most 15 ms")
    finally:
        for registry in (source, target):
            if registry:
                registry.stop()
        shutil.rmtree(directory)
    load = os.getloadavg()[2]
    return [
        "## Registries",
        "",
        "Two of Debian's docker-registry on loopback without TLS, with their storage in memory: best of several runs by turns, each with a",
        f"fresh registry where it has to be empty. The ratio is that of our wall / CPU / memory to theirs. (Load in those minutes: {load:.1f}.)",
        "",
        *HEAD,
        *lines,
    ]


if __name__ == "__main__":
    words = sys.argv[1:]
    rows(lambda name: not words or any(word in name for word in words))
