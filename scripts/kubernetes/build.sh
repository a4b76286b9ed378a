#!/bin/bash
# build.sh OUT [kubernetes|kwok|kube-router|keda]...: builds the programs of `npm run test:kubernetes` in OUT, from public
# Go modules. The first build takes 40 minutes on two busy cores. Programs that exist already are not built again.
#
# Go refuses `go install k8s.io/kubernetes/cmd/...@version`, because that go.mod replaces its parts by folders. So this
# script makes a module with the same requirements, which uses the published parts.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: build.sh OUT [kubernetes|kwok|kube-router|keda]..." >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- kubernetes kwok kube-router keda

KUBERNETES=v1.37.2
KEDA=v2.21.0
KWOK=v0.8.0
KUBE_ROUTER=v2.1.0
# Version of the published parts of Kubernetes.
PARTS=v0${KUBERNETES#v1}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CGO_ENABLED=0 GOWORK=off
export GOFLAGS="-mod=mod -buildvcs=false ${GOFLAGS:-}"

# begin_module MODULE VERSION: makes a module in its own folder that requires MODULE and all requirements of MODULE.
begin_module() {
  local source
  mkdir -p "$work/$1"
  cd "$work/$1"
  source=$(go mod download -json "$1@$2" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
  {
    echo "module programs"
    grep '^go ' "$source"
    echo "require $1 $2"
    sed -n '/^require (/,/^)/p' "$source"
    # Replacements by other published modules.
    grep '^replace [^(]' "$source" || true
  } > go.mod
}

# build NAME PACKAGE [LDFLAGS]
build() {
  SECONDS=0
  go build -trimpath -ldflags "-s -w ${3:-}" -o "$out/$1.part" "$2"
  # Renamed last, so that an incomplete program is never used.
  mv "$out/$1.part" "$out/$1"
  echo "$1: $SECONDS s"
}

missing() {
  local name
  for name in "$@"; do [ -x "$out/$name" ] || echo "$name"; done
}

# Pause program, which waits and thereby keeps a pod's network.
if [ -n "$(missing pause)" ]; then
  mkdir "$work/pause"
  cd "$work/pause"
  cat > main.go << 'GO'
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	<-signals
}
GO
  build pause main.go
fi

for what in "$@"; do
  case $what in
    kubernetes)
      names=$(missing kube-apiserver kube-controller-manager kube-scheduler kubectl kubelet kube-proxy)
      [ -n "$names" ] || continue
      begin_module k8s.io/kubernetes "$KUBERNETES"
      # Kubernetes requires version v0.0.0 of its parts, which is not published.
      parts=$(sed -n -E 's#^\s*(k8s\.io/[a-z0-9-]+) v0\.0\.0( .*)?$#\1#p' go.mod)
      for part in $parts; do echo "replace $part => $part $PARTS"; done >> go.mod
      version="-X k8s.io/component-base/version.gitVersion=$KUBERNETES -X k8s.io/client-go/pkg/version.gitVersion=$KUBERNETES"
      version+=" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=$(cut -d. -f2 <<< "$KUBERNETES")"
      for name in $names; do build "$name" "k8s.io/kubernetes/cmd/$name" "$version"; done
      ;;
    kwok)
      [ -n "$(missing kwok)" ] || continue
      begin_module sigs.k8s.io/kwok "$KWOK"
      build kwok sigs.k8s.io/kwok/cmd/kwok
      # Stages of simulated nodes and pods, because kwok has no default ones. Pods never complete.
      stages=$(go list -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage
      for stage in node/fast/node-initialize node/heartbeat-with-lease/node-heartbeat-with-lease \
        pod/fast/pod-ready pod/fast/pod-delete; do
        echo ---
        cat "$stages/$stage.yaml"
      done > "$out/kwok-stages.yaml"
      ;;
    kube-router)
      [ -n "$(missing kube-router)" ] || continue
      begin_module github.com/cloudnativelabs/kube-router/v2 "$KUBE_ROUTER"
      build kube-router github.com/cloudnativelabs/kube-router/v2/cmd/kube-router
      ;;
    keda)
      names=$(missing keda-operator keda-adapter)
      [ -n "$names" ] || continue
      begin_module github.com/kedacore/keda/v2 "$KEDA"
      for name in $names; do build "$name" "github.com/kedacore/keda/v2/cmd/${name#keda-}"; done
      # Custom resource definitions of KEDA, for the API server.
      rm -rf "$out/keda-kinds"
      cp -r --no-preserve=mode "$(go list -m -f '{{.Dir}}' github.com/kedacore/keda/v2)/config/crd/bases" "$out/keda-kinds"
      ;;
    *) echo "build.sh: unknown program: $what" >&2; exit 2 ;;
  esac
done
