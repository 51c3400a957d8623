# The parts that `up` starts, one function each; every function does nothing where its part is up.
# shellcheck shell=bash disable=SC2154

# A bridge with a private address is the node's network: no other interface gets a listener.
network() {
    if [ "$pods" = false ]; then
        # Tekton's programs listen on all interfaces: where we may, only loopback reaches them.
        if [ "$(id -u)" = 0 ] && iptables -w -S >/dev/null 2>&1; then
            chain STEPWRIGHT-IN INPUT
            local port
            # 8080 is the webhook's, which has no setting for it.
            for port in 8080 18000:18499; do iptables -w -A STEPWRIGHT-IN ! -i lo -p tcp --dport "$port" -j DROP; done
        fi
        return
    fi
    local key
    # Services are addresses that iptables rewrites, also between two pods of the bridge.
    modprobe br_netfilter 2>/dev/null || true
    # What they were is what `down` sets them to; the kubelet sets the last ones.
    for key in net/ipv4/ip_forward net/bridge/bridge-nf-call-iptables vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops; do
        [ -e "/proc/sys/$key" ] || die "this kernel has no /proc/sys/$key" "tests/cluster/up --no-pods needs none"
        [ -e "$state/sysctl/$key" ] || { mkdir -p "$state/sysctl/${key%/*}" && cat "/proc/sys/$key" >"$state/sysctl/$key"; }
    done
    echo 1 >/proc/sys/net/ipv4/ip_forward
    echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
    ip link show "$bridge" >/dev/null 2>&1 || ip link add "$bridge" type bridge
    ip addr replace "$node_ip/32" dev "$bridge"
    ip addr replace "$pods_gateway" dev "$bridge"
    ip link set "$bridge" up
    # Pods do not get out, and nobody gets in: forwarding is between pods only, and the node's address is for them and us.
    chain STEPWRIGHT FORWARD
    iptables -w -A STEPWRIGHT -i "$bridge" ! -o "$bridge" -j REJECT
    iptables -w -A STEPWRIGHT ! -i "$bridge" -o "$bridge" -j DROP
    chain STEPWRIGHT-IN INPUT
    iptables -w -A STEPWRIGHT-IN -i lo -j RETURN
    iptables -w -A STEPWRIGHT-IN -i "$bridge" -j RETURN
    iptables -w -A STEPWRIGHT-IN -d "$node_ip" -j DROP
}

# An empty chain of ours that a chain of the kernel goes through first.
chain() { # NAME PARENT
    iptables -w -N "$1" 2>/dev/null || iptables -w -F "$1"
    iptables -w -C "$2" -j "$1" 2>/dev/null || iptables -w -I "$2" -j "$1"
}

# One authority, the API server's certificate and the one it shows to the kubelet; everybody else has a token.
certificates() {
    local pki=$state/pki who
    [ ! -e "$pki/done" ] || return 0
    mkdir -p "$pki"
    chmod 700 "$pki"
    local key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650)
    openssl req -x509 "${key[@]}" -subj /CN=stepwright-test-ca -keyout "$pki/ca.key" -out "$pki/ca.crt" 2>/dev/null
    openssl req -x509 "${key[@]}" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -subj /CN=kube-apiserver \
        -addext "subjectAltName=IP:$node_ip,IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local" \
        -addext basicConstraints=critical,CA:FALSE -keyout "$pki/apiserver.key" -out "$pki/apiserver.crt" 2>/dev/null
    openssl req -x509 "${key[@]}" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -subj /O=system:masters/CN=kube-apiserver-kubelet-client \
        -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=clientAuth \
        -keyout "$pki/kubelet-client.key" -out "$pki/kubelet-client.crt" 2>/dev/null
    openssl genrsa -out "$pki/accounts.key" 2048 2>/dev/null
    : >"$pki/tokens.csv"
    identity admin admin system:masters
    identity controller-manager system:kube-controller-manager
    identity scheduler system:kube-scheduler
    identity kube-proxy system:kube-proxy
    identity kubelet "system:node:$node" system:nodes
    identity coredns system:coredns
    touch "$pki/done"
}

identity() { # NAME USER [GROUP]
    local token
    token=$(openssl rand -hex 24)
    echo "$token,$2,$1${3:+,$3}" >>"$state/pki/tokens.csv"
    kubeconfig "$1" "$token" >"$state/pki/$1.kubeconfig"
    [ "$1" != admin ] || install -m 600 "$state/pki/admin.kubeconfig" "$state/kubeconfig"
}

kubeconfig() { # NAME TOKEN
    cat <<YAML
apiVersion: v1
kind: Config
current-context: stepwright
clusters: [{name: stepwright, cluster: {server: "https://$node_ip:6443", certificate-authority: "$state/pki/ca.crt"}}]
users: [{name: $1, user: {token: $2}}]
contexts: [{name: stepwright, context: {cluster: stepwright, user: $1}}]
YAML
}

control_plane() {
    local etcd=http://127.0.0.1:23790 pki=$state/pki reconciler=lease
    # Without a network of its own there is no address that may be an endpoint.
    [ "$pods" = true ] || reconciler=none
    # What is lost in a crash is only a test's.
    start etcd etcd --data-dir "$state/etcd" --unsafe-no-fsync --listen-client-urls "$etcd" --advertise-client-urls "$etcd" \
        --listen-peer-urls http://127.0.0.1:23791 --initial-advertise-peer-urls http://127.0.0.1:23791 \
        --initial-cluster default=http://127.0.0.1:23791 --logger zap --log-level warn
    start registry docker-registry serve "$(registry_config)"
    wait_for etcd 30 curl -sf "$etcd/health"
    start kube-apiserver "$bin/k8s/kube-apiserver" --etcd-servers "$etcd" --bind-address "$node_ip" --secure-port 6443 \
        $([ "$pods" = false ] || echo --advertise-address "$node_ip") --endpoint-reconciler-type "$reconciler" \
        --allow-privileged --authorization-mode Node,RBAC --token-auth-file "$pki/tokens.csv" \
        --client-ca-file "$pki/ca.crt" --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
        --kubelet-client-certificate "$pki/kubelet-client.crt" --kubelet-client-key "$pki/kubelet-client.key" \
        --kubelet-preferred-address-types InternalIP --service-cluster-ip-range "$services_cidr" \
        --service-account-issuer https://kubernetes.default.svc.cluster.local \
        --service-account-key-file "$pki/accounts.key" --service-account-signing-key-file "$pki/accounts.key"
    wait_for kube-apiserver 90 k get --raw /readyz
    # An election that was won before a restart lasts longer than the restart.
    k delete lease --all -n tekton-pipelines --ignore-not-found >/dev/null 2>&1 || true
    k delete lease --all -n tekton-pipelines-resolvers --ignore-not-found >/dev/null 2>&1 || true
    start kube-controller-manager "$bin/k8s/kube-controller-manager" --kubeconfig "$pki/controller-manager.kubeconfig" \
        --bind-address 127.0.0.1 --leader-elect=false --use-service-account-credentials --root-ca-file "$pki/ca.crt" \
        --service-account-private-key-file "$pki/accounts.key" --allocate-node-cidrs=false \
        --flex-volume-plugin-dir "$state/kubelet/plugins"
}

registry_config() {
    put "$state/registry.yml" <<YAML
version: 0.1
log: {level: warn}
storage:
  filesystem: {rootdirectory: "$state/registry"}
  delete: {enabled: true}
http: {addr: "$registry"}
YAML
    echo "$state/registry.yml"
}

# Everything that makes the machine a node: containers, the kubelet, Services, DNS, volumes.
# containerd answers before the part of it that Kubernetes speaks to, the later the more containers there were; a kubelet that
# comes too early ends.
kubelet() {
    local until=$((SECONDS + 60))
    until curl --fail --silent --output /dev/null http://127.0.0.1:10248/healthz; do
        [ $SECONDS -lt $until ] || die "kubelet does not become healthy" "its log is $logs/kubelet.log"
        start kubelet "$bin/k8s/kubelet" --config "$state/kubelet.yml" --kubeconfig "$state/pki/kubelet.kubeconfig" \
            --root-dir "$state/kubelet" --cert-dir "$state/kubelet/pki" --hostname-override "$node" --node-ip "$node_ip"
        sleep 0.2
    done
}

worker() {
    mkdir -p "$state"/{kubelet,manifests,cni,ipam,volumes} "$state/certs.d/$registry"
    configurations
    # Of a machine that was switched off: containerd takes it for what runs.
    pid_of containerd >/dev/null || [ -n "$(mounted)" ] || rm -rf "$run/containerd"
    start containerd containerd --config "$state/containerd.toml"
    wait_for containerd 30 ctr_ version
    images
    start kube-scheduler "$bin/k8s/kube-scheduler" --kubeconfig "$state/pki/scheduler.kubeconfig" --bind-address 127.0.0.1 --leader-elect=false
    start kube-proxy "$bin/k8s/kube-proxy" --config "$state/kube-proxy.yml"
    k apply --server-side -f "$here/cluster.yaml" >/dev/null
    start coredns "$bin/coredns/coredns" -conf "$state/Corefile"
    start provisioner "$here/provisioner" "$bin/k8s/kubectl" "$state/kubeconfig" "$state/volumes" "$node"
    kubelet
    wait_for kubelet 60 k get node "$node"
    k wait --for=condition=Ready "node/$node" --timeout=60s >/dev/null
}

# What is the same is left alone: kube-proxy ends when its file is written.
put() { # FILE
    local new
    new=$(cat)
    [ "$(cat "$1" 2>/dev/null)" = "$new" ] || echo "$new" >"$1"
}

configurations() {
    put "$state/containerd.toml" <<TOML
version = 2
root = "$state/containerd"
state = "$run/containerd"
[grpc]
address = "$run/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "stepwright.test/pause:1"
# Root may lack the right to lower it, and runc then fails.
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
disable_tcp_service = true
stream_server_address = "127.0.0.1"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "$state/cni"
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "$state/certs.d"
[plugins."io.containerd.internal.v1.opt"]
path = "$state/opt"
TOML
    put "$state/certs.d/$registry/hosts.toml" <<TOML
server = "http://$registry"
[host."http://$registry"]
capabilities = ["pull", "resolve"]
TOML
    put "$state/cni/10-stepwright.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "stepwright", "plugins": [
  {"type": "bridge", "bridge": "$bridge", "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$state/ipam", "ranges": [[{"subnet": "$pods_cidr"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}}
]}
JSON
    : >"$state/resolv.conf"
    local cgroup
    for cgroup in "$cgroups"/*/; do mkdir -p "${cgroup}stepwright" 2>/dev/null || true; done
    put "$state/kubelet.yml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $node_ip
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: "$state/pki/ca.crt"}}
authorization: {mode: Webhook}
clusterDNS: ["$node_ip"]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://$run/containerd.sock
volumePluginDir: "$state/kubelet/plugins"
cgroupDriver: cgroupfs
cgroupRoot: /stepwright
failCgroupV1: false
failSwapOn: false
healthzBindAddress: 127.0.0.1
makeIPTablesUtilChains: false
oomScoreAdj: 0
resolvConf: "$state/resolv.conf"
staticPodPath: "$state/manifests"
serverTLSBootstrap: false
serializeImagePulls: false
# A change of a pod that it misses is seen this much later, instead of a minute.
syncFrequency: 5s
podLogsDir: "$logs/pods"
# The disk is the machine's: its owner knows how full it may be.
evictionHard: {memory.available: 100Mi, nodefs.available: 100Mi, imagefs.available: 100Mi, nodefs.inodesFree: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
YAML
    put "$state/kube-proxy.yml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
bindAddress: $node_ip
clientConnection: {kubeconfig: "$state/pki/kube-proxy.kubeconfig"}
clusterCIDR: $pods_cidr
healthzBindAddress: 127.0.0.1:10256
hostnameOverride: $node
metricsBindAddress: 127.0.0.1:10249
mode: iptables
nodePortAddresses: ["$node_ip/32"]
conntrack: {maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML
    put "$state/Corefile" <<COREDNS
.:53 {
    bind $node_ip
    errors
    kubernetes cluster.local in-addr.arpa {
        kubeconfig $state/pki/coredns.kubeconfig stepwright
        pods insecure
    }
    cache 5
}
COREDNS
}

# Images of what was built here: packed once, imported when the node does not have them.
images() {
    local want name version
    want=$(cat "$bin"/{tekton,triggers,pause}/.stamp "$here/image" | sha256sum | cut -d' ' -f1)
    if [ "$(cat "$bin/images.stamp" 2>/dev/null)" != "$want" ]; then
        local list=("stepwright.test/pause:1=/pause,$bin/pause/pause:/pause" "stepwright.test/busybox:1=/bin/busybox,/bin/busybox:/bin/busybox")
        version=$(version tekton)
        for name in controller entrypoint events nop sidecarlogresults webhook workingdirinit; do
            list+=("stepwright.test/tekton/$name:$version=/ko-app/$name,$bin/tekton/$name:/ko-app/$name")
        done
        # This one runs git, and reaps what git leaves behind.
        list+=("stepwright.test/tekton/resolvers:$version=/ko-app/resolvers,$bin/tekton/resolvers:/ko-app/resolvers,/usr/bin/tini-static:/sbin/tini")
        version=$(version triggers)
        for name in controller eventlistenersink interceptors webhook; do
            list+=("stepwright.test/triggers/$name:$version=/ko-app/$name,$bin/triggers/$name:/ko-app/$name")
        done
        say "packing images"
        "$here/image" "$bin/images.tar" "${list[@]}"
        echo "$want" >"$bin/images.stamp"
    fi
    [ "$(cat "$state/images.stamp" 2>/dev/null)" != "$want" ] || return 0
    ctr_ images import "$bin/images.tar" >>"$logs/images.log"
    echo "$want" >"$state/images.stamp"
}

version() { sed -n "s|^.*github.com/tektoncd/$([ "$1" = tekton ] && echo pipeline || echo "$1") \(v[^ ]*\).*|\1|p" "$here/$1/go.mod"; }

# The directory of a module's own manifests, as it was released.
released() { (cd "$here/$1" && go list -mod=readonly -m -f '{{.Dir}}' "github.com/tektoncd/$2"); }

tekton() {
    local at=$state/tekton want name
    want=$(cat "$here"/{tekton,triggers}/go.mod "$here/manifests" | sha256sum | cut -d' ' -f1)
    if [ "$(cat "$at/applied" 2>/dev/null)" != "$want" ]; then
        mkdir -p "$at"
        /usr/bin/python3 "$here/manifests" "$at" "$pods" "tekton=$(version tekton)=$(released tekton pipeline)/config" \
            "triggers=$(version triggers)=$(released triggers triggers)/config"
        k apply --server-side --force-conflicts -f "$at/1-definitions.json" >"$logs/apply.log"
        k wait --for=condition=Established --timeout=60s customresourcedefinition --all >>"$logs/apply.log"
        k apply --server-side --force-conflicts -f "$at/2-parts.json" >>"$logs/apply.log"
        processes
        k apply --server-side --force-conflicts -f "$at/3-webhooks.json" >>"$logs/apply.log"
        tekton_ready
        echo "$want" >"$at/applied"
    else
        processes
        tekton_ready
    fi
}

# Without pods, Tekton's own parts are processes like the API server.
processes() {
    [ "$pods" = false ] || return 0
    local script
    for script in "$state"/tekton/*.sh; do
        BIN=$bin KUBECONFIG=$state/kubeconfig start "$(basename "$script" .sh)" sh "$script"
    done
}

# An object that admission looks at is the proof that admission is there.
admitted() { k create --dry-run=server -f "$here/admission.yaml"; }

tekton_ready() {
    if [ "$pods" = true ]; then
        # A Deployment is as available as it was before a restart until its new pods say so.
        # Only Tekton's: what a test has left behind may be on its way out.
        { k wait --for=condition=Available --timeout=120s deployment --all -n tekton-pipelines &&
            k wait --for=condition=Available --timeout=60s deployment --all -n tekton-pipelines-resolvers; } >/dev/null ||
            die "Tekton does not become ready: $(k get pods -A --no-headers | grep -v Running | head -5)" "logs are in $logs/pods"
        wait_for kubelet 120 admitted
    else
        wait_for tekton-pipelines-webhook 60 admitted
    fi
}
