#!/bin/bash
# A real Kubernetes of one node for tests. BIN is the folder of build.sh.
#   cluster.sh up DIR BIN        starts the programs of BIN, etcd, containerd and runc. DIR/admin.conf is the kubeconfig
#   cluster.sh keda DIR BIN      adds KEDA: its operator scales between 0 and 1, and the cluster's autoscaler scales
#                                further by the metrics of KEDA's adapter
#   cluster.sh policies DIR BIN  enforces network policies with kube-router
#   cluster.sh nodes DIR BIN     simulates nodes with the annotation kwok.x-k8s.io/node=fake, and their pods
#   cluster.sh down DIR          stops all, and removes all processes, mounts, links and rules
# Needs root, and: apt-get install etcd-server containerd runc containernetworking-plugins nftables iptables ipset openssl curl
set -euo pipefail

what=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)

# Address of the node, on its own bridge, because Kubernetes refuses a loopback address.
NODE_LINK=shardmill-node NODE_IP=10.99.0.1
POD_LINK=shardmill-pods POD_RANGE=10.244.0.0/16
SERVICE_RANGE=10.96.0.0/16

start() { # NAME PROGRAM [ARGUMENT]...: runs it in the background. Writes DIR/NAME.pid and DIR/NAME.log
  local name=$1
  shift
  setsid "$@" > "$dir/$name.log" 2>&1 < /dev/null &
  echo $! > "$dir/$name.pid"
}

until_true() { # SECONDS COMMAND...
  local tries=$(($1 * 5))
  shift
  until "$@" > /dev/null 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { echo "cluster.sh: timed out: $*" >&2; tail -n 5 "$dir"/*.log >&2; exit 1; }
    sleep 0.2
  done
}

authority() { # NAME
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$1" \
    -keyout "$dir/$1.key" -out "$dir/$1.crt" 2> /dev/null
}

certificate() { # NAME AUTHORITY SUBJECT [ALTERNATIVES]
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$3" -keyout "$dir/$1.key" -out "$dir/$1.csr" 2> /dev/null
  openssl x509 -req -in "$dir/$1.csr" -CA "$dir/$2.crt" -CAkey "$dir/$2.key" -CAcreateserial -days 30 -out "$dir/$1.crt" \
    -extfile <(printf '%s\n' "extendedKeyUsage=serverAuth,clientAuth" "${4:+subjectAltName=$4}") 2> /dev/null
}

link() { # NAME ADDRESS
  ip link add "$1" type bridge
  ip address add "$2" dev "$1"
  ip link set "$1" up
}

write_configs() {
  authority ca
  authority front-proxy
  certificate apiserver ca /CN=kube-apiserver "DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1,IP:$NODE_IP,IP:10.96.0.1"
  certificate admin ca /O=system:masters/CN=admin
  certificate proxy-client front-proxy /CN=aggregator
  openssl genrsa -out "$dir/accounts.key" 2048 2> /dev/null
  openssl rsa -in "$dir/accounts.key" -pubout -out "$dir/accounts.pub" 2> /dev/null
  cat > "$dir/admin.conf" << CONF
apiVersion: v1
kind: Config
clusters: [{name: here, cluster: {server: "https://$NODE_IP:6443", certificate-authority: "$dir/ca.crt"}}]
users: [{name: admin, user: {client-certificate: "$dir/admin.crt", client-key: "$dir/admin.key"}}]
contexts: [{name: here, context: {cluster: here, user: admin}}]
current-context: here
CONF
  cat > "$dir/containerd.toml" << CONF
version = 2
root = "$dir/containerd/root"
state = "$dir/containerd/state"
[grpc]
  address = "$dir/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:test"
  # For virtual machines in which root may not lower the OOM score.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$dir/cni"
CONF
  mkdir -p "$dir/cni"
  cat > "$dir/cni/10-bridge.conflist" << CONF
{"cniVersion": "1.0.0", "name": "shardmill", "plugins": [
  {"type": "bridge", "bridge": "$POD_LINK", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$dir/addresses", "ranges": [[{"subnet": "$POD_RANGE"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
CONF
  cat > "$dir/kubelet.yaml" << CONF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: "$dir/ca.crt"}}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix://$dir/containerd.sock
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
podLogsDir: $dir/logs
CONF
  cat > "$dir/proxy.yaml" << CONF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: "$dir/admin.conf"}
mode: nftables
clusterCIDR: $POD_RANGE
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
CONF
}

# Kernel settings of the whole machine that the kubelet, the proxy and this script change.
SETTINGS="net/ipv4/ip_forward vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes"

keep_settings() {
  local name
  [ ! -f "$dir/settings" ] || return 0
  for name in $SETTINGS; do
    if [ -f "/proc/sys/$name" ]; then echo "/proc/sys/$name $(cat "/proc/sys/$name")"; fi
  done > "$dir/settings"
}

up() {
  local bin
  bin=$(cd "$1" && pwd)
  write_configs
  link "$NODE_LINK" "$NODE_IP/24"
  # At least one line, because grep without patterns matches all lines.
  { nft list tables; echo none; } > "$dir/tables"
  keep_settings
  echo 1 > /proc/sys/net/ipv4/ip_forward
  start etcd etcd --data-dir "$dir/etcd" --listen-client-urls http://127.0.0.1:12379 --advertise-client-urls http://127.0.0.1:12379 \
    --listen-peer-urls http://127.0.0.1:12380 --initial-advertise-peer-urls http://127.0.0.1:12380 --initial-cluster default=http://127.0.0.1:12380
  start apiserver "$bin/kube-apiserver" --etcd-servers=http://127.0.0.1:12379 --advertise-address=$NODE_IP --secure-port=6443 \
    --tls-cert-file="$dir/apiserver.crt" --tls-private-key-file="$dir/apiserver.key" --client-ca-file="$dir/ca.crt" \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$dir/accounts.pub" \
    --service-account-signing-key-file="$dir/accounts.key" --authorization-mode=Node,RBAC --service-cluster-ip-range=$SERVICE_RANGE \
    --kubelet-client-certificate="$dir/admin.crt" --kubelet-client-key="$dir/admin.key" --kubelet-preferred-address-types=InternalIP \
    --requestheader-client-ca-file="$dir/front-proxy.crt" --requestheader-allowed-names=aggregator \
    --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
    --requestheader-extra-headers-prefix=X-Remote-Extra- --proxy-client-cert-file="$dir/proxy-client.crt" \
    --proxy-client-key-file="$dir/proxy-client.key" --enable-aggregator-routing
  until_true 120 "$bin/kubectl" --kubeconfig "$dir/admin.conf" get --raw /readyz
  start controllers "$bin/kube-controller-manager" --kubeconfig="$dir/admin.conf" --leader-elect=false --bind-address=127.0.0.1 \
    --service-account-private-key-file="$dir/accounts.key" --root-ca-file="$dir/ca.crt" --horizontal-pod-autoscaler-sync-period=5s
  start scheduler "$bin/kube-scheduler" --kubeconfig="$dir/admin.conf" --leader-elect=false --bind-address=127.0.0.1
  start containerd containerd --config "$dir/containerd.toml"
  until_true 30 ctr --address "$dir/containerd.sock" version
  for image in pause shardmill; do
    ctr --address "$dir/containerd.sock" --namespace k8s.io images import "$bin/$image.tar" > /dev/null
  done
  start kubelet "$bin/kubelet" --config="$dir/kubelet.yaml" --kubeconfig="$dir/admin.conf" --root-dir="$dir/kubelet" --node-ip=$NODE_IP \
    --hostname-override=node --cert-dir="$dir/kubelet-pki"
  start proxy "$bin/kube-proxy" --config="$dir/proxy.yaml" --hostname-override=node
  until_true 120 "$bin/kubectl" --kubeconfig "$dir/admin.conf" wait --for=condition=Ready node/node --timeout=1s
  until_true 60 "$bin/kubectl" --kubeconfig "$dir/admin.conf" get serviceaccount default
}

keda() {
  local bin
  bin=$(cd "$1" && pwd)
  export KUBECONFIG=$dir/admin.conf
  "$bin/kubectl" apply --server-side --filename "$bin/keda-kinds" > /dev/null
  "$bin/kubectl" wait --for=condition=Established --timeout=30s --filename "$bin/keda-kinds" > /dev/null
  "$bin/kubectl" create namespace keda > /dev/null
  certificate keda ca /CN=keda-operator DNS:keda-operator
  mkdir "$dir/keda"
  cp "$dir/ca.crt" "$dir/keda/ca.crt"
  cp "$dir/keda.crt" "$dir/keda/tls.crt"
  cp "$dir/keda.key" "$dir/keda/tls.key"
  WATCH_NAMESPACE="" POD_NAMESPACE=keda KEDA_CLUSTER_OBJECT_NAMESPACE=keda start keda-operator "$bin/keda-operator" --zap-log-level=info \
    --zap-encoder=console --enable-prometheus-metrics=false --metrics-bind-address=0 --cert-dir="$dir/keda" \
    --health-probe-bind-address=127.0.0.1:18081 --metrics-service-bind-address=127.0.0.1:19666
  until_true 60 curl --fail --silent http://127.0.0.1:18081/readyz
  adapter "$bin"
}

# The adapter finds its cluster only as a pod does, by an account's token in a mounted folder. It gets a private mount with
# such a token.
adapter() {
  local account=$dir/keda/account
  "$1/kubectl" apply --filename - > /dev/null << MANIFEST
apiVersion: v1
kind: ServiceAccount
metadata: {name: keda, namespace: keda}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: keda}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: keda, namespace: keda}]
---
apiVersion: v1
kind: Service
metadata: {name: keda-metrics, namespace: keda}
spec: {ports: [{name: https, port: 443, targetPort: 16643}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: keda-metrics, namespace: keda, labels: {kubernetes.io/service-name: keda-metrics}}
addressType: IPv4
endpoints: [{addresses: [$NODE_IP], conditions: {ready: true}}]
ports: [{name: https, port: 16643, protocol: TCP}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.external.metrics.k8s.io}
spec: {group: external.metrics.k8s.io, version: v1beta1, groupPriorityMinimum: 100, versionPriority: 100,
  insecureSkipTLSVerify: true, service: {name: keda-metrics, namespace: keda}}
MANIFEST
  mkdir "$account"
  cp "$dir/ca.crt" "$account/ca.crt"
  printf keda > "$account/namespace"
  "$1/kubectl" --namespace keda create token keda > "$account/token"
  local place=/run/secrets/kubernetes.io/serviceaccount
  KUBERNETES_SERVICE_HOST=$NODE_IP KUBERNETES_SERVICE_PORT=6443 WATCH_NAMESPACE="" POD_NAMESPACE=keda \
    start keda-adapter unshare --mount bash -c "mount -t tmpfs none /run && mkdir -p $place && cp '$account'/* $place && exec \"\$@\"" - "$1/keda-adapter" \
    --authentication-kubeconfig="$KUBECONFIG" --authorization-kubeconfig="$KUBECONFIG" --bind-address=$NODE_IP --secure-port=16643 \
    --cert-dir="$dir/keda" --tls-cert-file="$dir/keda/tls.crt" --tls-private-key-file="$dir/keda/tls.key" \
    --metrics-service-address=127.0.0.1:19666 --metrics-service-grpc-authority=keda-operator
  "$1/kubectl" wait --for=condition=Available --timeout=120s apiservice/v1beta1.external.metrics.k8s.io > /dev/null
}

policies() {
  local bin
  bin=$(cd "$1" && pwd)
  start kube-router "$bin/kube-router" --kubeconfig="$dir/admin.conf" --hostname-override=node --run-firewall=true --run-router=false \
    --run-service-proxy=false --service-cluster-ip-range=$SERVICE_RANGE --iptables-sync-period=30s --health-port=0
  until_true 60 iptables --list-rules KUBE-ROUTER-FORWARD
}

# Removes the rules of kubelet and kube-router from tables that other programs may use. Sets are destroyed once no rule uses
# them.
end_rules() {
  local family set
  for family in iptables ip6tables; do
    $family-save 2> /dev/null | grep -vE 'KUBE-(FIREWALL|KUBELET-CANARY|ROUTER|POD-FW|NWPLCY)' | $family-restore
  done
  if [ -f "$dir/kube-router.log" ]; then
    for set in $(ipset list -name | grep -E '^(inet6:)?(KUBE-|kube-router-)'); do ipset destroy "$set"; done
  fi
}

nodes() {
  local bin
  bin=$(cd "$1" && pwd)
  start kwok "$bin/kwok" --config="$bin/kwok-stages.yaml" --kubeconfig="$dir/admin.conf" --manage-all-nodes=false \
    --manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake --node-lease-duration-seconds=40 --server-address=127.0.0.1:16450
  until_true 60 curl --fail --silent http://127.0.0.1:16450/healthz
}

stop() { # NAME
  [ -f "$dir/$1.pid" ] || return 0
  local pid
  pid=$(cat "$dir/$1.pid")
  kill "$pid" 2> /dev/null || true
  for _ in $(seq 50); do kill -0 "$pid" 2> /dev/null || break; sleep 0.1; done
  kill -KILL "$pid" 2> /dev/null || true
  rm -f "$dir/$1.pid"
}

down() {
  for name in kube-router kwok keda-adapter keda-operator proxy kubelet; do stop "$name"; done
  if [ -S "$dir/containerd.sock" ]; then
    local task
    # Processes in pods first, then the pods.
    for task in $(ctr --address "$dir/containerd.sock" --namespace k8s.io tasks list --quiet 2> /dev/null); do
      ctr --address "$dir/containerd.sock" --namespace k8s.io tasks delete --force "$task" > /dev/null 2>&1 || true
    done
  fi
  for name in scheduler controllers apiserver etcd containerd; do stop "$name"; done
  # Each pod had a shim process, which keeps its container.
  local shim
  for shim in /proc/[0-9]*; do
    if { tr '\0' ' ' < "$shim/cmdline"; } 2> /dev/null | grep -q "^[^ ]*containerd-shim.* $dir/containerd.sock"; then kill -KILL "${shim#/proc/}" 2> /dev/null || true; fi
  done
  # Deepest mounts first.
  awk '{print $2}' /proc/mounts | grep "^$dir/" | sort -r | while read -r at; do umount -l "$at" 2> /dev/null || true; done
  local space
  for space in $(ip netns list 2> /dev/null | sed -n 's/^\(cni-[^ ]*\).*/\1/p'); do ip netns delete "$space" 2> /dev/null || true; done
  for name in "$NODE_LINK" "$POD_LINK"; do ip link delete "$name" 2> /dev/null || true; done
  end_rules
  # Deletes the tables of kubelet and kube-proxy. Tables from before the start stay.
  if [ -f "$dir/tables" ]; then
    nft list tables | { grep -vxFf "$dir/tables" || true; } | while read -r table; do nft delete $table; done
  fi
  # Restores the settings, because with unlimited overcommit the kernel kills processes that use too much memory.
  [ ! -f "$dir/settings" ] || while read -r path value; do echo "$value" > "$path"; done < "$dir/settings"
  rm -rf "$dir"
}

case $what in
  up) up "$3" ;;
  keda) keda "$3" ;;
  policies) policies "$3" ;;
  nodes) nodes "$3" ;;
  down) down ;;
  *) echo "usage: cluster.sh up|keda|policies|nodes DIR BIN | down DIR" >&2; exit 2 ;;
esac
